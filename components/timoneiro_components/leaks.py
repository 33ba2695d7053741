"""Columns that say nothing, and columns that say too much: found by themselves, whatever the definition says."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from sklearn.metrics import roc_auc_score

from .definition.training import Training
from .features.preparation import features_of, labels_of


def constant_columns(frame: pd.DataFrame, training: Training) -> Iterator[str]:
    """Features with one value in all rows, missing ones aside: nothing can be learnt from them."""
    for name in training.features:
        if len(frame) > 1 and frame[name].nunique(dropna=True) <= 1:
            yield name


def revealing_columns(frame: pd.DataFrame, training: Training) -> Iterator[tuple[str, float]]:
    """Features that tell the target by themselves, with their ROC AUC, where that is above the limit.

    Numbers by their order, categories by how often the positive class comes with each. Whether a value is missing may
    tell it too, and counts as a value.
    """
    target = labels_of(frame[training.spec.target.column])
    known = target.notna()
    positive = (target[known] == training.spec.target.positive).to_numpy()
    if positive.all() or not positive.any():
        return
    features = features_of(frame[known], training)
    for name in features:
        values = features[name]
        scores = [_positive_rates(values, positive)]
        if values.dtype != object and values.notna().any():
            scores = [values.fillna(values.min() - 1), values.fillna(values.max() + 1)]
        areas = [float(roc_auc_score(positive, score)) for score in scores]
        best = max(max(area, 1 - area) for area in areas)
        if best > training.spec.checks.max_single_auc:
            yield name, best


def _positive_rates(values: pd.Series, positive: object) -> pd.Series:
    """For each row how often the positive class comes with its value."""
    groups = values.astype(object).where(values.notna(), "missing")
    return pd.Series(positive, index=values.index).astype(float).groupby(groups).transform("mean")
