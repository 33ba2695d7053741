"""Rows of one table that fit rows of another: by keys, or by keys and the latest time that is not after theirs.

Guarantees: each row of the left table is there once, in its order; a row of the right table is never taken before its
time; a missing key or time fits nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa

from ..definition.joins import AsOf, Join
from ..errors import StepError
from .times import Times, require_same_zone, times_of

_ROW, _TIME = "row", "time"


@dataclass(frozen=True)
class Joiner:
    """What adds the columns of `right` that `join` takes to other tables. `label`: what `right` is called.

    Raises StepError for keys, or keys and times, that come more than once in `right`.
    """

    right: pa.Table
    join: Join
    label: str

    def joined(self, left: pa.Table) -> pa.Table:
        """`left`, or a part of it, with those columns, null where no row fits. Raises StepError for what is no time."""
        join, keys = self.join, [f"key {position}" for position in range(len(self.join.on))]
        asking, answers = _keys(left, join.on), self._answers
        if join.as_of:
            asking[_TIME] = self._times(left, join.as_of)
        asking = asking.dropna()
        if join.as_of:
            found = _latest(asking, answers, keys, join.as_of)
        else:
            found = asking.merge(answers, on=keys, how="left", suffixes=("", " found"))
        rows = np.full(left.num_rows, np.nan)
        rows[found[_ROW]] = found[f"{_ROW} found"]
        taken = self.right.select(join.columns).take(pa.array(rows, from_pandas=True).cast(pa.int64()))
        for name in join.columns:
            left = left.append_column(name, taken.column(name))
        return left

    @cached_property
    def _answers(self) -> pd.DataFrame:
        """Keys and times of the rows of `right` that have both, and their numbers; by time, if there is one."""
        answers, as_of = _keys(self.right, self.join.on), self.join.as_of
        if as_of:
            answers[_TIME] = self._known.times
        answers = answers.dropna()
        _require_unique(answers.drop(columns=_ROW), self.join, self.label)
        return answers.sort_values(_TIME, kind="stable") if as_of else answers

    @cached_property
    def _known(self) -> Times:
        if self.join.as_of is None:
            raise TypeError("there are no times without asOf")
        return times_of(
            self.right, self.join.as_of.right, f"{self.label}: column {self.join.as_of.right!r}", needed=True
        )

    def _times(self, left: pa.Table, as_of: AsOf) -> pd.Series:
        asked = times_of(left, as_of.left, f"column {as_of.left!r} of the main table")
        require_same_zone(asked, self._known, as_of, label=self.label)
        return asked.times


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
        answers,
        on=_TIME,
        by=keys,
        direction="backward",
        tolerance=pd.Timedelta(as_of.tolerance) if as_of.tolerance else None,
        suffixes=("", " found"),
    )
