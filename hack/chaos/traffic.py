"""Which of the lost requests a fault itself has killed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from demo.load import RequestRecord

RATE = 40.0
# Long enough to be no lucky request between two failures.
CALM_SECONDS = 1.0
LONGEST_EXCUSE_SECONDS = 60.0


@dataclass(frozen=True)
class FaultWindow:
    """Time in which `fault` has killed requests by itself."""

    fault: str
    began: float
    ended: float

    def covers(self, request: RequestRecord) -> bool:
        return request.sent <= self.ended and request.ended >= self.began


def lost(requests: Iterable[RequestRecord]) -> list[RequestRecord]:
    """Those that no model has answered, with predictions or with a failure of its own."""
    return [request for request in requests if request.blamed == "the rollout"]


def excuse(fault: FaultWindow, safe: float, requests: Iterable[RequestRecord]) -> FaultWindow:
    """From the beginning of a fault until the status was `safe` again and nothing has been lost for `CALM_SECONDS`.

    What kills requests is rarely back at once: a model server has to load its model again. Nor does it always begin at
    once: what somebody deletes goes on for some seconds. But no outage without end is excused.
    """
    began, latest = fault.began, fault.ended + LONGEST_EXCUSE_SECONDS
    calm = max(fault.ended, safe)
    for request in sorted(lost(requests), key=lambda r: r.ended):
        if request.ended >= began and request.sent <= min(calm + CALM_SECONDS, latest):
            calm = max(calm, request.ended)
    return FaultWindow(fault.fault, began, min(calm, latest))


def unexcused(requests: Iterable[RequestRecord], windows: Sequence[FaultWindow]) -> list[RequestRecord]:
    """Lost requests that no fault has killed."""
    return [request for request in lost(requests) if not any(window.covers(request) for window in windows)]


def in_words(requests: Iterable[RequestRecord], began: float) -> list[str]:
    """A sentence for each way in which some were lost. `began`: when the run did."""
    ways: dict[str, list[float]] = {}
    for request in requests:
        # Without the time of day, which is at its beginning.
        ways.setdefault(request.detail.partition(" ")[2], []).append(request.sent - began)
    return [
        f"{len(moments)} requests were lost, {min(moments):.1f} to {max(moments):.1f} s into the run: {way}"
        for way, moments in ways.items()
    ]
