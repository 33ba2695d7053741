"""Step: split, cross-validate and fit.

Guarantees: the rows of the test table are never fitted on, neither in a fold nor in the end; the same data, definition
and seed give the same model; the model file is of a kind that can be loaded without running code from it. Next to it,
`training.json` says how the model was made.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import skops.io
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.pipeline import Pipeline

from timoneiro_serving.loading import SKOPS_FILE

from .definition.training import Training
from .errors import StepError
from .features.preparation import features_of, labels_of, preparation
from .package import TRAINING_FILE
from .tables import frame_of, read_table, take_fraction, write_table

# Of each class: a gate about fewer would be passed by luck.
_LEAST_TEST_ROWS = 10
# By the name in the definition: the classifier for a seed.
_CLASSIFIERS: Mapping[str, Callable[[int], Any]] = {
    "LogisticRegression": lambda seed: LogisticRegression(max_iter=1000, random_state=seed),
    "RandomForest": lambda seed: RandomForestClassifier(n_estimators=200, random_state=seed),
    "HistGradientBoosting": lambda seed: HistGradientBoostingClassifier(random_state=seed),
}


@dataclass(frozen=True)
class Trained:
    """Sizes of the split and scores of the folds (mean and standard deviation over folds)."""

    rows: int
    test_rows: int
    folds: int
    roc_auc: float
    roc_auc_deviation: float
    log_loss: float

    @property
    def metrics(self) -> dict[str, float]:
        return {
            "rows": self.rows,
            "test_rows": self.test_rows,
            "folds": self.folds,
            "cv_roc_auc": round(self.roc_auc, 4),
            "cv_roc_auc_deviation": round(self.roc_auc_deviation, 4),
            "cv_log_loss": round(self.log_loss, 4),
        }


def train(training: Training, *, data: Path, model: Path, test: Path) -> Trained:
    """Fits on the rows of `data` that are not test rows; writes the folder `model` and the table `test`.

    Raises StepError for a split that is too small, and for data that the algorithm refuses.
    """
    spec = training.spec
    test_table, table = take_fraction(read_table(data), spec.split.test, training, purpose="test")
    rows, test_rows = frame_of(table), frame_of(test_table)
    target, test_target = (labels_of(frame[spec.target.column]) for frame in (rows, test_rows))
    _require_classes(target, training, at_least=spec.split.folds, what="training rows")
    _require_classes(test_target, training, at_least=_LEAST_TEST_ROWS, what="test rows")

    pipeline = build_pipeline(training)
    features = features_of(rows, training)
    scores = _cross_validate(pipeline, features, target, folds=spec.split.folds, seed=spec.model.seed)
    pipeline.fit(features, target)

    write_table(test_table, test)
    model.mkdir(parents=True, exist_ok=True)
    skops.io.dump(pipeline, model / SKOPS_FILE)
    made = {
        "algorithm": spec.model.algorithm,
        "impute": spec.model.impute,
        "seed": spec.model.seed,
        "rows": len(rows),
        "classes": [str(label) for label in pipeline.classes_],
    }
    (model / TRAINING_FILE).write_text(json.dumps(made), encoding="utf-8")
    return Trained(
        rows=len(rows),
        test_rows=len(test_rows),
        folds=spec.split.folds,
        roc_auc=float(scores["test_roc_auc"].mean()),
        roc_auc_deviation=float(scores["test_roc_auc"].std(ddof=1)),
        log_loss=float(-scores["test_neg_log_loss"].mean()),
    )


def build_pipeline(training: Training) -> Pipeline:
    """The unfitted pipeline: preparation of the columns, then the classifier."""
    model = training.spec.model
    return Pipeline([*preparation(training), ("classify", _CLASSIFIERS[model.algorithm](model.seed))])


def _require_classes(target: pd.Series[str], training: Training, *, at_least: int, what: str) -> None:
    counts = target.value_counts()
    for label in training.classes:
        if counts.get(label, 0) < at_least:
            raise StepError(
                f"class {label!r} has {counts.get(label, 0)} {what}, at least {at_least} are needed: "
                f"bring more data, or change spec.split.test or spec.split.folds"
            )


def _cross_validate(
    pipeline: Pipeline, features: pd.DataFrame, target: pd.Series[str], *, folds: int, seed: int
) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    try:
        scores = cross_validate(
            pipeline,
            features,
            target,
            cv=splitter,
            scoring=("roc_auc", "neg_log_loss"),
            error_score="raise",
        )
    except ValueError as error:
        raise StepError(f"the model cannot be fitted: {str(error).splitlines()[0]}") from error
    if not all(math.isfinite(score) for score in scores["test_roc_auc"]):
        raise StepError("a fold has no finite ROC AUC: use fewer folds or bring more data")
    return dict(scores)
