"""The table of a definition, whatever its source: in the types and the order that the definition says.

A new source is a module with `names` and `read`, an entry here, and a field of `spec.source`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

from ..definition.parts import joined_part, main_part
from ..definition.source import Csv, JsonLines, Parquet, Python, SourceKind, Sql
from ..definition.training import Training
from ..errors import StepError
from . import csv_files, json_lines, parquet_files, python_functions
from .columns import check_names
from .origin import Loaded, Origin, Stream, loaded
from .versions import pinned


class SourceReader(NamedTuple):
    """`names`: the columns, or None where only reading tells; raises StepError if the source is not there. `read`: the
    rows, part by part. `label`: what the source is called in sentences."""

    names: Callable[[Any], Sequence[str] | None]
    read: Callable[[Any, Training], Stream]
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
    """Every row of the source, with what is joined to it. Raises StepError with all that does not fit: columns, or
    values of columns."""
    return loaded(source_parts(training))


def source_parts(training: Training) -> Stream:
    """The same part by part: the main table is never held whole, and what is joined to it is."""
    training = pinned(training)
    if not training.spec.joins:
        return (yield from _read(training))
    # Which takes pandas to import.
    from .joining import Joiner  # noqa: PLC0415

    joiners, origins = list[Joiner](), list[Origin]()
    for position, join in enumerate(training.spec.joins):
        part = joined_part(training, join)
        with _fields_of(position):
            right = loaded(_read(part))
        reader, said = _reader(part)
        joiners.append(Joiner(right.table, join, reader.label(said)))
        origins.append(right.origin)
    main = _read(main_part(training))
    while True:
        try:
            table = next(main)
        except StopIteration as end:
            origin: Origin = end.value
            return replace(origin, joined=tuple(origins))
        for joiner in joiners:
            table = joiner.joined(table)
        yield table.select(list(training.spec.columns))


def check_source(training: Training) -> None:
    """Raises StepError if a source is not there, or has other columns than the definition. Reads no more than that.

    Of some sources only reading tells which columns there are: that is left to `read_source`.
    """
    _check(main_part(training))
    for position, join in enumerate(training.spec.joins):
        with _fields_of(position):
            _check(joined_part(training, join))


def _read(part: Training) -> Stream:
    reader, said = _reader(part)
    return reader.read(said, part)


def _check(part: Training) -> None:
    reader, said = _reader(part)
    names = reader.names(said)
    if names is not None:
        check_names(part, reader.label(said), names)


@contextmanager
def _fields_of(position: int) -> Iterator[None]:
    """Sentences about a joined table name the fields of its join in the place of those of the main table."""
    try:
        yield
    except StepError as error:
        place = rf"spec.joins[{position}].\1"
        raise StepError(re.sub(r"\bspec\.(source|columns|ignore)\b", place, str(error))) from error.__cause__


def _reader(training: Training) -> tuple[SourceReader, SourceKind]:
    """That of the one source that the definition has."""
    (said,) = training.spec.source.given.values()
    return READERS[type(said)](), said
