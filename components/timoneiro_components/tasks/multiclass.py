"""Figures of several classes: what is of one class is its mean over the classes that the rows have."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import f1_score, precision_score, recall_score

from ..ranking import area_under_roc
from .answers import Array, ModelAnswers


def roc_auc(answers: ModelAnswers) -> float:
    """Mean over the classes of the area of each against the rest."""
    if answers.probabilities is None:
        return np.nan
    areas = []
    for position, name in enumerate(answers.classes):
        is_it = answers.truth == name
        if is_it.any() and not is_it.all():
            areas.append(area_under_roc(is_it, answers.probabilities[:, position]))
    return float(np.mean(areas)) if areas else np.nan


def balanced_accuracy(answers: ModelAnswers) -> float:
    """Mean of the recall of the classes that the rows have."""
    found = _present(answers)
    if len(found) < 2:
        return np.nan
    # That of scikit-learn warns where a class was said that no row is.
    return float(np.mean([(answers.predicted[answers.truth == name] == name).mean() for name in found]))


def precision(answers: ModelAnswers) -> float:
    return _mean(precision_score, answers)


def recall(answers: ModelAnswers) -> float:
    return _mean(recall_score, answers)


def f1(answers: ModelAnswers) -> float:
    return _mean(f1_score, answers)


def log_loss(answers: ModelAnswers) -> float:
    """Mean of -log of the probability that the true class got. A probability of 0 counts as the smallest double."""
    if answers.probabilities is None or not len(answers):
        return np.nan
    told = answers.probabilities[np.arange(len(answers)), _positions(answers)]
    return float(-np.log(np.maximum(told, np.finfo(float).eps)).mean())


def brier(answers: ModelAnswers) -> float:
    """Mean over the rows of the squared differences summed over the classes: 0 to 2 (Brier 1950)."""
    if answers.probabilities is None or not len(answers):
        return np.nan
    truth = np.eye(len(answers.classes))[_positions(answers)]
    return float(((answers.probabilities - truth) ** 2).sum(axis=1).mean())


def _mean(of: object, answers: ModelAnswers) -> float:
    if not len(answers):
        return np.nan
    labels = _present(answers)
    return float(of(answers.truth, answers.predicted, labels=labels, average="macro", zero_division=0.0))  # type: ignore[operator]


def _present(answers: ModelAnswers) -> list[str]:
    return [name for name in answers.classes if (answers.truth == name).any()]


def _positions(answers: ModelAnswers) -> Array:
    positions = {name: position for position, name in enumerate(answers.classes)}
    return np.array([positions[name] for name in answers.truth])
