"""The typed form of `training.yaml`: one frozen object, with every default filled in.

What a field alone can tell is checked here; what takes several fields is checked in checks.py, and what takes the table
in columns.py.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .base import ColumnName, DefinitionObject, ResourceName, Text
from .columns import Column, TargetColumn, classes_of
from .expressions import columns_in
from .gates import Evaluation, Gate
from .joins import Join
from .kubeflow import Kubeflow
from .metrics import BINARY, MULTICLASS, REGRESSION, TaskName
from .model import ModelChoice, PackageChoice, Split
from .privacy import Privacy
from .publication import PublishChoice
from .quality import Checks
from .source import TableSource

API_VERSION = "timoneiro.dev/v1alpha1"
KIND = "Training"
_LABEL_NOISE = 0.05
# The gate of a definition that has none of its own.
_NOT_WORSE: dict[TaskName, Gate] = {
    BINARY: Gate(metric="rocAuc", champion=0.01),
    MULTICLASS: Gate(metric="accuracy", champion=0.01),
    REGRESSION: Gate(metric="r2", champion=0.01),
}


class TrainingSpec(DefinitionObject):
    """All that is said of data and model."""

    task: TaskName = Field(default=BINARY, description="Two classes, several, or a number.")
    source: TableSource
    joins: tuple[Join, ...] = Field(default=(), description="Tables that add columns to the rows of the source.")
    columns: dict[ColumnName, Column] = Field(min_length=2)
    ignore: tuple[ColumnName, ...] = Field(default=(), description="Columns of the source that are not read.")
    features: dict[ColumnName, Text] = Field(
        default_factory=dict,
        description="Numbers that the model learns from too, computed of columns that it is asked with: + - * / of "
        "numbers, such as `debt / income`, and the days between two times, such as `paid_at - opened_at`.",
    )
    target: TargetColumn
    checks: Checks = Checks()
    privacy: Privacy = Privacy()
    split: Split = Split()
    model: ModelChoice = ModelChoice()
    evaluation: Evaluation = Evaluation()
    gates: tuple[Gate, ...] = Field(
        default_factory=lambda said: (_NOT_WORSE[said["task"]],),
        description="All of them must hold. Left out: not worse than the champion.",
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
    publish: PublishChoice = PublishChoice()
    kubeflow: Kubeflow = Kubeflow()

    @property
    def title(self) -> str:
        return self.metadata.title or self.metadata.name

    @property
    def columns(self) -> dict[str, Column]:
        """Columns of the data, in their order: those of the source without what is dropped as personal data."""
        return {name: column for name, column in self.spec.columns.items() if column.personal != "Drop"}

    @property
    def features(self) -> dict[str, Column]:
        """Columns that the model is asked with, in their order: a time only where it learns something from it."""
        computed = {name for text in self.spec.features.values() for name in columns_in(text)}
        return {
            name: column
            for name, column in self.columns.items()
            if column.type != "Key"
            and name != self.spec.target.column
            and (column.type != "Time" or column.parts or name in computed)
        }

    @property
    def keys(self) -> list[str]:
        """Columns that say which row it is, in their order."""
        return [name for name, column in self.columns.items() if column.type == "Key"]

    @property
    def label_noise(self) -> float | None:
        """Share of the labels that are changed for a second model; None where nobody asks how that one is."""
        asked = any(gate.robustness == "LabelNoise" for gate in self.spec.gates)
        return self.spec.evaluation.label_noise or (_LABEL_NOISE if asked else None)

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes of the target: of two the positive one last, of several as they are listed; none of a number."""
        spec = self.spec
        if spec.task == REGRESSION:
            return ()
        found = classes_of(spec.columns[spec.target.column])
        return tuple(sorted(found, key=lambda value: value == spec.target.positive)) if spec.task == BINARY else found
