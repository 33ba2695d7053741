"""Estimators by the names of a definition, and the whole of what is fitted: preparation, model, calibration.

A new algorithm is a function and a space here, and its name in definition/model.py; any other estimator of scikit-learn
comes by `module:Class`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline

from ..definition.metrics import REGRESSION
from ..definition.model import Range
from ..definition.training import Training
from ..errors import StepError
from ..features.preparation import preparation
from ..functions import imported

Folds = Sequence[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]
MODEL = "model"
_CLASSIFIERS: Mapping[str, Callable[[], Any]] = {
    "LogisticRegression": lambda: LogisticRegression(max_iter=1000),
    "RandomForest": lambda: RandomForestClassifier(n_estimators=200),
    "HistGradientBoosting": HistGradientBoostingClassifier,
}
_REGRESSORS: Mapping[str, Callable[[], Any]] = {
    "Ridge": Ridge,
    "RandomForest": lambda: RandomForestRegressor(n_estimators=200),
    "HistGradientBoosting": HistGradientBoostingRegressor,
}
# Where a search looks unless the definition says it: the parameters that matter most, from too simple to too rich.
_SPACES: Mapping[str, Mapping[str, Range]] = {
    "LogisticRegression": {"C": Range(low=1e-3, high=100.0, log=True)},
    "Ridge": {"alpha": Range(low=1e-3, high=1000.0, log=True)},
    "RandomForest": {
        "max_depth": Range(choices=(4, 8, 16, None)),
        "min_samples_leaf": Range(low=1, high=20),
        "max_features": Range(choices=("sqrt", 0.5, 1.0)),
    },
    "HistGradientBoosting": {
        "learning_rate": Range(low=0.02, high=0.3, log=True),
        "max_iter": Range(low=50, high=400, log=True),
        "max_leaf_nodes": Range(low=4, high=63, log=True),
        "min_samples_leaf": Range(low=5, high=100, log=True),
        "l2_regularization": Range(low=1e-3, high=10.0, log=True),
    },
}


def space_of(training: Training) -> Mapping[str, Range]:
    """Where a search looks: what the definition says, or the usual space without what has a value already."""
    model = training.spec.model
    if model.search is not None and model.search.space:
        return model.search.space
    usual = _SPACES.get(model.algorithm, {})
    taken = {*model.parameters, *([] if model.early_stopping is None else [stage_parameter(training)])}
    return {name: found for name, found in usual.items() if name not in taken}


def stage_parameter(training: Training) -> str:
    """The parameter by which a boosted model has so many stages. Raises StepError for an algorithm that cannot be asked
    after each of them."""
    estimator = plain(training)
    method = "staged_predict" if training.spec.task == REGRESSION else "staged_predict_proba"
    known = [name for name in ("max_iter", "n_estimators") if name in estimator.get_params()]
    if not known or not hasattr(estimator, method):
        raise StepError(
            f"{training.spec.model.algorithm} does not learn in stages that could be judged: leave out "
            "spec.model.earlyStopping, or choose a boosted model, such as HistGradientBoosting"
        )
    return known[0]


def build(training: Training, parameters: Mapping[str, Any], calibration: Folds | None = None) -> Any:
    """The unfitted estimator that is served. `parameters` of the algorithm go over those of the definition.

    `calibration`: folds of the rows that it will be fitted on, for probabilities of a model that has not seen the row;
    where they are left out it is not calibrated.
    """
    model = training.spec.model
    estimator = plain(training)
    said = {**model.parameters, **parameters}
    known = estimator.get_params()
    fixed: dict[str, Any] = {"random_state": model.seed} if "random_state" in known else {}
    if model.balanced:
        fixed["class_weight"] = "balanced"
    if model.early_stopping is not None and "early_stopping" in known:
        # Of its own accord it would judge by rows taken at random, where there are many.
        fixed["early_stopping"] = False
    estimator.set_params(**{**fixed, **said})
    pipeline = Pipeline([*preparation(training), (MODEL, estimator)])
    if model.calibration is None or calibration is None:
        return pipeline
    return CalibratedClassifierCV(pipeline, method=model.calibration.lower(), cv=list(calibration), ensemble=False)


def plain(training: Training) -> BaseEstimator:
    """The estimator of the definition with its own defaults. Raises StepError if there is none."""
    name = training.spec.model.algorithm
    table = _REGRESSORS if training.spec.task == REGRESSION else _CLASSIFIERS
    make = table[name] if name in table else imported(name, what="spec.model.algorithm")
    # Before it is called: any function can be named.
    if name not in table and not (isinstance(make, type) and issubclass(make, BaseEstimator)):
        raise StepError(f"spec.model.algorithm {name} is no estimator of scikit-learn")
    try:
        return make()
    except Exception as error:
        raise StepError(f"{name} cannot be made without arguments: {type(error).__name__}") from error
