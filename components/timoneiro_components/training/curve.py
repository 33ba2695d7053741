"""The learning curve: how a model gets better with more rows, and what that says, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..definition.metrics import METRICS, PRIMARY, title_of
from ..definition.training import Training
from ..tasks.registry import better, figure_of
from .algorithms import Folds
from .crossing import cross
from .folds import TrainingRows
from .record import CurvePoint

_SHARES = (0.25, 0.5)
_FOLDS = 3
# Of a share, or of the figure itself where it has no end: differences below are not worth a word.
NOTABLE, _GAP = 0.01, 0.05


def learning_curve(
    training: Training, features: pd.DataFrame, rows: TrainingRows, folds: Folds, parameters: Mapping[str, Any]
) -> list[CurvePoint]:
    """Figures of models that were fitted on a quarter and on half of the rows of some folds; rows of one group are
    left out together. Sizes for which a fold cannot be fitted, or which are all of its rows, are left out."""
    metric = PRIMARY[training.spec.task]
    figure, found = figure_of(training.spec.task, metric), []
    for share in _SHARES:
        smaller = [(_some(fit, rows, share, training.spec.model.seed), judged) for fit, judged in folds[:_FOLDS]]
        whole = any(len(some) == len(fit) for (some, _), (fit, _) in zip(smaller, folds, strict=False))
        if whole or not all(_every_class(rows.target[fit], training) for fit, _ in smaller):
            continue
        parts = list(cross(training, features, rows, smaller, parameters))
        fitted, unseen = (float(np.mean([figure(answers) for answers in side])) for side in _sides(parts))
        if np.isfinite([fitted, unseen]).all():
            found.append(CurvePoint(int(np.mean([len(fit) for fit, _ in smaller])), fitted, unseen))
    return found


def findings(metric: str, curve: Sequence[CurvePoint], baseline: float) -> list[str]:
    """What the curve says of the model; its last point is that of all rows. `baseline`: of no column at all."""
    if not curve:
        return []
    last, title = curve[-1], title_of(metric)
    said = []
    unit = unit_of(metric, last.unseen)
    if better(metric, last.unseen, baseline) <= NOTABLE * unit:
        said.append(
            f"It underfits: {title} is {last.unseen:.4g} on rows that it has not seen, and {baseline:.4g} without "
            "looking at any column. Bring columns that say more, or a richer model."
        )
    elif better(metric, last.fitted, last.unseen) > _GAP * unit:
        said.append(
            f"It overfits: {title} is {last.fitted:.4g} on the rows that it was fitted on, and {last.unseen:.4g} on "
            "others. Bring more rows, or a simpler model."
        )
    if len(curve) > 1 and better(metric, last.unseen, curve[-2].unseen) > NOTABLE * unit:
        said.append(
            f"More rows would help: from {curve[-2].rows:,} to {last.rows:,} rows {title} went from "
            f"{curve[-2].unseen:.4g} to {last.unseen:.4g}."
        )
    return said


def unit_of(metric: str, figure: float) -> float:
    """What differences of the metric are shares of: its whole range, or the figure itself where it has no end."""
    kind = METRICS[metric]
    return 1.0 if kind.low is not None and kind.high is not None else abs(figure)


def _sides(parts: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    return [part.fitted for part in parts], [part.unseen for part in parts]


def _some(fit: np.ndarray[Any, Any], rows: TrainingRows, share: float, seed: int) -> np.ndarray[Any, Any]:
    """A share of the groups; of rows in an order the latest ones, as they would be had one begun later."""
    if rows.times is not None:
        return fit[np.argsort(rows.times[fit], kind="stable")][-max(1, int(len(fit) * share)) :]
    groups = np.unique(rows.groups[fit])
    kept = np.random.default_rng(seed).permutation(groups)[: max(1, int(len(groups) * share))]
    return fit[np.isin(rows.groups[fit], kept)]


def _every_class(target: np.ndarray[Any, Any], training: Training) -> bool:
    return all((target == name).sum() > 1 for name in training.classes) and len(target) > 1
