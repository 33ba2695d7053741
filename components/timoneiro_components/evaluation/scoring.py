"""What a loaded model says of rows with known answers, and its curves.

Guarantees: every probability and number is finite, curves have at most 200 points, and a model that cannot answer for
the rows is a StepError with its own words.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve

from timoneiro_serving.loading import LoadedModel

from ..definition.training import Training
from ..errors import StepError
from ..tasks.answers import Array, ModelAnswers

MAXIMUM_CURVE_POINTS = 200


@dataclass(frozen=True)
class JudgedModel:
    """A loaded model that answers for features as the model server makes them of requests; `who` names it in errors,
    such as "the candidate"."""

    model: LoadedModel
    training: Training
    who: str

    def answers(self, features: pd.DataFrame, truth: Array) -> ModelAnswers:
        """What it says of n rows. Raises StepError if it does not, or if it was made for something else."""
        model, classes = self.model, self.training.classes
        lacking = [feature.name for feature in model.features if feature.name not in features]
        if lacking:
            raise StepError(f"{self.who} wants features that the data does not have: {', '.join(lacking)}")
        if set(model.classes) != set(classes):
            known = list(model.classes) or "none"
            raise StepError(f"{self.who} knows the classes {known}, the data {list(classes) or 'none'}")
        try:
            answer = model.predictor.predict(features[[feature.name for feature in model.features]])
        except Exception as error:
            # Without its words, which may hold values of the data; the log has them.
            raise StepError(f"{self.who} cannot answer for the test rows: {type(error).__name__}") from error
        if not classes:
            predicted = np.asarray(answer.predictions, dtype=float)
            if predicted.shape != truth.shape or not np.isfinite(predicted).all():
                raise StepError(f"{self.who} gives no finite number for each row")
            return ModelAnswers(truth, predicted)
        if answer.probabilities is None or not np.isfinite(answer.probabilities).all():
            raise StepError(f"{self.who} gives no finite probabilities, which it is judged by")
        order = [model.classes.index(name) for name in classes]
        return ModelAnswers(
            truth, answer.predictions.astype(str), answer.probabilities[:, order].astype(float), classes
        )


@dataclass(frozen=True)
class RocCurve:
    """Points of the curve from (0, 0) to (1, 1), thresholds falling; three lists of equal length."""

    false_positive_rate: list[float]
    true_positive_rate: list[float]
    thresholds: list[float]


def roc(answers: ModelAnswers) -> RocCurve | None:
    """The curve of two classes; None for other tasks, and where the rows have one class only."""
    if len(answers.classes) != 2 or answers.positive.all() or not answers.positive.any():
        return None
    false_rate, true_rate, thresholds = roc_curve(answers.positive, answers.score)
    # The first threshold is infinite ("nothing is positive"), which no JSON document can hold.
    kept = _some(len(thresholds))
    return RocCurve(false_rate[kept].tolist(), true_rate[kept].tolist(), np.minimum(thresholds, 1.0)[kept].tolist())


def precision_recall(answers: ModelAnswers) -> list[tuple[float, float]]:
    """Recall and precision, recall rising; empty for other tasks than two classes."""
    if len(answers.classes) != 2 or not answers.positive.any():
        return []
    precision, recall, _ = precision_recall_curve(answers.positive, answers.score)
    kept = _some(len(recall))
    return list(zip(recall[::-1][kept].tolist(), precision[::-1][kept].tolist(), strict=True))


def confusion(answers: ModelAnswers) -> list[list[int]]:
    """True classes as rows, predicted ones as columns, both in the order of the classes."""
    if not answers.classes:
        return []
    found: list[list[int]] = confusion_matrix(answers.truth, answers.predicted, labels=list(answers.classes)).tolist()
    return found


def _some(points: int) -> Array:
    """Positions of at most as many points as a curve may have, the first and the last one among them."""
    if points <= MAXIMUM_CURVE_POINTS:
        return np.arange(points)
    return np.linspace(0, points - 1, MAXIMUM_CURVE_POINTS).round().astype(int)
