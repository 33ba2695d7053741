"""The use cases, and where the best possible score of each is known from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from timoneiro_components.examples.fraud.table import payments_and_odds
from timoneiro_components.examples.made import MadeUp
from timoneiro_components.examples.maintenance.table import machines_and_odds

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "use-cases"


@dataclass(frozen=True)
class UseCase:
    """`positives`: what the rows are called that are looked for. `odds`: the rows with their true probabilities, where
    they are made up."""

    name: str
    title: str
    data: str
    positives: str
    odds: Callable[[], MadeUp] | None = None

    @property
    def definition(self) -> Path:
        return ROOT / "pipelines" / "examples" / self.name / "training.yaml"

    @property
    def page(self) -> Path:
        return PAGES / f"{self.name}.md"


USE_CASES = (
    UseCase("credit-risk", "Credit risk", "real, R's modeldata", "bad loans"),
    UseCase("diagnosis", "Diagnosis", "real, UCI", "malignant tumours"),
    UseCase("fraud", "Fraud", "made up", "frauds", payments_and_odds),
    UseCase("predictive-maintenance", "Predictive maintenance", "made up", "failures", machines_and_odds),
)
