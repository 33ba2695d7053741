"""The typed form of `training.yaml`: one frozen object, with every default filled in.

What a field alone can tell is checked here; what takes several fields is checked in checks.py, and what takes the table
in columns.py.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat
from pydantic.alias_generators import to_camel

API_VERSION = "timoneiro.dev/v1alpha1"
KIND = "Training"

# Names end up in object keys, URLs and Kubernetes objects.
ResourceName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Text = Annotated[str, Field(min_length=1, max_length=2000)]
FilePath = Annotated[str, Field(pattern=r"^[^\x00]{1,4000}$")]
Fraction = Annotated[FiniteFloat, Field(ge=0, le=1)]
ColumnName = Annotated[str, Field(min_length=1, max_length=1000)]
ColumnType = Literal["Number", "Integer", "Boolean", "Category", "Key"]
Algorithm = Literal["LogisticRegression", "RandomForest", "HistGradientBoosting"]
MetricName = Literal["rocAuc", "accuracy", "logLoss"]
SMALLER_IS_BETTER: frozenset[MetricName] = frozenset({"logLoss"})


class _Object(BaseModel):
    """Fields are written in camelCase; nothing is converted, and what is not known is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=to_camel, populate_by_name=True)


class SourceKind(_Object):
    """One way to say where a table comes from."""


class SourceFile(SourceKind):
    """A table in a file."""

    path: FilePath = Field(description="Where the file is: beside training.yaml, or an absolute path.")


class Csv(SourceFile):
    """A table of text with one header line."""

    encoding: Text = Field(
        default="Auto", description="Such as utf-8 or latin-1. Auto: UTF-8, and latin-1 where it is none."
    )
    separator: Literal["Auto", ",", ";", "\t", "|"] = Field(
        default="Auto", description="Between the values. Auto: the one that splits the first lines alike."
    )
    decimal: Literal[".", ","] = Field(default=".", description="Between a number and its fraction.")
    missing: tuple[str, ...] = Field(default=("",), description="Texts that stand for a missing value.")


class Parquet(SourceFile):
    """A Parquet file, whose columns have types of their own."""


class JsonLines(SourceFile):
    """A file with a JSON object in each line."""


class Python(SourceKind):
    """A function that makes the table, for what no other source reads."""

    function: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")] = Field(
        description="`module:function`. Called without arguments, it gives a pandas DataFrame."
    )


class TableSource(_Object):
    """Where the table comes from: exactly one of `csv`, `parquet`, `jsonLines` and `python`."""

    csv: Csv | None = None
    parquet: Parquet | None = None
    json_lines: JsonLines | None = None
    python: Python | None = None
    title: Text | None = Field(default=None, description="Whose data it is, for the model card.")
    licence: Text | None = Field(default=None, description="Under which terms it may be used, for the model card.")

    @property
    def given(self) -> dict[str, SourceKind]:
        """What is said, by the name of its field; one of them in a definition that was checked."""
        said = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: kind for name, kind in said.items() if isinstance(kind, SourceKind)}


class Column(_Object):
    """One column: its type, and what its values may be.

    Limits are those of what is measured, not of the rows at hand: they are the contract with who asks the model.
    """

    type: ColumnType = Field(
        description="Number: with a fraction. Integer: whole. Boolean: true and false. Category: one of a few texts. "
        "Key: says which row it is, and is never learnt from."
    )
    unit: Text | None = Field(default=None, description="Of a number, for people.")
    minimum: FiniteFloat | None = Field(default=None, description="Smallest value that is possible.")
    maximum: FiniteFloat | None = Field(default=None, description="Largest value that is possible.")
    values: tuple[Text, ...] | None = Field(default=None, description="Of a category: all that are possible.")
    nullable: bool = Field(
        default=False, description="Whether a value may be missing, here and in requests to the model."
    )
    description: Text | None = None


class TargetColumn(_Object):
    """What is predicted."""

    column: ColumnName
    positive: Text = Field(description="The class whose probability is judged, such as `default` or `malignant`.")


class Checks(_Object):
    """What the table must keep to, beside the types and limits of its columns."""

    max_missing: Fraction = Field(default=0.05, description="Largest share of missing values of a nullable column.")
    max_duplicates: Fraction = Field(default=0.0, description="Largest share of rows that are copies of another row.")
    max_single_auc: Annotated[FiniteFloat, Field(gt=0.5, le=1)] = Field(
        default=0.995,
        description="Largest ROC AUC of a column alone: one that predicts the target almost perfectly is known only "
        "afterwards, or is the target by another name. 1: it may be.",
    )
    min_rows_per_class: Annotated[int, Field(ge=2)] = Field(default=20, description="Fewer cannot be learnt from.")


class Split(_Object):
    """Which rows the model is not trained on. Rows are chosen by what is in them: the same rows in every run."""

    test: Annotated[FiniteFloat, Field(gt=0, lt=1)] = Field(
        default=0.25, description="Share of the rows that the model is judged on."
    )
    holdout_rows: Annotated[int, Field(ge=0)] = Field(
        default=0, description="Rows that no model ever sees, to replay as load."
    )
    folds: Annotated[int, Field(ge=2, le=50)] = Field(default=5, description="Folds of the cross-validation.")


class ModelChoice(_Object):
    """How the model is made."""

    algorithm: Algorithm = "LogisticRegression"
    impute: bool = Field(
        default=True, description="Whether missing values are replaced: by the median, or by the commonest text."
    )
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(default=17, description="Of everything that is random.")


class Gate(_Object):
    """One condition, without which nothing is published: `atLeast`, `atMost`, or not worse than the champion."""

    metric: MetricName
    at_least: FiniteFloat | None = None
    at_most: FiniteFloat | None = None
    champion: Annotated[FiniteFloat, Field(ge=0)] | None = Field(
        default=None, description="By how much it may be worse than the model that serves now, on the same rows."
    )


class PackageChoice(_Object):
    """What is made of the model."""

    format: Literal["Sklearn", "Onnx"] = Field(
        default="Sklearn", description="Sklearn: a skops file, which runs no code."
    )


class TrainingSpec(_Object):
    """All that is said of data and model."""

    task: Literal["BinaryClassification"] = "BinaryClassification"
    source: TableSource
    columns: dict[ColumnName, Column] = Field(min_length=2)
    ignore: tuple[ColumnName, ...] = Field(default=(), description="Columns of the source that are not read.")
    target: TargetColumn
    checks: Checks = Checks()
    split: Split = Split()
    model: ModelChoice = ModelChoice()
    gates: tuple[Gate, ...] = Field(
        default=(Gate(metric="rocAuc", champion=0.01),), description="All of them must hold."
    )
    package: PackageChoice = PackageChoice()


class Metadata(_Object):
    """What it is called."""

    name: ResourceName = Field(description="Of the model, and of the ModelDeployment that it is published to.")
    title: Text | None = Field(default=None, description="For people, in reports and in the model card.")


class Training(_Object):
    """From a table to a model: `training.yaml`."""

    api_version: Literal["timoneiro.dev/v1alpha1"]
    kind: Literal["Training"]
    metadata: Metadata
    spec: TrainingSpec

    @property
    def title(self) -> str:
        return self.metadata.title or self.metadata.name

    @property
    def features(self) -> dict[str, Column]:
        """Columns that the model learns from, in their order."""
        return {
            name: column
            for name, column in self.spec.columns.items()
            if column.type != "Key" and name != self.spec.target.column
        }

    @property
    def keys(self) -> list[str]:
        """Columns that say which row it is, in their order."""
        return [name for name, column in self.spec.columns.items() if column.type == "Key"]

    @property
    def classes(self) -> tuple[str, str]:
        """Both classes of the target, the positive one last."""
        positive = self.spec.target.positive
        (negative,) = (value for value in classes_of(self.spec.columns[self.spec.target.column]) if value != positive)
        return negative, positive


def classes_of(column: Column) -> tuple[str, ...]:
    """What a target may be, as text."""
    return ("false", "true") if column.type == "Boolean" else column.values or ()
