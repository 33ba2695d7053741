"""Cross-validation: what a model says of rows that it was not fitted on, fold by fold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from timoneiro_serving.errors import first_line

from ..definition.training import Training
from ..errors import StepError
from ..tasks.answers import ModelAnswers
from .algorithms import Folds, build
from .folds import Numbers, TrainingRows, calibration_folds


@dataclass(frozen=True)
class FoldAnswers:
    """What the model of one fold says of the rows that it was fitted on, and of those that it was not; `judged` are
    the positions of the latter."""

    fitted: ModelAnswers
    unseen: ModelAnswers
    judged: Numbers


def cross(
    training: Training, features: pd.DataFrame, rows: TrainingRows, folds: Folds, parameters: Mapping[str, Any]
) -> Iterator[FoldAnswers]:
    """The answers of each fold in turn, fitted when it is asked for. Raises StepError if the model cannot be fitted."""
    for fit, judged in folds:
        model = fitted(training, features.iloc[fit], rows.take(fit), parameters)
        try:
            found = FoldAnswers(
                answers_of(model, features.iloc[fit], rows.target[fit], training),
                answers_of(model, features.iloc[judged], rows.target[judged], training),
                judged,
            )
        except (ValueError, TypeError, AttributeError) as error:
            raise StepError(
                f"the model cannot answer for rows that it was not fitted on: {first_line(error)}"
            ) from error
        yield found


def fitted(
    training: Training,
    features: pd.DataFrame,
    rows: TrainingRows,
    parameters: Mapping[str, Any],
    *,
    calibrated: bool = True,
) -> Any:
    """A model of these rows, with the calibration of the definition or as it is before. Raises StepError if it cannot
    be fitted."""
    folds = calibration_folds(training, rows) if calibrated and training.spec.model.calibration is not None else None
    try:
        return build(training, parameters, folds).fit(features, rows.target)
    except (ValueError, TypeError) as error:
        raise StepError(f"the model cannot be fitted: {str(error).splitlines()[0]}") from error


def answers_of(model: Any, features: pd.DataFrame, truth: Numbers, training: Training) -> ModelAnswers:
    """What a fitted estimator says, with classes in the order of the definition."""
    classes = training.classes
    if not classes:
        return ModelAnswers(truth, np.asarray(model.predict(features), dtype=float))
    return class_answers(model.classes_, model.predict_proba(features), truth, classes)


def class_answers(known: Sequence[Any], said: Any, truth: Numbers, classes: tuple[str, ...]) -> ModelAnswers:
    """What is `said` of n rows: probabilities of the classes `known` to a model, shape (n, known)."""
    known, found = [str(name) for name in known], np.asarray(said, dtype=float)
    probabilities = np.zeros((len(truth), len(classes)))
    for position, name in enumerate(classes):
        # A class that no row of the fold has is impossible to its model.
        if name in known:
            probabilities[:, position] = found[:, known.index(name)]
    predicted = np.asarray(known)[found.argmax(axis=1)]
    return ModelAnswers(truth, predicted, probabilities, classes)


def together(parts: Sequence[ModelAnswers]) -> ModelAnswers:
    """All of them, one after the other."""
    probabilities = [part.probabilities for part in parts if part.probabilities is not None]
    return ModelAnswers(
        np.concatenate([part.truth for part in parts]),
        np.concatenate([part.predicted for part in parts]),
        np.concatenate(probabilities) if probabilities else None,
        parts[0].classes,
    )
