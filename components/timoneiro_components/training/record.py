"""How a model was made, as a file beside it: what evaluation, package and card say of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..definition.metrics import REGRESSION, TaskName
from ..errors import StepError
from ..tasks.answers import Array, ModelAnswers

RECORD_FILE = "training.json"


@dataclass(frozen=True)
class CurvePoint:
    """Figures of models that were fitted on `rows` rows: of those rows, and of others."""

    rows: int
    fitted: float
    unseen: float


@dataclass(frozen=True)
class ValidationPoint:
    """Figures of models that were fitted with `value` of a parameter: means over the folds, of the rows that each was
    fitted on, and of others."""

    value: Any
    fitted: float
    unseen: float


@dataclass(frozen=True)
class ParameterFindings:
    """How a parameter decides about over- and underfitting, by the metric of the learning curve, and in words."""

    parameter: str
    points: list[ValidationPoint]
    finding: str


@dataclass(frozen=True)
class StageFindings:
    """How the folds chose the number of stages of a boosted model, the value of `parameter`: the best number for each
    fold alone, the mean over the folds after some stages, and a sentence."""

    parameter: str
    metric: str
    number: int
    by_fold: list[int]
    curve: list[tuple[int, float]]
    finding: str


@dataclass(frozen=True)
class TrainingRecord:
    """How a model was made. `folds`: mean and standard deviation over the folds by metric. `curve`: by the metric
    `curve_metric`. `findings`: what the curve says, a sentence each. `baseline`: what a model that looks at no column
    says: shares of the classes, or the median of the numbers. `search` is empty where there was none.
    `missing_indicators`: columns beside which another one says whether they were missing. `stopping` and
    `validation` are there where the definition asked for them."""

    algorithm: str
    parameters: dict[str, Any]
    impute: bool
    balanced: bool
    calibration: str | None
    threshold: float | None
    seed: int
    rows: int
    classes: list[str]
    baseline: dict[str, float]
    folds: dict[str, list[float]]
    curve_metric: str
    curve: list[CurvePoint] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    search: dict[str, Any] = field(default_factory=dict)
    missing_indicators: list[str] = field(default_factory=list)
    stopping: StageFindings | None = None
    validation: ParameterFindings | None = None

    def write(self, folder: Path) -> None:
        text = json.dumps(asdict(self), indent=2, sort_keys=True, allow_nan=False)
        (folder / RECORD_FILE).write_text(text + "\n", encoding="utf-8")


def read_record(folder: Path) -> TrainingRecord:
    """The record of a model folder. Raises StepError if it is not there or is none."""
    path = folder / RECORD_FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        curve = [CurvePoint(**point) for point in document["curve"]]
        found = {"curve": curve, "stopping": _stopping(document["stopping"])}
        return TrainingRecord(**{**document, **found, "validation": _validation(document["validation"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StepError(
            f"{path} cannot be read ({error}): take the folder that the training step of this version made"
        ) from error


def _stopping(document: dict[str, Any] | None) -> StageFindings | None:
    if document is None:
        return None
    return StageFindings(**{**document, "curve": [(stage, figure) for stage, figure in document["curve"]]})


def _validation(document: dict[str, Any] | None) -> ParameterFindings | None:
    if document is None:
        return None
    points = [ValidationPoint(**point) for point in document["points"]]
    return ParameterFindings(document["parameter"], points, document["finding"])


def baseline_of(task: TaskName, target: Array, classes: tuple[str, ...]) -> dict[str, float]:
    """What is known without looking at a column: shares of the classes, or the median of the numbers."""
    if task == REGRESSION:
        return {"median": float(np.median(target))}
    return {name: float((target == name).mean()) for name in classes}


def baseline_answers(baseline: dict[str, float], truth: Array, classes: tuple[str, ...]) -> ModelAnswers:
    """What a model that looks at no column says of rows with these answers."""
    if not classes:
        return ModelAnswers(truth, np.full(len(truth), baseline["median"]))
    shares = np.array([baseline[name] for name in classes])
    return ModelAnswers(truth, np.full(len(truth), classes[shares.argmax()]), np.tile(shares, (len(truth), 1)), classes)
