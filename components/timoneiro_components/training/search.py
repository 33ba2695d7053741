"""The search for the best parameters: Optuna's, over the folds of the training rows.

Guarantees: the same rows, definition and seed give the same trials, unless the time ran out; what the algorithm does
without a search is the first trial, so that a search never ends with worse. A trial that falls behind the others after
some folds is given up (median pruning).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
import pandas as pd

from ..definition.metrics import METRICS, PRIMARY
from ..definition.model import Range, Search
from ..definition.training import Training
from ..errors import StepError
from ..tasks.registry import figure_of
from .algorithms import Folds, build, space_of
from .crossing import cross
from .folds import TrainingRows
from .stopping import best_stage, mean_curve, stage_curves

# What stops a trial is told as a sentence; its warnings are tracebacks.
optuna.logging.set_verbosity(optuna.logging.ERROR)


@dataclass(frozen=True)
class SearchResult:
    """The best parameters, their figure (mean over folds), how many trials were carried through and given up, and
    whether the time ended it."""

    parameters: Mapping[str, Any]
    metric: str
    figure: float
    completed: int
    pruned: int
    out_of_time: bool


def search(training: Training, said: Search, features: pd.DataFrame, rows: TrainingRows, folds: Folds) -> SearchResult:
    """Looks for the parameters whose mean over the folds is best. Raises StepError if no trial has a figure,
    or if one cannot be fitted."""
    metric = said.metric or PRIMARY[training.spec.task]
    space = space_of(training)

    def objective(trial: optuna.Trial) -> float:
        parameters = {name: _suggested(trial, name, found) for name, found in space.items()}
        found = math.nan
        try:
            for step, found in enumerate(_so_far(training, metric, features, rows, folds, parameters)):
                trial.report(found, step)
                if step + 1 < len(folds) and trial.should_prune():
                    raise optuna.TrialPruned
        except StepError as error:
            tried = ", ".join(f"{name} {value}" for name, value in parameters.items())
            raise StepError(f"spec.model.search, with {tried}: {error}") from error
        return found

    study = optuna.create_study(
        direction="minimize" if METRICS[metric].smaller_is_better else "maximize",
        sampler=optuna.samplers.TPESampler(seed=training.spec.model.seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=1),
    )
    study.enqueue_trial(_usual(training, space))
    study.optimize(objective, n_trials=said.trials, timeout=said.seconds)
    # A trial that waits for its turn is one of the study's already.
    states = [trial.state for trial in study.trials if trial.state.is_finished()]
    if not states:
        raise StepError(f"spec.model.search.seconds: no trial began within {said.seconds:g} seconds: raise it")
    completed = states.count(optuna.trial.TrialState.COMPLETE)
    if not completed:
        raise StepError(f"no trial of the search has a finite {metric}: use fewer folds or bring more data")
    return SearchResult(
        parameters=dict(study.best_params),
        metric=metric,
        figure=float(study.best_value),
        completed=completed,
        pruned=states.count(optuna.trial.TrialState.PRUNED),
        out_of_time=len(states) < said.trials,
    )


def _so_far(
    training: Training,
    metric: str,
    features: pd.DataFrame,
    rows: TrainingRows,
    folds: Folds,
    parameters: Mapping[str, Any],
) -> Iterator[float]:
    """The figure of the folds up to each: of the stage that is best for them, where the folds choose it."""
    stopping = training.spec.model.early_stopping
    if stopping is not None:
        curves: list[list[float]] = []
        for curve in stage_curves(training, features, rows, folds, parameters):
            curves.append(curve)
            yield best_stage(metric, mean_curve(curves), stopping.patience).figure
        return
    figure, figures = figure_of(training.spec.task, metric), []
    for answers in cross(training, features, rows, folds, parameters):
        figures.append(figure(answers.unseen))
        yield float(np.mean(figures))


def _suggested(trial: optuna.Trial, name: str, found: Range) -> Any:
    if found.choices is not None:
        return trial.suggest_categorical(name, found.choices)
    if isinstance(found.low, int) and isinstance(found.high, int):
        return trial.suggest_int(name, found.low, found.high, log=found.log)
    return trial.suggest_float(name, float(found.low or 0), float(found.high or 0), log=found.log)


def _usual(training: Training, space: Mapping[str, Range]) -> dict[str, Any]:
    """What the algorithm does by itself, as far as the search may choose it."""
    estimator = build(training, {}).steps[-1][1]
    known = estimator.get_params()
    return {name: known[name] for name, found in space.items() if name in known and _within(known[name], found)}


def _within(value: Any, found: Range) -> bool:
    if found.choices is not None:
        return value in found.choices
    low, high = found.low, found.high
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and low is not None and high is not None and low <= value <= high
