"""Gates: what stops a pipeline. The step that computes leaves an outcome, and a step of its own after it stops.

Kubeflow Pipelines keeps nothing but the log of a step that fails: reports and metrics of a gate that failed would be
lost if it were the step that made them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from .errors import GateFailed, StepError


def write_outcome(path: Path, gate: str, reasons: Sequence[str]) -> None:
    """Leaves why the gate called `gate` fails, in one sentence for each cause; it passes where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"gate": gate, "reasons": list(reasons)}), encoding="utf-8")


def require(path: Path) -> None:
    """Raises GateFailed with every reason unless the gate whose outcome is in `path` passed."""
    try:
        outcome = json.loads(path.read_text(encoding="utf-8"))
        gate, reasons = str(outcome["gate"]), [str(reason) for reason in outcome["reasons"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StepError(
            f"{path} is no outcome of a gate ({type(error).__name__}): run the step before it again"
        ) from error
    if reasons:
        raise GateFailed(gate, reasons)
