"""Batches of text columns from a CSV file: quotes, line breaks within values and any separator, in bounded memory."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pyarrow import csv as arrow_csv

from ..errors import StepError
from .dialect import Dialect
from .files import TableFile

# Of text that is read at a time, for which pyarrow takes 25 times the memory. A row cannot be larger than two of them.
_BLOCK_BYTES = 2 * 2**20


def read_text(file: TableFile, dialect: Dialect) -> Iterator[pa.RecordBatch]:
    """Every row of `file`, all columns as text. Raises StepError where the file is no table, with the row."""
    ragged: list[str] = []

    def refuse(row: arrow_csv.InvalidRow) -> str:
        number = f"row {row.number - 1}" if row.number else "a row"
        ragged.append(f"{number} has {row.actual_columns} values, and the header names {row.expected_columns} columns")
        return "error"

    try:
        # Opened here: by its name pyarrow would unpack it, which the header was not.
        with file.path.open("rb") as stream:
            yield from arrow_csv.open_csv(
                stream,
                # One thread: rows are numbered, and the steps run beside others.
                read_options=arrow_csv.ReadOptions(
                    use_threads=False, block_size=_BLOCK_BYTES, encoding=dialect.encoding
                ),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=dialect.separator, newlines_in_values=True, invalid_row_handler=refuse
                ),
                convert_options=arrow_csv.ConvertOptions(
                    column_types={name: pa.string() for name in dialect.names}, strings_can_be_null=False
                ),
            )
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise StepError(f"{file.label}: {ragged[0] if ragged else _sentence(error)}") from None
    if _has_quotes(file.path):
        _check_quotes(file, dialect)


def _has_quotes(file: Path) -> bool:
    with file.open("rb") as stream:
        return any(b'"' in block for block in iter(lambda: stream.read(_BLOCK_BYTES), b""))


def _check_quotes(file: TableFile, dialect: Dialect) -> None:
    """Raises StepError where quotes are not as RFC 4180 has them: pyarrow makes something of it, and rows vanish.

    A second reading, and slower than the first: only of files that have quotes.
    """
    csv.field_size_limit(4 * _BLOCK_BYTES)
    with file.path.open(encoding=dialect.encoding, newline="") as stream:
        reader = csv.reader(stream, delimiter=dialect.separator, strict=True)
        try:
            deque(reader, maxlen=0)
        except csv.Error:
            raise StepError(
                f"{file.label}: a quote near line {reader.line_num} is not closed, or is within a value and not doubled"
            ) from None


def _sentence(error: Exception) -> str:
    """Without pyarrow's words, which quote the row."""
    words = str(error)
    if "UTF8" in words or isinstance(error, UnicodeDecodeError):
        return "a row is not in the encoding of the others: set spec.source.csv.encoding"
    if "straddling" in words or "block" in words:
        return "a row has more than 4 MiB: is a quote not closed?"
    return "it cannot be read as CSV: check quotes and spec.source.csv.separator"
