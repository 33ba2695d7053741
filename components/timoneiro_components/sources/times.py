"""Times of two tables that can be compared: ISO 8601, all with a zone or all without one."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ..definition.joins import AsOf
from ..errors import StepError

# pandas takes words for times, too, such as "now".
_DATE = r"^\d{4}-\d{2}-\d{2}"
# After a time of day; a date has a hyphen and two digits at its end, too.
_ZONE = r"[Tt ]\d{2}.*([Zz]|[+-]\d{2}(:?\d{2})?)$"


@dataclass(frozen=True)
class Times:
    """Those of the rows of a table, missing where they are. `zoned`: whether they have a zone; None where there is no
    time at all. `what`: what the column is called in sentences."""

    times: pd.Series
    zoned: bool | None
    what: str


def times_of(table: pa.Table, name: str, what: str, *, needed: bool = False) -> Times:
    """The times in a column. Raises StepError for what is no time, for times of which only some have a zone, and where
    one is missing that is `needed`."""
    column = table.column(name)
    zoned = _is_zoned(column, what)
    if needed and (missing := column.null_count):
        raise StepError(f"{what} is missing in {missing:,} rows, so that nobody knows from when on they hold")
    return Times(_parsed(column, what), zoned, what)


def require_same_zone(left: Times, right: Times, as_of: AsOf, *, label: str) -> None:
    """Raises StepError where only one of them has zones. `label`: what the joined table is called."""
    if {True, False} <= {left.zoned, right.zoned}:
        with_zone = left.what if left.zoned else right.what
        raise StepError(
            f"{label}: {as_of.left!r} and {as_of.right!r} cannot be compared, as only {with_zone} has a time zone: "
            "write all times with one, or all without"
        )


def _is_zoned(column: pa.ChunkedArray, what: str) -> bool | None:
    """None where there is no time at all."""
    if pa.types.is_timestamp(column.type):
        return True
    found = pc.sum(pc.match_substring_regex(column, _ZONE)).as_py() or 0
    known = len(column) - column.null_count
    if 0 < found < known:
        raise StepError(f"{what} has a time zone in {found:,} of {known:,} rows: write all with one, or all without")
    return bool(found) if known else None


def _parsed(column: pa.ChunkedArray, what: str) -> pd.Series:
    if pa.types.is_timestamp(column.type):
        return column.to_pandas().astype("datetime64[ns, UTC]")
    dates = pc.if_else(pc.match_substring_regex(column, _DATE), column, None)
    # In one zone; times without any are compared with none that has one.
    times = pd.to_datetime(dates.to_pandas(), format="ISO8601", utc=True, errors="coerce")
    if wrong := int(times.isna().sum()) - column.null_count:
        count = "1 value that is" if wrong == 1 else f"{wrong:,} values that are"
        raise StepError(f"{what} has {count} no time: write 2025-01-31T12:00:00, in the years 1678 to 2261")
    return times.astype("datetime64[ns, UTC]")
