"""What happens to columns before a model sees them, as steps of the pipeline that is served.

The model server runs the same pipeline on the same columns, so that training and serving cannot differ. It is fitted
with the model, and so on training rows only, in every fold.
"""

from __future__ import annotations

from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ..definition.training import Training
from .derivation import columns_with_gaps, derivation_of, derived_columns


def preparation(training: Training) -> list[tuple[str, Any]]:
    """The unfitted steps before the model: features computed, missing values replaced and indicated (if so said),
    numbers scaled, categories spread."""
    derived = derivation_of(training)
    texts = [name for name, column in training.features.items() if column.type == "Category"]
    numbers = [name for name, column in training.features.items() if column.type not in ("Category", "Time")]
    numbers += derived_columns(training)
    impute = training.spec.model.impute
    numeric: list[tuple[str, Any]] = [("impute", _imputer("median"))] if impute else []
    numeric.append(("scale", StandardScaler()))
    indicated = columns_with_gaps(training) if training.spec.model.missing_indicators else []
    if not texts and not indicated:
        return [*derived, *numeric]
    categorical: list[tuple[str, Any]] = [("impute", _imputer("most_frequent"))] if impute else []
    # A category that training has not seen is none of the known ones.
    categorical.append(("spread", OneHotEncoder(handle_unknown="ignore", sparse_output=False)))
    parts = [
        ("numbers", Pipeline(numeric), numbers),
        # Of all of them, also where no row of a fold has a gap: the number of columns is the same in each.
        ("missing", MissingIndicator(features="all"), indicated),
        ("categories", Pipeline(categorical), texts),
    ]
    return [*derived, ("prepare", ColumnTransformer([part for part in parts if part[2]]))]


def _imputer(strategy: str) -> SimpleImputer:
    """A column that has no value at all in a fold stays a column: the others would move otherwise."""
    return SimpleImputer(strategy=strategy, keep_empty_features=True)
