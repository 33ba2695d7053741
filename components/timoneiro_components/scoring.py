"""How good a loaded model is on rows with known answers.

Guarantees: every figure is finite, the ROC curve has at most 200 points, and a model that cannot
answer for the rows is a StepError with its own words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss, roc_auc_score, roc_curve

from timoneiro_serving.errors import first_line
from timoneiro_serving.loading import LoadedModel

from .definition.training import Training
from .errors import StepError
from .features.preparation import features_of, labels_of

MAXIMUM_CURVE_POINTS = 200


@dataclass(frozen=True)
class RocCurve:
    """Points of the curve from (0, 0) to (1, 1), thresholds falling; three lists of equal length."""

    false_positive_rate: list[float]
    true_positive_rate: list[float]
    thresholds: list[float]


@dataclass(frozen=True)
class Score:
    """Figures of one model on n rows. The matrix has true classes as rows, predicted ones as columns,
    both in the order of `labels`."""

    accuracy: float
    roc_auc: float
    log_loss: float
    labels: list[str]
    confusion: list[list[int]]
    curve: RocCurve


def score(model: LoadedModel, rows: pd.DataFrame, training: Training, *, who: str) -> Score:
    """Scores `model` on `rows`; `who` names it in errors, such as "the candidate"."""
    features = features_of(rows, training)
    lacking = [feature.name for feature in model.features if feature.name not in features]
    if lacking:
        raise StepError(f"{who} wants features that the data does not have: {', '.join(lacking)}")
    if set(model.classes) != set(training.classes):
        raise StepError(f"{who} knows the classes {list(model.classes)}, the data {list(training.classes)}")
    try:
        answer = model.predictor.predict(features[[feature.name for feature in model.features]])
    except Exception as error:
        raise StepError(f"{who} cannot answer for the test rows: {first_line(error)}") from error
    if answer.probabilities is None or not np.isfinite(answer.probabilities).all():
        raise StepError(f"{who} gives no finite probabilities, which every gate is about")

    truth = labels_of(rows[training.spec.target.column]).to_numpy(dtype=str)
    predicted = answer.predictions.astype(str)
    labels, positive_label = list(training.classes), training.spec.target.positive
    positive = answer.probabilities[:, model.classes.index(positive_label)].astype(float)
    is_positive = truth == positive_label
    return Score(
        accuracy=float(accuracy_score(truth, predicted)),
        roc_auc=float(roc_auc_score(is_positive, positive)),
        log_loss=float(log_loss(is_positive, np.column_stack([1 - positive, positive]), labels=[False, True])),
        labels=labels,
        confusion=confusion_matrix(truth, predicted, labels=labels).tolist(),
        curve=_curve(is_positive, positive),
    )


def _curve(is_positive: np.ndarray[Any, Any], positive: np.ndarray[Any, Any]) -> RocCurve:
    false_rate, true_rate, thresholds = roc_curve(is_positive, positive)
    # The first threshold is infinite ("nothing is positive"), which no JSON document can hold.
    thresholds = np.minimum(thresholds, 1.0)
    if len(thresholds) > MAXIMUM_CURVE_POINTS:
        kept = np.linspace(0, len(thresholds) - 1, MAXIMUM_CURVE_POINTS).round().astype(int)
        false_rate, true_rate, thresholds = false_rate[kept], true_rate[kept], thresholds[kept]
    return RocCurve(false_rate.tolist(), true_rate.tolist(), thresholds.tolist())
