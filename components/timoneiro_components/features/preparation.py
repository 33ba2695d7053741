"""What happens to columns before a model sees them, as steps of the pipeline that is served.

The model server runs the same pipeline on the same columns, so that training and serving cannot differ. It is fitted
with the model, and so on training rows only, in every fold.
"""

from __future__ import annotations

from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ..definition.training import Training
from .derivation import derivation_of, derived_columns


def preparation(training: Training) -> list[tuple[str, Any]]:
    """The unfitted steps before the model: features computed, missing values replaced (if so said), numbers scaled,
    categories spread."""
    derived = derivation_of(training)
    texts = [name for name, column in training.features.items() if column.type == "Category"]
    numbers = [name for name, column in training.features.items() if column.type not in ("Category", "Time")]
    numbers += derived_columns(training)
    impute = training.spec.model.impute
    numeric: list[tuple[str, Any]] = [("impute", _imputer("median"))] if impute else []
    numeric.append(("scale", StandardScaler()))
    if not texts:
        return [*derived, *numeric]
    categorical: list[tuple[str, Any]] = [("impute", _imputer("most_frequent"))] if impute else []
    # A category that training has not seen is none of the known ones.
    categorical.append(("spread", OneHotEncoder(handle_unknown="ignore", sparse_output=False)))
    parts = [("numbers", Pipeline(numeric), numbers)] if numbers else []
    return [*derived, ("prepare", ColumnTransformer([*parts, ("categories", Pipeline(categorical), texts)]))]


def _imputer(strategy: str) -> SimpleImputer:
    """A column that has no value at all in a fold stays a column: the others would move otherwise."""
    return SimpleImputer(strategy=strategy, keep_empty_features=True)
