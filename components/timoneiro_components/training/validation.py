"""The validation curve: how one parameter decides about over- and underfitting, and what that says, in words."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ..definition.metrics import PRIMARY, title_of
from ..definition.model import ValidationCurve
from ..definition.training import Training
from ..errors import StepError
from ..tasks.registry import better, figure_of
from .algorithms import Folds
from .crossing import cross
from .curve import NOTABLE, unit_of
from .folds import TrainingRows
from .record import ParameterFindings, ValidationPoint


def validated(
    training: Training,
    said: ValidationCurve,
    features: pd.DataFrame,
    rows: TrainingRows,
    folds: Folds,
    parameters: Mapping[str, Any],
) -> ParameterFindings:
    """Fits a model for each value in each fold; all other parameters are those of the model. Values for which no fold
    has a finite figure are left out. Raises StepError, which names the value, if a model cannot be fitted."""
    metric = PRIMARY[training.spec.task]
    figure, points = figure_of(training.spec.task, metric), []
    for value in said.values:
        try:
            parts = list(cross(training, features, rows, folds, {**parameters, said.parameter: value}))
        except StepError as error:
            raise StepError(f"spec.model.validationCurve, {said.parameter} {_word(value)}: {error}") from error
        fitted, unseen = (_mean([figure(getattr(part, side)) for part in parts]) for side in ("fitted", "unseen"))
        if math.isfinite(fitted) and math.isfinite(unseen):
            points.append(ValidationPoint(value, fitted, unseen))
    return ParameterFindings(said.parameter, points, finding(metric, said.parameter, points))


def finding(metric: str, parameter: str, points: Sequence[ValidationPoint]) -> str:
    """One sentence: which value is best, and with which ones the model underfits or overfits; "" where no value has a
    figure.

    Worse on rows that were not seen, and on those that it was fitted on as well: it underfits. Worse on the former
    only: it overfits.
    """
    if not points:
        return ""
    best = max(points, key=lambda point: better(metric, point.unseen, 0.0))
    title, least = title_of(metric), NOTABLE * unit_of(metric, best.unseen)
    worse = [point for point in points if better(metric, best.unseen, point.unseen) > least]
    if not worse:
        low, high = min(point.unseen for point in points), max(point.unseen for point in points)
        return (
            f"{parameter} makes little difference: {title} is {low:.4g} to {high:.4g} on rows that it has not seen "
            "with all values."
        )
    under = [point for point in worse if better(metric, best.fitted, point.fitted) > least]
    over = [point for point in worse if point not in under]
    said = [f"{parameter} is best at {_word(best.value)}, with {title} {best.unseen:.4g} on rows that it has not seen"]
    said += [
        f"with {_listed([_word(point.value) for point in some])} it {what} "
        f"({_listed([f'{point.unseen:.4g}' for point in some])})"
        for what, some in (("underfits", under), ("overfits", over))
        if some
    ]
    return "; ".join([*said, *_beyond(points, best, worse)]) + "."


def _beyond(points: Sequence[ValidationPoint], best: ValidationPoint, worse: Sequence[ValidationPoint]) -> list[str]:
    """Where the best of the values is at their end, and the one next to it is worse, others may be better still."""
    neighbours = {0: points[1], len(points) - 1: points[-2]}
    found = neighbours.get(points.index(best))
    if found not in worse or isinstance(best.value, bool) or not isinstance(best.value, int | float):
        return []
    return [f"it is at the end of the values: try others beyond {_word(best.value)}"]


def _mean(figures: Sequence[float]) -> float:
    known = [figure for figure in figures if math.isfinite(figure)]
    return sum(known) / len(known) if known else math.nan


def _word(value: Any) -> str:
    """As it stands in the definition."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
