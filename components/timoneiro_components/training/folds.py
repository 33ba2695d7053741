"""Rows to fit on and rows to judge by, several times over.

Guarantees: rows of one group are on one side of every fold; where an order is said, each fold is judged on rows later
than all that it was fitted on; the same rows and seed give the same folds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

from ..definition.metrics import REGRESSION
from ..definition.training import Training
from ..errors import StepError
from .algorithms import Folds

Numbers = np.ndarray[Any, Any]


@dataclass(frozen=True)
class TrainingRows:
    """Of n rows: the target, the number of the group that each belongs to, and when it was (None: not said), each of
    shape (n,)."""

    target: Numbers
    groups: Numbers
    times: Numbers | None = None

    def take(self, rows: Numbers) -> TrainingRows:
        return TrainingRows(self.target[rows], self.groups[rows], None if self.times is None else self.times[rows])


def folds_of(training: Training, rows: TrainingRows) -> Folds:
    """Positions of rows to fit on and to judge by, for each fold. Raises StepError where rows do not suffice."""
    count = training.spec.split.folds
    if rows.times is not None:
        return _in_order(rows.times, count)
    return _partition(training, rows, count, shuffle=True)


def calibration_folds(training: Training, rows: TrainingRows) -> Folds:
    """Folds that judge each row once, as calibration needs them; where an order is said, of rows that follow each
    other."""
    return _partition(training, rows, min(training.spec.split.folds, 5), shuffle=rows.times is None)


def _partition(training: Training, rows: TrainingRows, count: int, *, shuffle: bool) -> Folds:
    seed = training.spec.model.seed if shuffle else None
    classes = training.spec.task != REGRESSION
    groups = len(np.unique(rows.groups))
    grouped = groups < len(rows.groups)
    if grouped and groups < count:
        what = "1 group" if groups == 1 else f"{groups} groups"
        raise StepError(f"{what} of training rows cannot make {count} folds: lower spec.split.folds")
    splitter: Any
    if grouped:
        splitter = (StratifiedGroupKFold if classes else GroupKFold)(count, shuffle=shuffle, random_state=seed)
    else:
        splitter = (StratifiedKFold if classes else KFold)(count, shuffle=shuffle, random_state=seed)
    try:
        return list(splitter.split(rows.target, rows.target, rows.groups if grouped else None))
    except ValueError as error:
        raise StepError(f"the rows cannot make {count} folds: {str(error).splitlines()[0]}") from error


def _in_order(times: Numbers, count: int) -> Folds:
    ordered = np.sort(times)
    bounds = [ordered[len(ordered) * part // (count + 1)] for part in range(1, count + 1)]
    found = []
    for position, bound in enumerate(bounds):
        earlier, later = times < bound, times >= bound
        if position + 1 < count:
            later &= times < bounds[position + 1]
        if not earlier.any() or not later.any():
            raise StepError(f"too many rows of the same time for {count} folds: lower spec.split.folds")
        found.append((np.flatnonzero(earlier), np.flatnonzero(later)))
    return found
