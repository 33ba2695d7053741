"""Early stopping: how many stages a boosted model gets, by the folds of the definition.

The early stopping of scikit-learn itself judges by rows that it takes at random, and so by rows of the groups and of
the times that it has learnt from. Here every fold is fitted with the largest number and judged after each stage; the
number whose mean over the folds is best is the model's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..definition.metrics import PRIMARY, title_of
from ..definition.model import EarlyStopping
from ..definition.training import Training
from ..errors import StepError
from ..tasks.answers import ModelAnswers
from ..tasks.registry import better, figure_of
from .algorithms import Folds, stage_parameter
from .crossing import class_answers, fitted
from .folds import TrainingRows
from .record import StageFindings

# Of the curve that is kept for the report.
_MOST_POINTS = 100


@dataclass(frozen=True)
class BestStage:
    """The number of stages with the best figure (NaN: none has one), and whether stages without a better one followed
    for as long as the patience."""

    number: int
    figure: float
    waited: bool


def stopped(
    training: Training,
    said: EarlyStopping,
    features: pd.DataFrame,
    rows: TrainingRows,
    folds: Folds,
    parameters: Mapping[str, Any],
) -> StageFindings:
    """The number of stages for these parameters, and how it was found. Raises StepError if a model cannot be fitted, or
    if no fold can judge it."""
    metric, parameter = stage_metric(training), stage_parameter(training)
    curves = list(stage_curves(training, features, rows, folds, parameters))
    means = mean_curve(curves)
    best = best_stage(metric, means, said.patience)
    if math.isnan(best.figure):
        raise StepError(f"no fold has a finite {title_of(metric)}: use fewer folds or bring more data")
    alone = [best_stage(metric, curve, said.patience) for curve in curves]
    by_fold = [found.number for found in alone if not math.isnan(found.figure)]
    looked_at = best.number + said.patience if best.waited else len(means)
    return StageFindings(
        parameter=parameter,
        metric=metric,
        number=best.number,
        by_fold=by_fold,
        curve=_points(means[:looked_at], best.number),
        finding=finding(metric, parameter, len(means), best, said.patience, by_fold),
    )


def stage_metric(training: Training) -> str:
    """What stages are judged by: the metric of the search, or that of the task."""
    search = training.spec.model.search
    return (search.metric if search is not None else None) or PRIMARY[training.spec.task]


def stage_curves(
    training: Training, features: pd.DataFrame, rows: TrainingRows, folds: Folds, parameters: Mapping[str, Any]
) -> Iterator[list[float]]:
    """The figure of the rows that a fold judges after each stage, as many as the algorithm may have, fold by fold.
    Probabilities are those before calibration. Raises StepError if a model cannot be fitted."""
    figure, parameter = figure_of(training.spec.task, stage_metric(training)), stage_parameter(training)
    for fit, judged in folds:
        model = fitted(training, features.iloc[fit], rows.take(fit), parameters, calibrated=False)
        prepared = model[:-1].transform(features.iloc[judged])
        curve = [figure(answers) for answers in _staged(model[-1], prepared, rows.target[judged], training)]
        # One that has nothing left to learn ends by itself, and would be the same with more stages.
        yield curve + curve[-1:] * (model[-1].get_params()[parameter] - len(curve))


def mean_curve(curves: Sequence[Sequence[float]]) -> list[float]:
    """The mean of the folds after each stage; NaN where one has no figure that has one in the end."""
    known = [curve for curve in curves if math.isfinite(curve[-1])]
    return [float(mean) for mean in np.mean(known, axis=0)] if known else [math.nan]


def best_stage(metric: str, curve: Sequence[float], patience: int) -> BestStage:
    """The best of the stages up to where `patience` of them were no better. A stage without a figure is no better."""
    number, best = 0, math.nan
    for stage, found in enumerate(curve, start=1):
        if math.isfinite(found) and (math.isnan(best) or better(metric, found, best) > 0):
            number, best = stage, found
        elif number and stage - number >= patience:
            return BestStage(number, best, waited=True)
    return BestStage(number, best, waited=False)


def finding(metric: str, parameter: str, most: int, best: BestStage, patience: int, by_fold: Sequence[int]) -> str:
    """One sentence: the number, why it is that, and how much the folds agree."""
    if best.waited:
        then = f"and no better in the {patience} after it"
    else:
        then = f"and so near to the end that it may get better still: raise {parameter}"
    low, high = min(by_fold), max(by_fold)
    alone = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    return (
        f"{parameter} is {best.number:,} of at most {most:,}: with so many stages {title_of(metric)} is best on rows "
        f"that it has not seen ({best.figure:.4g}, mean of the folds), {then}. For single folds {alone} is best."
    )


def _staged(model: Any, prepared: Any, truth: Any, training: Training) -> Iterator[ModelAnswers]:
    if not training.classes:
        for predicted in model.staged_predict(prepared):
            yield ModelAnswers(truth, np.asarray(predicted, dtype=float))
        return
    for probabilities in model.staged_predict_proba(prepared):
        yield class_answers(model.classes_, probabilities, truth, training.classes)


def _points(means: Sequence[float], best: int) -> list[tuple[int, float]]:
    """Some of the stages with their figures, the best one and both ends among them."""
    some = np.linspace(1, len(means), min(len(means), _MOST_POINTS)).round().astype(int)
    stages = sorted({best, *some.tolist()})
    return [(stage, means[stage - 1]) for stage in stages if math.isfinite(means[stage - 1])]
