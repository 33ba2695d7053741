"""Whose rows are left out of every run: a list of keys, which is read anew each time and never written."""

from __future__ import annotations

import csv
import io
import unicodedata
from functools import reduce
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ..definition.training import Training
from ..errors import StepError

_SEPARATORS = (",", ";", "\t", "|")


def erasure_list(training: Training) -> tuple[list[str], set[tuple[str, ...]]]:
    """The names of the keys, and the keys of the rows to leave out; nothing if the definition has no list.

    Raises StepError for a list that is not there or cannot be read: whoever is on it would stay in the data.
    """
    erasure = training.spec.privacy.erasure
    if erasure is None:
        return [], set()
    names, file = list(erasure.keys or training.keys), Path(erasure.path)
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            return names, _keys(stream.read(), names, file)
    except FileNotFoundError:
        raise StepError(f"{file} is not there: spec.privacy.erasure.path is relative to training.yaml") from None
    except UnicodeDecodeError as error:
        raise StepError(f"{file} is no UTF-8 text (byte {error.start}): save it as UTF-8") from None
    except (OSError, ValueError) as error:
        raise StepError(f"{file} cannot be read: {getattr(error, 'strerror', None) or type(error).__name__}") from None


def without_erased(table: pa.Table, names: list[str], keys: set[tuple[str, ...]]) -> tuple[pa.Table, int]:
    """The rows of `table` whose key is none of `keys`, and how many were left out."""
    if not keys:
        return table, 0
    wanted = reduce(_joined, (pa.chunked_array([list(part)], pa.string()) for part in zip(*keys, strict=True)))
    found = reduce(_joined, (_comparable(table.column(name)) for name in names))
    erased = pc.fill_null(pc.is_in(found, wanted.combine_chunks()), False)
    return table.filter(pc.invert(erased)), int(pc.sum(erased).as_py() or 0)


def _keys(text: str, names: list[str], file: Path) -> set[tuple[str, ...]]:
    lines = io.StringIO(text, newline="")
    header = lines.readline()
    for separator in _SEPARATORS:
        found = [name.strip() for name in next(csv.reader([header], delimiter=separator), [])]
        if set(names) <= set(found):
            break
    else:
        raise StepError(f"{file} does not begin with a line that names {', '.join(names)}, which are its keys")
    places = [found.index(name) for name in names]
    keys: set[tuple[str, ...]] = set()
    reader = csv.reader(lines, delimiter=separator, strict=True)
    try:
        for row in reader:
            if not any(part.strip() for part in row):
                continue
            parts = tuple(_plain(row[place]) for place in places) if len(row) > max(places) else ()
            if not parts or not all(parts):
                raise StepError(f"{file}: line {reader.line_num + 1} lacks a value for {', '.join(names)}")
            keys.add(parts)
    except csv.Error:
        raise StepError(f"{file}: a quote near line {reader.line_num + 1} is not closed") from None
    return keys


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


def _comparable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.utf8_trim_whitespace(pc.utf8_normalize(column, "NFC"))


def _joined(left: pa.ChunkedArray, right: pa.ChunkedArray) -> pa.ChunkedArray:
    """One text for both, and another one for every other two: with the length of the first before them."""
    return pc.binary_join_element_wise(pc.utf8_length(left).cast(pa.string()), left, right, ":")
