"""Step: split, search, cross-validate and fit.

Guarantees: the rows of the test table are never fitted on, neither in a fold nor in the end; the same data, definition
and seed give the same files to the bit; the model file is of a kind that can be loaded without running code from it,
and the model server loads it. Next to it, `training.json` says how the model was made. Where the definition asks how
the model would be with wrong labels, another one is below it, which nobody serves.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import FixedThresholdClassifier

from timoneiro_serving.errors import ModelLoadError
from timoneiro_serving.inputs import LARGEST_NUMBER
from timoneiro_serving.loading import SKOPS_FILE, load_skops

from .definition.metrics import METRICS, PRIMARY
from .definition.training import Training
from .errors import StepError
from .features.derivation import columns_with_gaps
from .features.rows import features_of, target_of
from .packaging.skops_files import write_skops
from .tables import frame_of, groups_of, order_of, read_table, take_test, write_table
from .tasks.registry import figure_of, figures_of
from .training.crossing import FoldAnswers, cross, fitted, together
from .training.curve import findings, learning_curve
from .training.folds import TrainingRows, folds_of
from .training.label_noise import NOISE_FOLDER, with_label_noise
from .training.preflight import check_model
from .training.record import CurvePoint, TrainingRecord, baseline_answers, baseline_of
from .training.stopping import stopped
from .training.threshold import cheapest_threshold
from .training.validation import validated

# Of each class: a gate about fewer would be passed by luck.
_LEAST_TEST_ROWS = 10


@dataclass(frozen=True)
class Trained:
    """Sizes of the split, and how the model was made."""

    test_rows: int
    folds: int
    record: TrainingRecord

    @property
    def metrics(self) -> dict[str, float]:
        """Few, and rounded, for the page of a run; all of them are in the record."""
        name = self.record.curve_metric
        mean, deviation = self.record.folds[name]
        found: dict[str, float] = {"rows": self.record.rows, "test_rows": self.test_rows, "folds": self.folds}
        found |= {f"cv_{name}": _rounded(mean), f"cv_{name}_deviation": _rounded(deviation)}
        return found if self.record.threshold is None else {**found, "threshold": _rounded(self.record.threshold)}


def train(training: Training, *, data: Path, model: Path, test: Path) -> Trained:
    """Fits on the rows of `data` that are not test rows; writes the folder `model` and the table `test`.

    Raises StepError for a split that is too small, for data that the algorithm refuses, and for a model that the model
    server would not load.
    """
    spec = training.spec
    check_model(training)
    test_table, table = take_test(read_table(data), training)
    features, rows = _rows(table, training)
    test_target = target_of(frame_of(test_table), training)
    _require_sizes(features, rows.target, training)
    _require_rows(rows.target, training, at_least=spec.split.folds, what="training rows")
    _require_rows(test_target, training, at_least=_LEAST_TEST_ROWS, what="test rows")

    folds = folds_of(training, rows)
    searched: dict[str, Any] = {}
    if spec.model.search is not None:
        # Here, because it takes half a second to import.
        from .training.search import search  # noqa: PLC0415

        searched = asdict(search(training, spec.model.search, features, rows, folds))
    parameters = searched.get("parameters", {})
    stopping = None
    if spec.model.early_stopping is not None:
        stopping = stopped(training, spec.model.early_stopping, features, rows, folds, parameters)
        parameters = {**parameters, stopping.parameter: stopping.number}
    crossed = list(cross(training, features, rows, folds, parameters))
    figures = _over_folds(crossed, training)
    curve = [*learning_curve(training, features, rows, folds, parameters), _last_point(crossed, training)]

    validation = None
    if spec.model.validation_curve is not None:
        validation = validated(training, spec.model.validation_curve, features, rows, folds, parameters)

    threshold = None
    if spec.model.costs is not None:
        threshold = cheapest_threshold(together([part.unseen for part in crossed]), spec.model.costs)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ConvergenceWarning)
        estimator = _model(training, features, rows, parameters, threshold)
    noisy = None
    if training.label_noise is not None:
        changed = with_label_noise(training, rows, training.label_noise)
        noisy = _model(training, features, changed, parameters, threshold)

    baseline = baseline_of(spec.task, rows.target, training.classes)
    metric = PRIMARY[spec.task]
    alone = figure_of(spec.task, metric)(baseline_answers(baseline, rows.target, training.classes))
    record = TrainingRecord(
        algorithm=spec.model.algorithm,
        parameters={**spec.model.parameters, **parameters},
        impute=spec.model.impute,
        balanced=spec.model.balanced,
        calibration=spec.model.calibration,
        threshold=threshold,
        seed=spec.model.seed,
        rows=len(features),
        classes=[str(name) for name in getattr(estimator, "classes_", ())],
        baseline=baseline,
        folds=figures,
        curve_metric=metric,
        curve=curve,
        findings=[*findings(metric, curve, alone), *_unfinished(told)],
        search=searched,
        missing_indicators=columns_with_gaps(training) if spec.model.missing_indicators else [],
        stopping=stopping,
        validation=validation,
    )
    model.mkdir(parents=True, exist_ok=True)
    write_skops(estimator, model / SKOPS_FILE)
    _require_servable(model / SKOPS_FILE, training)
    if noisy is not None:
        (model / NOISE_FOLDER).mkdir(exist_ok=True)
        write_skops(noisy, model / NOISE_FOLDER / SKOPS_FILE)
    record.write(model)
    write_table(test_table, test)
    return Trained(test_rows=test_table.num_rows, folds=spec.split.folds, record=record)


def _rows(table: pa.Table, training: Training) -> tuple[pd.DataFrame, TrainingRows]:
    frame = frame_of(table)
    order_by = training.spec.split.order_by
    times = None if order_by is None else order_of(table, order_by)
    return features_of(frame, training), TrainingRows(target_of(frame, training), groups_of(table, training), times)


def _require_rows(target: np.ndarray[Any, Any], training: Training, *, at_least: int, what: str) -> None:
    remedy = "bring more data, or change spec.split.test or spec.split.folds"
    if training.spec.split.order_by is not None:
        remedy += f"; rows with the same {training.spec.split.order_by!r} are on the same side"
    if training.spec.split.group_by is not None:
        remedy += f"; rows with the same {training.spec.split.group_by!r} stay together"
    if not training.classes and len(target) < at_least:
        raise StepError(f"there are {len(target)} {what}, at least {at_least} are needed: {remedy}")
    for label in training.classes:
        count = int((target == label).sum())
        if count < at_least:
            raise StepError(f"class {label!r} has {count} {what}, at least {at_least} are needed: {remedy}")


def _require_sizes(features: pd.DataFrame, target: np.ndarray[Any, Any], training: Training) -> None:
    numbers = features.select_dtypes("number").assign(
        **({} if training.classes else {training.spec.target.column: target})
    )
    for name, values in numbers.items():
        if values.abs().max() > LARGEST_NUMBER:
            raise StepError(
                f"column {str(name)!r} has numbers beyond {LARGEST_NUMBER:g}, with which no model can count: bring it "
                "in another unit, or put it into spec.ignore"
            )


def _over_folds(crossed: Sequence[FoldAnswers], training: Training) -> dict[str, list[float]]:
    """Mean and standard deviation of each metric over the folds that have it. Raises StepError for a model that no
    fold can judge."""
    found: dict[str, list[float]] = {}
    by_fold = [figures_of(training.spec.task, part.unseen) for part in crossed]
    for name in by_fold[0]:
        figures = np.array([figures[name] for figures in by_fold if math.isfinite(figures[name])])
        if len(figures):
            found[name] = [float(figures.mean()), float(figures.std(ddof=1)) if len(figures) > 1 else 0.0]
    metric = PRIMARY[training.spec.task]
    if metric not in found:
        raise StepError(f"no fold has a finite {METRICS[metric].title}: use fewer folds or bring more data")
    return found


def _last_point(crossed: Sequence[FoldAnswers], training: Training) -> CurvePoint:
    figure = figure_of(training.spec.task, PRIMARY[training.spec.task])
    rows = int(np.mean([len(part.fitted) for part in crossed]))
    seen, unseen = (
        float(np.nanmean([figure(getattr(part, side)) for part in crossed])) for side in ("fitted", "unseen")
    )
    return CurvePoint(rows, seen, unseen)


def _model(
    training: Training,
    features: pd.DataFrame,
    rows: TrainingRows,
    parameters: Mapping[str, Any],
    threshold: float | None,
) -> Any:
    """The model of these rows; with a threshold, from which the positive class is answered."""
    estimator = fitted(training, features, rows, parameters)
    if threshold is None:
        return estimator
    positive = training.spec.target.positive
    wrapped = FixedThresholdClassifier(
        estimator, threshold=threshold, pos_label=positive, response_method="predict_proba"
    )
    return wrapped.fit(features, rows.target)


def _require_servable(file: Path, training: Training) -> None:
    try:
        load_skops(file)
    except ModelLoadError as error:
        algorithm = training.spec.model.algorithm
        raise StepError(f"the model server would not load a model of {algorithm}: {error}") from error


def _unfinished(told: Sequence[warnings.WarningMessage]) -> list[str]:
    if not any(issubclass(warning.category, ConvergenceWarning) for warning in told):
        return []
    return ["The algorithm ended before it had converged: give it more iterations (max_iter), or scale what is huge."]


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
