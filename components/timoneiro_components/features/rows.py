"""Rows of a table as a model sees them, and what it learns to say of them. Without scikit-learn, which takes long to
import."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..definition.metrics import REGRESSION
from ..definition.training import Training


def features_of(frame: pd.DataFrame, training: Training) -> pd.DataFrame:
    """The columns that the model learns from, as the model server makes them of a request: float64, or text; NaN where
    a value is missing."""
    return pd.DataFrame(
        {
            name: frame[name].astype(object).where(frame[name].notna(), np.nan)
            if column.type == "Category"
            else frame[name].astype("Float64").astype(float)
            for name, column in training.features.items()
        },
        index=frame.index,
    )


def labels_of(target: pd.Series) -> pd.Series:
    """Classes as text: what the model learns, answers and is judged by."""
    return target.map({True: "true", False: "false"}) if target.dtype == "boolean" else target


def target_of(frame: pd.DataFrame, training: Training) -> np.ndarray[Any, Any]:
    """What is predicted, shape (n,): classes as text, or float64."""
    values = frame[training.spec.target.column]
    if training.spec.task == REGRESSION:
        return np.asarray(values.astype("Float64").to_numpy(float))
    return np.asarray(labels_of(values).to_numpy(str))
