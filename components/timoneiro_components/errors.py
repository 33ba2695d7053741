"""Why a step stops the pipeline."""

from __future__ import annotations

from collections.abc import Sequence


class StepError(Exception):
    """The step cannot do its work; the message is one sentence with the thing and the remedy."""


class GateFailed(StepError):
    """The work was done and the result is not good enough; `reasons` has one sentence for each cause."""

    def __init__(self, gate: str, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__(f"{gate} failed: {'; '.join(self.reasons)}")


class ClusterError(StepError):
    """The cluster does not do what it is asked. `missing`: the object is not there. `transient`: it may well do it
    later."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.missing = status == 404
        self.transient = status in (0, 429) or status >= 500
