"""What can be told of a model before any row is read: whether the algorithm is there and takes what is said of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from ..definition.metrics import REGRESSION
from ..definition.model import Range
from ..definition.training import Training
from ..errors import StepError
from .algorithms import plain, stage_parameter

# By which estimators of scikit-learn stop by themselves.
_OWN_STOPPING = ("early_stopping", "n_iter_no_change", "validation_fraction")


def check_model(training: Training) -> None:
    """Raises StepError unless the estimator is there, has every parameter that the definition names, and takes each of
    the values that it may get."""
    model = training.spec.model
    estimator = plain(training)
    known = estimator.get_params()
    for where, name, values in _said(training):
        if name not in known:
            close = [other for other in known if other.lower() == name.lower()] or get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(known))}"
            raise StepError(f"{model.algorithm} has no parameter {name!r}; {hint}")
        for value in values:
            _require_possible(training, where, {name: value})
    if model.early_stopping is not None:
        _check_stages(training)
    if model.balanced and "class_weight" not in known:
        raise StepError(f"{model.algorithm} does not weigh classes: leave out spec.model.balanced")
    # Of the estimator with its parameters: some give probabilities only with certain ones.
    if training.spec.task != REGRESSION and not hasattr(estimator.set_params(**model.parameters), "predict_proba"):
        hint = "choose parameters with which it does, or " if hasattr(type(estimator), "decision_function") else ""
        raise StepError(
            f"{model.algorithm} gives no probabilities, which a classifier is judged by: {hint}choose another"
        )


def _check_stages(training: Training) -> None:
    """Whether it is the folds, and nothing else, that choose the number of stages."""
    stages, search = stage_parameter(training), training.spec.model.search
    if search is not None and stages in search.space:
        raise StepError(
            f"spec.model.search.space.{stages}: with spec.model.earlyStopping it is for the folds to choose: leave it "
            f"out, and write the largest in spec.model.parameters.{stages}"
        )
    for where, name, _ in _said(training):
        if name in _OWN_STOPPING:
            raise StepError(f"{where}: with spec.model.earlyStopping the folds say when it stops: leave out either")


def _said(training: Training) -> Iterator[tuple[str, str, tuple[Any, ...]]]:
    """Each parameter with the field that names it and the values that it may get; of a range its ends."""
    model = training.spec.model
    for name, value in model.parameters.items():
        yield f"spec.model.parameters.{name}", name, (value,)
    for name, found in (model.search.space if model.search else {}).items():
        yield f"spec.model.search.space.{name}", name, found.choices or _ends(found)
    if (curve := model.validation_curve) is not None:
        yield "spec.model.validationCurve", curve.parameter, curve.values


def _ends(found: Range) -> tuple[Any, ...]:
    """As the search gives them: both whole, or both not."""
    low, high = found.low, found.high
    if low is None or high is None or (isinstance(low, int) and isinstance(high, int)):
        return low, high
    return float(low), float(high)


def _require_possible(training: Training, where: str, parameters: Mapping[str, Any]) -> None:
    estimator = plain(training).set_params(**parameters)
    # What scikit-learn asks before it fits; an estimator from elsewhere may not say what its parameters can be.
    if not hasattr(estimator, "_parameter_constraints"):
        return
    try:
        estimator._validate_params()
    except (ValueError, TypeError) as error:
        raise StepError(f"{where}: {str(error).splitlines()[0]}") from error
