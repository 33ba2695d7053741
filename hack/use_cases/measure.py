"""One run of an example through the steps of the pipeline, and its scores on rows that the model was not trained on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

from timoneiro_components.definition.reading import read_training
from timoneiro_components.definition.training import Training
from timoneiro_components.evaluate import evaluate
from timoneiro_components.features.preparation import features_of, labels_of
from timoneiro_components.ingest import ingest
from timoneiro_components.package import package
from timoneiro_components.tables import frame_of, read_table
from timoneiro_components.train import train
from timoneiro_components.validate import validate
from timoneiro_serving.loading import load_model

from .cases import UseCase

Probabilities = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """Of one set of probabilities on the test rows."""

    roc_auc: float
    pr_auc: float
    log_loss: float


@dataclass(frozen=True)
class CaseResult:
    """Sizes, scores and the probabilities behind them; those that are the best possible only where they are known."""

    case: UseCase
    algorithm: str
    rows: int
    truth: npt.NDArray[np.bool_]
    model: Probabilities
    best: Probabilities | None

    @property
    def model_scores(self) -> Scores:
        return scores(self.truth, self.model)

    @property
    def best_scores(self) -> Scores | None:
        return None if self.best is None else scores(self.truth, self.best)


def scores(truth: npt.NDArray[np.bool_], probabilities: Probabilities) -> Scores:
    """PR AUC is the average precision: the mean of the precisions at each of the positive rows, by probability."""
    return Scores(
        float(roc_auc_score(truth, probabilities)),
        float(average_precision_score(truth, probabilities)),
        float(log_loss(truth, probabilities)),
    )


def measure(case: UseCase, folder: Path) -> CaseResult:
    """Runs the example in `folder`. Raises RuntimeError with what a gate has against data or model."""
    training = read_training(case.definition)
    source, holdout, data, model, test = (folder / name for name in ("source", "holdout", "data", "model", "test"))
    said = {name: folder / name for name in ("privacy", "dataset")}
    ingested = ingest(training, data=source, holdout=holdout, **said)
    checked = validate(
        training,
        data=source,
        holdout=holdout,
        privacy=said["privacy"],
        accepted=data,
        accepted_holdout=folder / "accepted-holdout",
        quarantine=folder / "quarantine",
        report=folder / "report.md",
    )
    _require(checked.reasons)
    train(training, data=data, model=model, test=test)
    seen = folder / "evaluation.json"
    _require(evaluate(training, model=model, test=test, champion_uri="", evaluation=seen).reasons)
    packed = folder / "package"
    package(training, model=model, data=data, **said, destination=packed, version="1", evaluation=seen)
    rows = frame_of(read_table(test))
    return CaseResult(
        case,
        json.loads((packed / "timoneiro.json").read_text(encoding="utf-8"))["training"]["algorithm"],
        ingested.rows + ingested.holdout_rows,
        (labels_of(rows[training.spec.target.column]) == training.spec.target.positive).to_numpy(dtype=bool),
        _probabilities(packed, rows, training),
        None if case.odds is None else best_possible(case.odds(), rows, training.keys[0]),
    )


def best_possible(made: Any, rows: pd.DataFrame, key: str) -> Probabilities:
    """The true probabilities of `rows`, which are some of those that were made."""
    odds = pd.Series(made.probability, index=made.table[key].astype(str))
    found: Probabilities = odds[rows[key]].to_numpy()
    return found


def _probabilities(packed: Path, rows: pd.DataFrame, training: Training) -> Probabilities:
    """As the model server would answer."""
    model = load_model(packed)
    answer = model.predictor.predict(features_of(rows, training)[[feature.name for feature in model.features]])
    if answer.probabilities is None:
        raise RuntimeError(f"{training.metadata.name} gives no probabilities")
    column = list(model.classes).index(training.classes[-1])
    found: Probabilities = answer.probabilities[:, column].astype(float)
    return found


def _require(reasons: tuple[str, ...]) -> None:
    if reasons:
        raise RuntimeError("; ".join(reasons))
