"""Step: is the candidate good enough, and not worse than the model that serves now?

Both models see the same rows, none of which either was trained on. Guarantees: a figure that is no number passes no
gate; without a champion the gates about it pass.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from timoneiro_serving.errors import ModelLoadError
from timoneiro_serving.loading import load_model

from .definition.gates import SMALLER_IS_BETTER, Gate
from .definition.training import Training
from .errors import StepError
from .scoring import Score, score
from .tables import frame_of, read_table

GATE = "evaluation"
# Title, and attribute of Score.
_METRICS: Mapping[str, tuple[str, str]] = {
    "rocAuc": ("ROC AUC", "roc_auc"),
    "accuracy": ("accuracy", "accuracy"),
    "logLoss": ("log loss", "log_loss"),
}


@dataclass(frozen=True)
class Evaluation:
    """Scores of the candidate and, if there is one, the champion, and why the gate failed (if it did)."""

    candidate: Score
    champion: Score | None
    test_rows: int
    reasons: tuple[str, ...]

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


def evaluate(training: Training, *, model: Path, test: Path, champion_uri: str) -> Evaluation:
    """Scores the model folder `model` on the table `test`, and the package at `champion_uri` ("" for none).

    Raises StepError if either model cannot be loaded or asked; a gate that does not pass raises nothing.
    """
    rows = frame_of(read_table(test))
    candidate = _score_folder(model, rows, training, who="the candidate")
    champion = _score_champion(champion_uri, rows, training) if champion_uri else None
    reasons = (reason for gate in training.spec.gates for reason in _reasons(gate, candidate, champion))
    return Evaluation(candidate=candidate, champion=champion, test_rows=len(rows), reasons=tuple(reasons))


def _score_folder(folder: Path, rows: pd.DataFrame, training: Training, *, who: str) -> Score:
    try:
        loaded = load_model(folder)
    except ModelLoadError as error:
        raise StepError(f"{who} cannot be loaded: {error}") from error
    return score(loaded, rows, training, who=who)


def _score_champion(uri: str, rows: pd.DataFrame, training: Training) -> Score:
    # Here, because most first runs have no champion and need no store.
    from .store import ModelStore  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="timoneiro-champion-") as folder:
        ModelStore.connect().download(uri, Path(folder))
        return _score_folder(Path(folder), rows, training, who=f"the champion {uri}")


def _reasons(gate: Gate, candidate: Score, champion: Score | None) -> Iterator[str]:
    """Why the gate does not pass. Comparisons are this way round so that NaN passes none."""
    title, attribute = _METRICS[gate.metric]
    found = float(getattr(candidate, attribute))
    if gate.at_least is not None and not found >= gate.at_least:
        yield f"{title} is {found:.4f}, at least {gate.at_least:g} is wanted"
    if gate.at_most is not None and not found <= gate.at_most:
        yield f"{title} is {found:.4f}, at most {gate.at_most:g} is wanted"
    if gate.champion is not None and champion is not None:
        other = float(getattr(champion, attribute))
        less_is_better = gate.metric in SMALLER_IS_BETTER
        worse = found - other if less_is_better else other - found
        if not worse <= gate.champion:
            yield (
                f"{title} is {found:.4f}, the champion's is {other:.4f} on the same rows "
                f"and at most {gate.champion:g} {'more' if less_is_better else 'less'} is accepted"
            )
