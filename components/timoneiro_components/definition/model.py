"""`spec.split`, `spec.model` and `spec.package`: how a model is made, and what of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat

from .base import DefinitionObject

Algorithm = Literal["LogisticRegression", "RandomForest", "HistGradientBoosting"]


class Split(DefinitionObject):
    """Which rows the model is not trained on. Rows are chosen by what is in them: the same rows in every run."""

    test: Annotated[FiniteFloat, Field(gt=0, lt=1)] = Field(
        default=0.25, description="Share of the rows that the model is judged on."
    )
    holdout_rows: Annotated[int, Field(ge=0)] = Field(
        default=0, description="Rows that no model ever sees, to replay as load."
    )
    folds: Annotated[int, Field(ge=2, le=50)] = Field(default=5, description="Folds of the cross-validation.")


class ModelChoice(DefinitionObject):
    """How the model is made."""

    algorithm: Algorithm = "LogisticRegression"
    impute: bool = Field(
        default=True, description="Whether missing values are replaced: by the median, or by the commonest text."
    )
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(default=17, description="Of everything that is random.")


class PackageChoice(DefinitionObject):
    """What is made of the model."""

    format: Literal["Sklearn", "Onnx"] = Field(
        default="Sklearn", description="Sklearn: a skops file, which runs no code."
    )
