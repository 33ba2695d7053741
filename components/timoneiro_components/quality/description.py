"""What values of a column are like, for the report: figures of parts of a table add up to those of the whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from .check import CheckedRows


@dataclass(frozen=True)
class ColumnFigures:
    """Of the values that are there: how many, their sum, the smallest and the largest. Times in seconds since 1970."""

    count: int
    total: float
    smallest: float | None
    largest: float | None

    def __add__(self, other: ColumnFigures) -> ColumnFigures:
        smallest = [end for end in (self.smallest, other.smallest) if end is not None]
        largest = [end for end in (self.largest, other.largest) if end is not None]
        return ColumnFigures(
            self.count + other.count,
            self.total + other.total,
            min(smallest, default=None),
            max(largest, default=None),
        )


@dataclass(frozen=True)
class TableFigures:
    """Those of the columns of numbers and times."""

    by_column: Mapping[str, ColumnFigures]

    def __add__(self, other: TableFigures) -> TableFigures:
        nothing = ColumnFigures(0, 0.0, None, None)
        names = {**self.by_column, **other.by_column}
        return TableFigures(
            {name: self.by_column.get(name, nothing) + other.by_column.get(name, nothing) for name in names}
        )


def describe(rows: CheckedRows) -> TableFigures:
    """What their values are like."""
    return TableFigures(
        {
            name: _figures(rows.table.column(name))
            for name, column in rows.training.columns.items()
            if column.type in ("Number", "Integer", "Time")
        }
    )


def _figures(values: pa.ChunkedArray) -> ColumnFigures:
    numbers = values.cast(pa.int64()) if pa.types.is_timestamp(values.type) else values
    scale = 1e6 if numbers is not values else 1
    ends = pc.min_max(numbers).as_py()
    known = len(values) - values.null_count
    if not known:
        return ColumnFigures(0, 0.0, None, None)
    total = float(pc.sum(numbers.cast(pa.float64(), safe=False)).as_py())
    return ColumnFigures(known, total / scale, ends["min"] / scale, ends["max"] / scale)
