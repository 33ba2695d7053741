"""The table of a definition, whatever its source: in the types and the order that the definition says.

A new source is a module with `names` and `read`, an entry here, and a field of `spec.source`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ..definition.source import Csv, JsonLines, Parquet, Python, SourceKind, Sql
from ..definition.training import Training
from . import csv_files, json_lines, parquet_files, python_functions
from .columns import check_names
from .origin import Loaded


class SourceReader(NamedTuple):
    """`names`: the columns, or None where only reading tells; raises StepError if the source is not there. `read`: all
    rows. `label`: what the source is called in sentences."""

    names: Callable[[Any], Sequence[str] | None]
    read: Callable[[Any, Training], Loaded]
    label: Callable[[Any], str]


def _sql() -> SourceReader:
    # A third of a second to import, which other sources do without.
    from . import databases, sql_queries  # noqa: PLC0415

    return SourceReader(sql_queries.names, sql_queries.read, databases.address_of)


READERS: Mapping[type[SourceKind], Callable[[], SourceReader]] = {
    Csv: lambda: SourceReader(csv_files.names, csv_files.read, lambda said: str(said.path)),
    Parquet: lambda: SourceReader(parquet_files.names, parquet_files.read, lambda said: str(said.path)),
    JsonLines: lambda: SourceReader(json_lines.names, json_lines.read, lambda said: str(said.path)),
    Sql: _sql,
    Python: lambda: SourceReader(python_functions.names, python_functions.read, lambda said: str(said.function)),
}


def read_source(training: Training) -> Loaded:
    """Every row of the source. Raises StepError with all that does not fit: columns, or values of columns."""
    reader, said = _reader(training)
    return reader.read(said, training)


def check_source(training: Training) -> None:
    """Raises StepError if the source is not there, or has other columns than the definition. Reads no more than that.

    Of some sources only reading tells which columns there are: that is left to `read_source`.
    """
    reader, said = _reader(training)
    names = reader.names(said)
    if names is not None:
        check_names(training, reader.label(said), names)


def _reader(training: Training) -> tuple[SourceReader, SourceKind]:
    """That of the one source that the definition has."""
    (said,) = training.spec.source.given.values()
    return READERS[type(said)](), said
