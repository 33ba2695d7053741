"""`spec.split`, `spec.model` and `spec.package`: how a model is made, and what of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat

from .base import ColumnName, DefinitionObject, EnvironmentKey, Text
from .metrics import BINARY, CLASSIFIERS, MULTICLASS, REGRESSION, TaskName

# Those with a name of their own, and the tasks that each is for; any other estimator comes by `module:Class`.
ALGORITHMS: dict[str, frozenset[TaskName]] = {
    "LogisticRegression": CLASSIFIERS,
    "Ridge": frozenset({REGRESSION}),
    "RandomForest": frozenset({BINARY, MULTICLASS, REGRESSION}),
    "HistGradientBoosting": frozenset({BINARY, MULTICLASS, REGRESSION}),
}
Parameter = bool | int | FiniteFloat | Text | None


class Split(DefinitionObject):
    """Which rows the model is not trained on. Rows are chosen by what is in them: the same rows in every run."""

    test: Annotated[FiniteFloat, Field(gt=0, lt=1)] = Field(
        default=0.25, description="Share of the rows that the model is judged on."
    )
    holdout_rows: Annotated[int, Field(ge=0)] = Field(
        default=0, description="Rows that no model ever sees, to replay as load."
    )
    folds: Annotated[int, Field(ge=2, le=50)] = Field(default=5, description="Folds of the cross-validation.")
    group_by: ColumnName | None = Field(
        default=None,
        description="Rows with the same value of this column, such as those of one customer, stay together: in the "
        "test, in the holdout and in every fold. Left out: rows with the same keys do.",
    )
    order_by: ColumnName | None = Field(
        default=None,
        description="A column that says when: the model is tested on the latest rows, and each fold on rows later "
        "than those that it was trained on.",
    )


class Range(DefinitionObject):
    """Where a search looks for one parameter: `low` to `high`, or one of `choices`."""

    low: int | FiniteFloat | None = None
    high: int | FiniteFloat | None = None
    log: bool = Field(default=False, description="Whether each power of ten gets as many trials.")
    choices: tuple[Parameter, ...] | None = None


class Search(DefinitionObject):
    """A search for the best parameters, by cross-validation on the training rows."""

    trials: Annotated[int, Field(ge=1, le=10_000)] = 30
    seconds: Annotated[FiniteFloat, Field(gt=0)] | None = Field(
        default=None,
        description="No trial is begun after that. A run that is cut short by it does not give the same model twice.",
    )
    metric: Text | None = Field(default=None, description="What is looked for. Left out: that of the task.")
    space: dict[Text, Range] = Field(
        default_factory=dict, description="Parameters of the algorithm. Left out: those that matter most."
    )


class EarlyStopping(DefinitionObject):
    """The number of stages of a boosted model: the best one on the rows that the folds judge."""

    patience: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=20, description="After so many stages that are no better, none is looked at."
    )


class ValidationCurve(DefinitionObject):
    """How one parameter decides about over- and underfitting: the model is fitted with each value, in each fold."""

    parameter: Text = Field(description="Of the algorithm, such as max_depth or C.")
    values: Annotated[tuple[Parameter, ...], Field(min_length=2, max_length=20)] = Field(
        description="In their order, best from simple to rich."
    )


class Costs(DefinitionObject):
    """What a mistake costs, in any unit; only the ratio matters."""

    false_positive: Annotated[FiniteFloat, Field(gt=0)]
    false_negative: Annotated[FiniteFloat, Field(gt=0)]


class ModelChoice(DefinitionObject):
    """How the model is made."""

    algorithm: Text = Field(
        default="LogisticRegression",
        description=f"One of {', '.join(ALGORITHMS)}, or `module:Class` of any other estimator of scikit-learn.",
        json_schema_extra={"examples": list(ALGORITHMS)},
    )
    parameters: dict[Text, Parameter] = Field(
        default_factory=dict, description="Parameters of the algorithm, by the names that scikit-learn gives them."
    )
    search: Search | None = None
    early_stopping: EarlyStopping | None = Field(
        default=None, description="Left out: a boosted model has as many stages as its parameters say."
    )
    validation_curve: ValidationCurve | None = Field(
        default=None, description="Left out: no parameter is looked at by itself."
    )
    impute: bool = Field(
        default=True, description="Whether missing values are replaced: by the median, or by the commonest text."
    )
    missing_indicators: bool = Field(
        default=False,
        description="Whether the model also learns from which values were missing before they were replaced: a column "
        "of 0 and 1 beside each that may be.",
    )
    balanced: bool = Field(
        default=False, description="Whether every class counts the same in training, however many rows it has."
    )
    calibration: Literal["Sigmoid", "Isotonic"] | None = Field(
        default=None, description="Makes probabilities that are shares of what really happens."
    )
    costs: Costs | None = Field(
        default=None, description="Of two classes: the positive one is answered from the probability that costs least."
    )
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(default=17, description="Of everything that is random.")


class SignatureChoice(DefinitionObject):
    """By whom the package is signed."""

    key_from: EnvironmentKey = Field(description="The private key, an elliptic curve one in PEM without a password.")


class PackageChoice(DefinitionObject):
    """What is made of the model."""

    format: Literal["Sklearn", "Onnx"] = Field(
        default="Sklearn", description="Sklearn: a skops file, which runs no code."
    )
    outside: Literal["Count", "Refuse"] = Field(
        default="Count",
        description="What the model server does with requests whose values are beyond the limits, or not among the "
        "values, of their columns. Count: they are answered, and counted in its metrics. Refuse: with 400 and a "
        "sentence.",
    )
    rehearse: bool = Field(
        default=True,
        description="Whether the package is asked in the real model server before it is published: rows with every "
        "gap that callers may leave, and bodies that are wrong.",
    )
    signature: SignatureChoice | None = Field(
        default=None, description="Left out: the package is not signed. ModelDeployments can demand a signature."
    )
