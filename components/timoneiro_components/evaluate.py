"""Step: is the candidate good enough, and not worse than the model that serves now? A gate.

Both models see the same rows, none of which either was trained on. Guarantees: the figures are there
whether the gate passes or not; without a champion only the absolute limit counts.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from timoneiro_serving.errors import ModelLoadError
from timoneiro_serving.loading import load_model

from .datasets import DatasetDefinition, dataset_definition
from .errors import GateFailed, StepError
from .scoring import Score, score
from .tables import read_table


@dataclass(frozen=True)
class Evaluation:
    """Scores of the candidate and, if there is one, the champion, and why the gate failed (if it did)."""

    candidate: Score
    champion: Score | None
    test_rows: int
    reasons: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.reasons

    @property
    def metrics(self) -> dict[str, float]:
        figures = {
            "roc_auc": round(self.candidate.roc_auc, 4),
            "accuracy": round(self.candidate.accuracy, 4),
            "log_loss": round(self.candidate.log_loss, 4),
            "test_rows": self.test_rows,
        }
        if self.champion is not None:
            figures["champion_roc_auc"] = round(self.champion.roc_auc, 4)
            figures["champion_accuracy"] = round(self.champion.accuracy, 4)
            figures["champion_log_loss"] = round(self.champion.log_loss, 4)
        return figures

    def require(self) -> None:
        """Raises GateFailed with every reason unless the gate passed."""
        if not self.passed:
            raise GateFailed("evaluation", self.reasons)


def evaluate(
    dataset: str, *, model: Path, test: Path, champion_uri: str, min_roc_auc: float, max_regression: float
) -> Evaluation:
    """Scores the model folder `model` on the table `test`, and the package at `champion_uri` ("" for none).

    The candidate passes if its ROC AUC is at least `min_roc_auc` and at most `max_regression` below
    the champion's. Raises StepError if either model cannot be loaded or asked.
    """
    definition = dataset_definition(dataset)
    rows = read_table(test)
    candidate = _score_folder(model, rows, definition, who="the candidate")
    champion = _score_champion(champion_uri, rows, definition) if champion_uri else None
    return Evaluation(
        candidate=candidate,
        champion=champion,
        test_rows=len(rows),
        reasons=tuple(_reasons(candidate, champion, min_roc_auc, max_regression)),
    )


def _score_folder(folder: Path, rows: pd.DataFrame, definition: DatasetDefinition, *, who: str) -> Score:
    try:
        loaded = load_model(folder)
    except ModelLoadError as error:
        raise StepError(f"{who} cannot be loaded: {error}") from error
    return score(loaded, rows, definition, who=who)


def _score_champion(uri: str, rows: pd.DataFrame, definition: DatasetDefinition) -> Score:
    # Here, because most first runs have no champion and need no store.
    from .store import ModelStore  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="timoneiro-champion-") as folder:
        ModelStore.connect().download(uri, Path(folder))
        return _score_folder(Path(folder), rows, definition, who=f"the champion {uri}")


def _reasons(candidate: Score, champion: Score | None, min_roc_auc: float, max_regression: float) -> list[str]:
    reasons = []
    if candidate.roc_auc < min_roc_auc:
        reasons.append(f"ROC AUC is {candidate.roc_auc:.4f}, at least {min_roc_auc:g} is wanted")
    if champion is not None and candidate.roc_auc < champion.roc_auc - max_regression:
        reasons.append(
            f"ROC AUC is {candidate.roc_auc:.4f}, the champion's is {champion.roc_auc:.4f} on the same rows "
            f"and at most {max_regression:g} less is accepted"
        )
    return reasons
