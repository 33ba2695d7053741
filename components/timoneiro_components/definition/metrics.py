"""The figures that gates and searches can name: where each can be, and which way is better.

A metric of one's own is `module:function` instead, as those of scikit-learn are: it gets what is and what was said, and
the probabilities if it has a parameter of that name. What computes those of this table is in tasks/, by the same names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .base import FUNCTION

TaskName = Literal["BinaryClassification", "MulticlassClassification", "Regression"]
BINARY: TaskName = "BinaryClassification"
MULTICLASS: TaskName = "MulticlassClassification"
REGRESSION: TaskName = "Regression"
CLASSIFIERS: frozenset[TaskName] = frozenset({BINARY, MULTICLASS})


@dataclass(frozen=True)
class MetricKind:
    """What a metric is called for people, its smallest and largest possible value (None: no bound), which way is
    better, and the tasks that it is for."""

    title: str
    low: float | None
    high: float | None
    smaller_is_better: bool
    tasks: frozenset[TaskName]


def _share(title: str, tasks: frozenset[TaskName], *, smaller: bool = False) -> MetricKind:
    return MetricKind(title, 0.0, 1.0, smaller, tasks)


def _loss(title: str, tasks: frozenset[TaskName]) -> MetricKind:
    return MetricKind(title, 0.0, None, True, tasks)


_BINARY, _REGRESSION = frozenset({BINARY}), frozenset({REGRESSION})
METRICS: Mapping[str, MetricKind] = {
    "rocAuc": _share("ROC AUC", CLASSIFIERS),
    "prAuc": _share("PR AUC", _BINARY),
    "accuracy": _share("accuracy", CLASSIFIERS),
    "balancedAccuracy": _share("balanced accuracy", CLASSIFIERS),
    "precision": _share("precision", CLASSIFIERS),
    "recall": _share("recall", CLASSIFIERS),
    "f1": _share("F1", CLASSIFIERS),
    "logLoss": _loss("log loss", CLASSIFIERS),
    "brier": MetricKind("Brier score", 0.0, 2.0, True, CLASSIFIERS),
    "calibrationError": _share("calibration error", _BINARY, smaller=True),
    "mae": _loss("mean absolute error", _REGRESSION),
    "rmse": _loss("root mean squared error", _REGRESSION),
    "mape": _loss("mean absolute percentage error", _REGRESSION),
    "medianError": _loss("median absolute error", _REGRESSION),
    "r2": MetricKind("R²", None, 1.0, False, _REGRESSION),
    "pinball10": _loss("pinball loss at 10 %", _REGRESSION),
    "pinball90": _loss("pinball loss at 90 %", _REGRESSION),
}
# What a search looks for, and what has to be better than that of a model which looks at no column.
PRIMARY: Mapping[TaskName, str] = {BINARY: "rocAuc", MULTICLASS: "logLoss", REGRESSION: "mae"}


def metrics_of(task: TaskName) -> list[str]:
    """Names of the metrics of a task, in the order in which they are shown."""
    return [name for name, kind in METRICS.items() if task in kind.tasks]


def is_function(name: str) -> bool:
    """Whether a metric, or an algorithm, is one of the user's own."""
    return re.fullmatch(FUNCTION, name) is not None


def title_of(metric: str) -> str:
    """For people; a metric of the user's own is called by its function."""
    return METRICS[metric].title if metric in METRICS else metric.rpartition(":")[2].replace("_", " ")
