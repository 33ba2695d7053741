"""Figures of two classes. A figure that cannot be told, such as the ROC AUC of rows of one class, is NaN."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import average_precision_score, f1_score

from ..ranking import area_under_roc
from .answers import Array, ModelAnswers

_BINS = 10


def roc_auc(answers: ModelAnswers) -> float:
    return area_under_roc(answers.positive, answers.score) if _both(answers) else np.nan


def pr_auc(answers: ModelAnswers) -> float:
    """Average precision: the area under the steps of the curve, without interpolation."""
    return float(average_precision_score(answers.positive, answers.score)) if answers.positive.any() else np.nan


def accuracy(answers: ModelAnswers) -> float:
    return float((answers.truth == answers.predicted).mean()) if len(answers) else np.nan


def precision(answers: ModelAnswers) -> float:
    """Share of those said to be positive that are. Where nothing is said to be, it says nothing."""
    said = answers.predicted == answers.classes[-1]
    return float(answers.positive[said].mean()) if said.any() else np.nan


def recall(answers: ModelAnswers) -> float:
    """Share of the positive ones that are said to be."""
    positive = answers.positive
    return float((answers.predicted[positive] == answers.classes[-1]).mean()) if positive.any() else np.nan


def f1(answers: ModelAnswers) -> float:
    if not answers.positive.any():
        return np.nan
    return float(f1_score(answers.truth, answers.predicted, pos_label=answers.classes[-1], zero_division=0.0))


def log_loss(answers: ModelAnswers) -> float:
    """Mean of -log of the probability that the true class got. A probability of 0 counts as the smallest double."""
    if not len(answers):
        return np.nan
    told = np.where(answers.positive, answers.score, 1 - answers.score)
    return float(-np.log(np.maximum(told, np.finfo(float).eps)).mean())


def brier(answers: ModelAnswers) -> float:
    """Mean squared difference between the probability of the judged class and 0 or 1."""
    return float(((answers.score - answers.positive) ** 2).mean()) if len(answers) else np.nan


def calibration_error(answers: ModelAnswers) -> float:
    """Mean difference between probability and share of positives, over ten bins of as many rows each, by their size."""
    bins = calibration_bins(answers)
    return float(sum(rows * abs(said - found) for said, found, rows in bins) / len(answers)) if bins else np.nan


def calibration_bins(answers: ModelAnswers) -> list[tuple[float, float, int]]:
    """Mean probability, share of positives and rows of at most ten bins, by rising probability."""
    order = np.argsort(answers.score, kind="stable")
    parts = [part for part in np.array_split(order, _BINS) if len(part)]
    score, positive = answers.score, answers.positive
    return [(float(score[part].mean()), float(positive[part].mean()), len(part)) for part in parts]


def _both(answers: ModelAnswers) -> bool:
    positive: Array = answers.positive
    return bool(positive.any() and not positive.all())
