"""One run of an example through the steps of the pipeline, and its scores on rows that the model was not trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

from timoneiro_components.definition.reading import read_training
from timoneiro_components.evaluate import evaluate
from timoneiro_components.ingest import ingest
from timoneiro_components.tables import frame_of, read_table
from timoneiro_components.train import train
from timoneiro_components.validate import validate

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
    judged = evaluate(training, model=model, test=test, champion_uri="", evaluation=seen)
    _require(judged.reasons)
    odds = None if case.odds is None else case.odds()
    return CaseResult(
        case,
        training.spec.model.algorithm,
        ingested.rows + ingested.holdout_rows,
        judged.candidate.positive,
        judged.candidate.score,
        None if odds is None else best_possible(odds, frame_of(read_table(test)), training.keys[0]),
    )


def best_possible(made: Any, rows: pd.DataFrame, key: str) -> Probabilities:
    """The true probabilities of `rows`, which are some of those that were made."""
    odds = pd.Series(made.probability, index=made.table[key].astype(str))
    found: Probabilities = odds[rows[key]].to_numpy()
    return found


def _require(reasons: tuple[str, ...]) -> None:
    if reasons:
        raise RuntimeError("; ".join(reasons))
