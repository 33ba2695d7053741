"""Rows of one table that fit rows of another: by keys, or by keys and the latest time that is not after theirs.

Guarantees: each row of the left table is there once, in its order; a row of the right table is never taken before its
time; a missing key or time fits nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from ..definition.joins import AsOf, Join
from ..errors import StepError
from .times import times_of

_ROW, _TIME = "row", "time"


def joined(left: pa.Table, right: pa.Table, join: Join, *, label: str) -> pa.Table:
    """`left` with the columns of `right` that `join` takes, null where no row fits. `label`: what `right` is called.

    Raises StepError for keys, or keys and times, that come more than once in `right`.
    """
    keys = [f"key {position}" for position in range(len(join.on))]
    asking, answers = _keys(left, join.on), _keys(right, join.on)
    if join.as_of:
        asking[_TIME], answers[_TIME] = times_of(left, right, join.as_of, label=label)
    asking, answers = asking.dropna(), answers.dropna()
    _require_unique(answers.drop(columns=_ROW), join, label)
    if join.as_of:
        found = _latest(asking, answers, keys, join.as_of)
    else:
        found = asking.merge(answers, on=keys, how="left", suffixes=("", " found"))
    rows = np.full(left.num_rows, np.nan)
    rows[found[_ROW]] = found[f"{_ROW} found"]
    taken = right.select(join.columns).take(pa.array(rows, from_pandas=True).cast(pa.int64()))
    for name in join.columns:
        left = left.append_column(name, taken.column(name))
    return left


def _keys(table: pa.Table, names: Sequence[str]) -> pd.DataFrame:
    """The keys of each row, and its number."""
    types = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    frame = table.select(names).to_pandas(types_mapper=types.get)
    frame.columns = [f"key {position}" for position in range(len(names))]
    return frame.assign(**{_ROW: np.arange(table.num_rows)})


def _require_unique(answers: pd.DataFrame, join: Join, label: str) -> None:
    repeated = answers[answers.duplicated(keep=False)].drop_duplicates()
    if len(repeated):
        what = f"{', '.join(join.on)}{f' and {join.as_of.right}' if join.as_of else ''}"
        count = "1 of them comes" if len(repeated) == 1 else f"{len(repeated):,} of them come"
        raise StepError(f"{label}: each {what} may be there once, and {count} more than once")


def _latest(asking: pd.DataFrame, answers: pd.DataFrame, keys: list[str], as_of: AsOf) -> pd.DataFrame:
    return pd.merge_asof(
        asking.sort_values(_TIME, kind="stable"),
        answers.sort_values(_TIME, kind="stable"),
        on=_TIME,
        by=keys,
        direction="backward",
        tolerance=pd.Timedelta(as_of.tolerance) if as_of.tolerance else None,
        suffixes=("", " found"),
    )
