"""The typed form of `training.yaml`: one frozen object, with every default filled in.

What a field alone can tell is checked here; what takes several fields is checked in checks.py, and what takes the table
in columns.py.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .base import ColumnName, DefinitionObject, ResourceName, Text
from .columns import Column, TargetColumn, classes_of
from .gates import Gate
from .joins import Join
from .model import ModelChoice, PackageChoice, Split
from .quality import Checks
from .source import TableSource

API_VERSION = "timoneiro.dev/v1alpha1"
KIND = "Training"


class TrainingSpec(DefinitionObject):
    """All that is said of data and model."""

    task: Literal["BinaryClassification"] = "BinaryClassification"
    source: TableSource
    joins: tuple[Join, ...] = Field(default=(), description="Tables that add columns to the rows of the source.")
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


class Metadata(DefinitionObject):
    """What it is called."""

    name: ResourceName = Field(description="Of the model, and of the ModelDeployment that it is published to.")
    title: Text | None = Field(default=None, description="For people, in reports and in the model card.")


class Training(DefinitionObject):
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
