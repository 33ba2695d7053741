"""What a query of a database gives as a source, or one of its tables: read row by row, in bounded memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
import sqlalchemy as sa

from ..definition.columns import Column
from ..definition.source import Sql
from ..definition.training import Training
from ..errors import StepError
from .columns import check_names, in_types
from .databases import address_of, public_address, reading
from .origin import Origin, Stream

# That are objects of Python at a time.
_ROWS = 10_000


def names(said: Sql) -> list[str]:
    """The columns, as the database names them without reading a row. Raises StepError if it cannot be asked."""
    with reading(said, bounded=True) as connection:
        return list(connection.exec_driver_sql(f"{_question(said, connection)} LIMIT 0").keys())


def read(said: Sql, training: Training) -> Stream:
    """Every row. Raises StepError for columns that do not fit."""
    label, columns = address_of(said), training.spec.columns
    empty = True
    with (
        reading(said, bounded=False) as connection,
        connection.exec_driver_sql(_question(said, connection), execution_options={"yield_per": _ROWS}) as result,
    ):
        found = list(result.keys())
        check_names(training, label, found)
        # SQLite keeps truth as 0 and 1, as it has no type for it.
        truth_is_a_number = connection.dialect.name == "sqlite"
        wanted = {found.index(name): (name, columns[name]) for name in columns}
        for rows in result.partitions(_ROWS):
            chunk = _chunk(label, rows, wanted, truth_is_a_number=truth_is_a_number)
            empty = False
            yield in_types(training, label, chunk)
    if empty:
        raise StepError(f"{label} has no rows")
    return Origin("sql", public_address(said), query=_query_digest(said))


def _query_digest(said: Sql) -> str:
    text = f"table {said.table}" if said.query is None else said.query
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _question(said: Sql, connection: sa.Connection) -> str:
    """The query within another one: what stands there can only be one that reads, and names are those of the rows."""
    if said.table is None:
        query = (said.query or "").strip().rstrip(";")
    else:
        schema, _, table = said.table.rpartition(".")
        whole: sa.Select[Any] = sa.select(sa.literal_column("*")).select_from(sa.table(table, schema=schema or None))
        query = str(whole.compile(dialect=connection.dialect))
    # The line break ends a comment.
    return f"SELECT * FROM (\n{query}\n) AS asked"  # noqa: S608  # whoever writes the definition asks


def _chunk(
    label: str, rows: Sequence[Any], wanted: Mapping[int, tuple[str, Column]], *, truth_is_a_number: bool
) -> pa.Table:
    arrays = {}
    for position, (name, column) in wanted.items():
        values = [row[position] for row in rows]
        try:
            if column.type != "Boolean" or truth_is_a_number:
                values = [_CONVERTERS[column.type](value) for value in values]
            arrays[name] = pa.array(values)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            raise StepError(f"{label}: column {name!r} has values of several types, or of an odd type") from None
    return pa.table(arrays)


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, Decimal) and value == value.to_integral_value() else value


def _truth(value: Any) -> Any:
    return bool(value) if type(value) is int and value in (0, 1) else value


def _time(value: Any) -> Any:
    # Times with a zone and without one make no array together.
    return value.isoformat() if isinstance(value, date) else value


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal | UUID) else value


_CONVERTERS: Mapping[str, Callable[[Any], Any]] = {
    "Number": _number,
    "Integer": _whole,
    "Boolean": _truth,
    "Category": _text,
    "Time": _time,
    "Key": _text,
}
