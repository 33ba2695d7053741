"""The functions behind the names of metrics, by task; a new metric is a function, an entry here and one in
definition/metrics.py."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping

from ..definition.metrics import BINARY, METRICS, MULTICLASS, REGRESSION, TaskName, is_function, metrics_of
from ..errors import StepError
from ..functions import imported, place_of
from . import binary, multiclass, regression
from .answers import ModelAnswers

Figure = Callable[[ModelAnswers], float]
_FIGURES: Mapping[TaskName, Mapping[str, Figure]] = {
    BINARY: {
        "rocAuc": binary.roc_auc,
        "prAuc": binary.pr_auc,
        "accuracy": binary.accuracy,
        "balancedAccuracy": multiclass.balanced_accuracy,
        "precision": binary.precision,
        "recall": binary.recall,
        "f1": binary.f1,
        "logLoss": binary.log_loss,
        "brier": binary.brier,
        "calibrationError": binary.calibration_error,
    },
    MULTICLASS: {
        "rocAuc": multiclass.roc_auc,
        "accuracy": binary.accuracy,
        "balancedAccuracy": multiclass.balanced_accuracy,
        "precision": multiclass.precision,
        "recall": multiclass.recall,
        "f1": multiclass.f1,
        "logLoss": multiclass.log_loss,
        "brier": multiclass.brier,
    },
    REGRESSION: {
        "mae": regression.mae,
        "rmse": regression.rmse,
        "mape": regression.mape,
        "medianError": regression.median_error,
        "r2": regression.r2,
        "pinball10": regression.pinball10,
        "pinball90": regression.pinball90,
    },
}


def figure_of(task: TaskName, metric: str) -> Figure:
    """What computes `metric`; NaN where rows do not tell it. Raises StepError for a function that is not there."""
    if not is_function(metric):
        return _FIGURES[task][metric]
    function = imported(metric)
    more = ["probabilities"] if "probabilities" in inspect.signature(function).parameters else []

    def figure(answers: ModelAnswers) -> float:
        try:
            found = float(function(answers.truth, answers.predicted, *(getattr(answers, name) for name in more)))
        except Exception as error:
            raise StepError(f"the metric {metric} failed: {type(error).__name__} at {place_of(error)}") from error
        return found if math.isfinite(found) else math.nan

    return figure


def figures_of(task: TaskName, answers: ModelAnswers) -> dict[str, float]:
    """Every metric of the task, in its order."""
    return {name: _FIGURES[task][name](answers) for name in metrics_of(task)}


def better(metric: str, one: float, other: float) -> float:
    """By how much `one` is better than `other`; a metric of the user's own is better the larger it is."""
    return other - one if metric in METRICS and METRICS[metric].smaller_is_better else one - other
