"""Batches of text columns from a CSV file: quotes, line breaks within values and any separator, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pyarrow import csv as arrow_csv

from ..definition.training import Csv
from ..errors import StepError
from .dialect import dialect_of

# Of text that is read at a time. A row cannot be larger than two of them.
_BLOCK_BYTES = 8 * 2**20


def read_text(file: Path, said: Csv) -> Iterator[pa.RecordBatch]:
    """Every row of `file`, all columns as text. Raises StepError where the file is no table, with the row."""
    dialect = dialect_of(file, said)
    ragged: list[str] = []

    def refuse(row: arrow_csv.InvalidRow) -> str:
        number = f"row {row.number - 1}" if row.number else "a row"
        ragged.append(f"{number} has {row.actual_columns} values, and the header names {row.expected_columns} columns")
        return "error"

    last: pa.RecordBatch | None = None
    try:
        for batch in arrow_csv.open_csv(
            str(file),
            # One thread: rows are numbered, and the steps run beside others.
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES, encoding=dialect.encoding),
            parse_options=arrow_csv.ParseOptions(
                delimiter=dialect.separator, newlines_in_values=True, invalid_row_handler=refuse
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types={name: pa.string() for name in dialect.names}, strings_can_be_null=False
            ),
        ):
            last = batch if batch.num_rows else last
            yield batch
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise StepError(f"{file}: {ragged[0] if ragged else _sentence(error)}") from None
    if last is not None and _is_open(file, last):
        raise StepError(f"{file}: a quote that is never closed has taken the rest of the rows with it")


def _is_open(file: Path, last: pa.RecordBatch) -> bool:
    """Whether the end of the file came within a quote: pyarrow takes that for the end of the quote."""
    cell = last.column(last.num_columns - 1)[last.num_rows - 1].as_py()
    with file.open("rb") as stream:
        stream.seek(max(0, file.stat().st_size - 64))
        end = stream.read().rstrip(b"\r\n\x00")
    return "\n" in cell and not end.endswith(b'"')


def _sentence(error: Exception) -> str:
    """Without pyarrow's words, which quote the row."""
    words = str(error)
    if "UTF8" in words or isinstance(error, UnicodeDecodeError):
        return "a row is not in the encoding of the others: set spec.source.csv.encoding"
    if "straddling" in words or "block" in words:
        return "a row has more than 16 MiB: is a quote not closed?"
    return "it cannot be read as CSV: check quotes and spec.source.csv.separator"
