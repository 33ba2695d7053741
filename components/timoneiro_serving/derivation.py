"""What a model sees beside the columns of a request: parts of times, and numbers that are computed of others.

The first step of a pipeline that is trained and served as one, so that both sides compute the same. It learns nothing
from rows, and runs no text: a formula is a tree of lists, of which every operator is known here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from .times import part_columns

RowNumbers = np.ndarray[Any, np.dtype[np.float64]]
# A column by its name, a number, or an operator with what it takes: ["/", ["column", "debt"], ["column", "income"]].
Formula = Sequence[Any] | float
_SECONDS_A_DAY = 86_400.0
# Each part with how many of it there are until it begins anew.
PARTS: Mapping[str, tuple[Callable[[pd.DatetimeIndex], Any], float]] = {
    "TimeOfDay": (lambda times: times.hour + times.minute / 60 + times.second / 3600, 24.0),
    "DayOfWeek": (lambda times: times.dayofweek, 7.0),
    "DayOfMonth": (lambda times: times.day - 1, 31.0),
    "DayOfYear": (lambda times: times.dayofyear - 1, 366.0),
}
_OPERATORS: Mapping[str, Callable[[RowNumbers, RowNumbers], RowNumbers]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "daysBetween": lambda left, right: (left - right) / _SECONDS_A_DAY,
}


class Derivation(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn carries no types
    """Columns of a request in, columns that the model learns from out.

    `limits`: [column, lowest, highest], of which either may be None: what is beyond is taken as the limit.
    `calendar`: [column, part, time zone]; a part of a time goes round, and becomes a sine and a cosine.
    `formulas`: [name, formula]; what is no finite number is missing.
    `times`: columns that are only computed with, in seconds since 1970, and not passed on.
    """

    def __init__(
        self,
        limits: Sequence[Any] = (),
        calendar: Sequence[Any] = (),
        formulas: Sequence[Any] = (),
        times: Sequence[str] = (),
    ) -> None:
        self.limits, self.calendar, self.formulas, self.times = limits, calendar, formulas, times

    def fit(self, rows: pd.DataFrame, target: Any = None) -> Self:
        """Remembers which columns there are, and nothing else."""
        del target
        self.feature_names_in_ = np.asarray(rows.columns, dtype=object)
        self.n_features_in_ = len(rows.columns)
        return self

    def transform(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows with what is computed of them after their own columns."""
        columns: dict[str, Any] = {str(name): rows[name].to_numpy() for name in rows.columns}
        for name, low, high in self.limits:
            columns[name] = np.clip(columns[name], low, high)
        # All of them are computed before any is added: a formula is about columns of a request.
        added = {name: value for part in self.calendar for name, value in _part(columns, *part)}
        added |= {name: _finite(_value(formula, columns), len(rows)) for name, formula in self.formulas}
        kept = {name: values for name, values in columns.items() if name not in self.times}
        return pd.DataFrame(kept | added, index=rows.index)


def _part(columns: Mapping[str, RowNumbers], column: str, part: str, zone: str) -> list[tuple[str, RowNumbers]]:
    of, period = PARTS[part]
    # pandas takes NaN for a time now and then, and for an error.
    known = np.isfinite(columns[column])
    microseconds = np.round(np.where(known, columns[column], 0.0) * 1e6).astype("int64")
    times = pd.DatetimeIndex(microseconds.view("datetime64[us]")).tz_localize("UTC").tz_convert(zone)
    turns = np.where(known, np.asarray(of(times), dtype=float) * (2 * np.pi / period), np.nan)
    sine, cosine = part_columns(column, part)
    return [(sine, np.sin(turns)), (cosine, np.cos(turns))]


def _value(formula: Formula, columns: Mapping[str, RowNumbers]) -> Any:
    if isinstance(formula, int | float):
        return float(formula)
    operator, *operands = formula
    if operator == "column":
        return columns[operands[0]]
    left, right = (_value(operand, columns) for operand in operands)
    with np.errstate(all="ignore"):
        return _OPERATORS[operator](left, right)


def _finite(values: Any, rows: int) -> RowNumbers:
    found = np.broadcast_to(np.asarray(values, dtype=float), (rows,))
    return np.where(np.isfinite(found), found, np.nan)
