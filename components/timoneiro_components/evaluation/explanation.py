"""Which columns a model's answers hang on, and how they follow the most important ones.

Permutation importance (Breiman 2001): what the figure loses when a column's values change places. Partial dependence
(Friedman 2001): the mean answer with one column set to a value in all rows. Both ask the model as it is served.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..definition.metrics import PRIMARY
from ..tasks.answers import Array, ModelAnswers
from ..tasks.registry import better, figure_of
from .scoring import JudgedModel

_IMPORTANCE_ROWS = 2_000
_REPEATS = 3
_DEPENDENCE_ROWS = 500
_DEPENDENCE_COLUMNS = 6
_POINTS = 12


@dataclass(frozen=True)
class Importance:
    """By how much the figure gets worse without what a column says: mean and standard deviation over repeats."""

    column: str
    loss: float
    deviation: float


@dataclass(frozen=True)
class Dependence:
    """The mean answer (of two classes the probability of the judged one, of several that of each row's own answer, or
    the number) by value of a column; values of categories are text."""

    column: str
    points: list[tuple[float | str, float]]


def importances(judged: JudgedModel, features: pd.DataFrame, truth: Array) -> list[Importance]:
    """Every column, the most important one first."""
    training = judged.training
    metric = PRIMARY[training.spec.task]
    figure, random = figure_of(training.spec.task, metric), np.random.default_rng(training.spec.model.seed)
    some = random.permutation(len(features))[:_IMPORTANCE_ROWS]
    rows, known = features.iloc[some].reset_index(drop=True), truth[some]
    whole = figure(judged.answers(rows, known))
    found = []
    for name in features:
        losses = []
        for _ in range(_REPEATS):
            mixed = rows.assign(**{str(name): rows[name].to_numpy()[random.permutation(len(rows))]})
            losses.append(better(metric, whole, figure(judged.answers(mixed, known))))
        found.append(Importance(str(name), float(np.mean(losses)), float(np.std(losses))))
    return sorted(found, key=lambda entry: -entry.loss)


def dependences(judged: JudgedModel, features: pd.DataFrame, truth: Array, order: list[Importance]) -> list[Dependence]:
    """How the answers follow the most important columns."""
    random = np.random.default_rng(judged.training.spec.model.seed)
    some = random.permutation(len(features))[:_DEPENDENCE_ROWS]
    rows, known = features.iloc[some].reset_index(drop=True), truth[some]
    found = []
    # One moment in all rows tells nothing of another.
    told = [entry for entry in order if judged.training.features[entry.column].type != "Time"]
    for entry in told[:_DEPENDENCE_COLUMNS]:
        values = _grid(features[entry.column])
        if len(values) > 1:
            points = [
                (value, _mean_answer(judged.answers(rows.assign(**{entry.column: value}), known))) for value in values
            ]
            found.append(Dependence(entry.column, points))
    return found


def _grid(values: pd.Series) -> list[float | str]:
    known = values.dropna()
    if values.dtype == object:
        return [str(value) for value in known.value_counts().index[:_POINTS]]
    return [float(value) for value in np.unique(known.quantile(np.linspace(0.02, 0.98, _POINTS)).to_numpy())]


def _mean_answer(answers: ModelAnswers) -> float:
    if answers.probabilities is None:
        return float(answers.predicted.mean())
    return float(answers.score.mean() if len(answers.classes) == 2 else answers.probabilities.max(axis=1).mean())
