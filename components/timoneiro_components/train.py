"""Step: split, cross-validate and fit.

Guarantees: the rows of the test table are never fitted on, neither in a fold nor in the end; the
same data, parameters and seed give the same model; the model file is of a kind that can be loaded
without running code from it. Next to it, `training.json` says how the model was made.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import skops.io
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from timoneiro_serving.loading import SKOPS_FILE

from .datasets import DatasetDefinition, dataset_definition
from .errors import StepError
from .package import TRAINING_FILE
from .tables import read_table, take_fraction, write_table

ALGORITHMS = ("logistic_regression", "random_forest", "hist_gradient_boosting")


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


def train(
    dataset: str,
    *,
    data: Path,
    model: Path,
    test: Path,
    algorithm: str,
    impute: bool,
    test_fraction: float,
    folds: int,
    seed: int,
) -> Trained:
    """Fits on the rows of `data` that are not test rows; writes the folder `model` and the table `test`.

    With `impute` missing values are replaced by the median of the training rows; without it the
    algorithm sees them as they are (logistic regression then refuses them). Raises StepError for
    unknown algorithms, impossible fractions and folds, and a split that is too small.
    """
    if not 0 < test_fraction < 1:
        raise StepError(f"test_fraction is {test_fraction}, it must be between 0 and 1")
    if folds < 2:
        raise StepError(f"folds is {folds}, cross-validation needs at least 2")
    definition = dataset_definition(dataset)
    pipeline = build_pipeline(algorithm, impute=impute, seed=seed)
    test_rows, rows = take_fraction(read_table(data), test_fraction, purpose="test")
    _require_classes(rows, definition, at_least=folds, what="training rows")
    _require_classes(test_rows, definition, at_least=1, what="test rows")

    features, target = rows[definition.feature_names], rows[definition.target]
    scores = _cross_validate(pipeline, features, target, folds=folds, seed=seed)
    pipeline.fit(features, target)

    write_table(test_rows, test)
    model.mkdir(parents=True, exist_ok=True)
    skops.io.dump(pipeline, model / SKOPS_FILE)
    made = {
        "algorithm": algorithm,
        "impute": impute,
        "seed": seed,
        "rows": len(rows),
        "classes": [str(label) for label in pipeline.classes_],
    }
    (model / TRAINING_FILE).write_text(json.dumps(made), encoding="utf-8")
    return Trained(
        rows=len(rows),
        test_rows=len(test_rows),
        folds=folds,
        roc_auc=float(scores["test_roc_auc"].mean()),
        roc_auc_deviation=float(scores["test_roc_auc"].std(ddof=1)),
        log_loss=float(-scores["test_neg_log_loss"].mean()),
    )


def build_pipeline(algorithm: str, *, impute: bool, seed: int) -> Pipeline:
    """The unfitted pipeline: imputer (if asked for), scaler, classifier."""
    classifiers = {
        "logistic_regression": lambda: LogisticRegression(max_iter=1000),
        "random_forest": lambda: RandomForestClassifier(n_estimators=200, random_state=seed),
        "hist_gradient_boosting": lambda: HistGradientBoostingClassifier(random_state=seed),
    }
    if algorithm not in classifiers:
        raise StepError(f"there is no algorithm {algorithm!r}; known are: {', '.join(ALGORITHMS)}")
    steps: list[tuple[str, Any]] = [("impute", SimpleImputer(strategy="median"))] if impute else []
    return Pipeline([*steps, ("scale", StandardScaler()), ("classify", classifiers[algorithm]())])


def _require_classes(rows: pd.DataFrame, definition: DatasetDefinition, *, at_least: int, what: str) -> None:
    counts = rows[definition.target].value_counts()
    for label in definition.classes:
        if counts.get(label, 0) < at_least:
            raise StepError(
                f"class {label!r} has {counts.get(label, 0)} {what}, at least {at_least} are needed: "
                f"bring more data or choose another test_fraction or fewer folds"
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
