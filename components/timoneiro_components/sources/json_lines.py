"""A file with a JSON object in each line as a source."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import pyarrow as pa
from pyarrow import json as arrow_json

from ..definition.source import JsonLines
from ..definition.training import Training
from ..errors import StepError
from .columns import check_names, in_types
from .files import TableFile, digest_of, open_file, whole_file
from .origin import Origin, Stream

_BLOCK_BYTES = 8 * 2**20
_ROW = re.compile(r"in row (\d+)")
_CHANGED = re.compile(r"Column\(/([^)]*)\) (?:changed from|was specified as) (\w+)(?: but was found as | to )(\w+)")


def names(said: JsonLines) -> None:
    """Which columns there are is not known before all lines were read. Raises StepError if there is no such file."""
    open_file(said.path).close()


def read(said: JsonLines, training: Training) -> Stream:
    """Every line. Raises StepError for what is no JSON object, with its row, and for columns that do not fit."""
    with whole_file(said.path) as file:
        with file.path.open("rb") as stream:
            _require_objects(said.path, stream)
        table = _table(file, {})
        # pyarrow makes times of text that looks like them, and their zones are gone: in JSON they are text.
        times = [field.name for field in table.schema if pa.types.is_timestamp(field.type)]
        if times:
            table = _table(file, dict.fromkeys(times, pa.string()))
        digest = digest_of(file)
    check_names(training, said.path, table.column_names)
    yield in_types(training, said.path, table)
    return Origin("jsonLines", digest.address, files=(digest,))


def _require_objects(label: str, lines: Iterable[bytes]) -> None:
    """Raises StepError for the first line that is none: pyarrow does not live through some of them."""
    rows = 0
    for line in lines:
        begin = line.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        rows += bool(begin)
        if begin not in (b"", b"{"):
            raise StepError(f"{label}: row {rows}: it is no JSON object in a line of its own")
    if not rows:
        raise StepError(f"{label} is empty")


def _table(file: TableFile, types: Mapping[str, pa.DataType]) -> pa.Table:
    try:
        return arrow_json.read_json(
            file.path,
            read_options=arrow_json.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
            parse_options=arrow_json.ParseOptions(explicit_schema=pa.schema(list(types.items()))),
        )
    except pa.ArrowInvalid as error:
        raise StepError(f"{file.label}: {_sentence(str(error))}") from None


def _sentence(words: str) -> str:
    """Without what pyarrow quotes of the line."""
    row = _ROW.search(words)
    where = f"row {int(row.group(1)) + 1}: " if row else ""
    if changed := _CHANGED.search(words):
        column, before, after = changed.groups()
        return f"{where}column {column!r} is a {after}, and a {before} in the rows before"
    if "straddling" in words:
        return "a row has more than 8 MiB"
    return f"{where}it is no JSON object in a line of its own"
