"""What happens to columns before a model sees them, as steps of the pipeline that is served.

The model server runs the same pipeline on the same columns, so that training and serving cannot differ. It is fitted
with the model, and so on training rows only, in every fold.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

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


def preparation(training: Training) -> list[tuple[str, Any]]:
    """The unfitted steps before the model: missing values replaced (if so said), numbers scaled, categories spread."""
    texts = [name for name, column in training.features.items() if column.type == "Category"]
    numbers = [name for name in training.features if name not in texts]
    impute = training.spec.model.impute
    numeric: list[tuple[str, Any]] = [("impute", _imputer("median"))] if impute else []
    numeric.append(("scale", StandardScaler()))
    if not texts:
        return numeric
    categorical: list[tuple[str, Any]] = [("impute", _imputer("most_frequent"))] if impute else []
    # A category that training has not seen is none of the known ones.
    categorical.append(("spread", OneHotEncoder(handle_unknown="ignore", sparse_output=False)))
    parts = [("numbers", Pipeline(numeric), numbers)] if numbers else []
    return [("prepare", ColumnTransformer([*parts, ("categories", Pipeline(categorical), texts)]))]


def _imputer(strategy: str) -> SimpleImputer:
    """A column that has no value at all in a fold stays a column: the others would move otherwise."""
    return SimpleImputer(strategy=strategy, keep_empty_features=True)
