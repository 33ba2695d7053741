"""Rows of a table as a model is asked with them, and what it learns to say of them. Without scikit-learn, which takes
long to import."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..definition.columns import Column
from ..definition.metrics import REGRESSION
from ..definition.training import Training


def features_of(frame: pd.DataFrame, training: Training) -> pd.DataFrame:
    """The columns that the model is asked with, as the model server makes them of a request: float64, or text; NaN
    where a value is missing. Times are seconds since 1970."""
    return pd.DataFrame(
        {name: _asked(frame[name], column) for name, column in training.features.items()}, index=frame.index
    )


def _asked(values: pd.Series, column: Column) -> pd.Series:
    if column.type == "Category":
        return values.astype(object).where(values.notna(), np.nan)
    if column.type == "Time":
        instants = values.astype("datetime64[us, UTC]")
        return instants.astype("int64").astype(float).where(instants.notna(), np.nan) / 1e6
    return values if values.dtype == float else values.astype("Float64").astype(float)


def labels_of(target: pd.Series) -> pd.Series:
    """Classes as text: what the model learns, answers and is judged by."""
    return target.map({True: "true", False: "false"}) if target.dtype == "boolean" else target


def target_of(frame: pd.DataFrame, training: Training) -> np.ndarray[Any, Any]:
    """What is predicted, shape (n,): classes as text, or float64."""
    values = frame[training.spec.target.column]
    if training.spec.task == REGRESSION:
        return np.asarray(values.astype("Float64").to_numpy(float))
    return np.asarray(labels_of(values).to_numpy(str))
