"""Times of two tables that can be compared: ISO 8601, all with a zone or all without one."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ..definition.joins import AsOf
from ..errors import StepError

# pandas takes words for times, too, such as "now".
_DATE = r"^\d{4}-\d{2}-\d{2}"
# After a time of day; a date has a hyphen and two digits at its end, too.
_ZONE = r"[Tt ]\d{2}.*([Zz]|[+-]\d{2}(:?\d{2})?)$"


def times_of(left: pa.Table, right: pa.Table, as_of: AsOf, *, label: str) -> tuple[pd.Series, pd.Series]:
    """The times of the rows of both tables, missing where they are. `label`: what `right` is called in sentences.

    Raises StepError for what is no time, for times of which only some have a zone, and for a right row without one.
    """
    of_left = f"column {as_of.left!r} of the main table"
    of_right = f"{label}: column {as_of.right!r}"
    zoned = {
        of_left: _is_zoned(left.column(as_of.left), of_left),
        of_right: _is_zoned(right.column(as_of.right), of_right),
    }
    if {True, False} <= set(zoned.values()):
        with_zone = of_left if zoned[of_left] else of_right
        raise StepError(
            f"{label}: {as_of.left!r} and {as_of.right!r} cannot be compared, as only {with_zone} has a time zone: "
            "write all times with one, or all without"
        )
    if missing := right.column(as_of.right).null_count:
        raise StepError(f"{of_right} is missing in {missing:,} rows, so that nobody knows from when on they hold")
    return _parsed(left.column(as_of.left), of_left), _parsed(right.column(as_of.right), of_right)


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
