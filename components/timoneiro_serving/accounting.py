"""Every request is accounted for once: begun, and ended in one way. What hangs is no exception.

A request begins when its body is there, and ends when its answer is. One that takes longer than a bound is `overdue`
from then on, whatever becomes of it: so a model that hangs is seen while it hangs, and one that was only slow is not
counted again. The counters only grow, as counters of Prometheus do, and nothing has to run beside the requests.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from typing import Any, Literal

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

# well: answered. failed: a 5xx, or no answer at all. refused: a 4xx, which the client has to answer for.
# abandoned: nobody waited for the answer any more when it was there. overdue: not answered within the bound.
RequestOutcome = Literal["well", "failed", "refused", "abandoned", "overdue"]
OUTCOMES: tuple[RequestOutcome, ...] = ("well", "failed", "refused", "abandoned", "overdue")

_INFERENCE = re.compile(r"^/v1/models/[^/]+:(predict|explain)$|^/v2/models/.+/(infer|explain)$")


class Accounts(Collector):
    """Requests of this process. `clock`: seconds that only grow."""

    def __init__(self, overdue_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._bound, self._clock = overdue_seconds, clock
        self._begun = 0
        self._ended: dict[RequestOutcome, int] = dict.fromkeys(OUTCOMES, 0)
        # Begun at, by number: the oldest first, since they are numbered as they come.
        self._young: dict[int, float] = {}
        self._overdue: set[int] = set()

    def begin(self) -> int:
        """One request more; its number, by which it is ended."""
        self._begun += 1
        self._young[self._begun] = self._clock()
        return self._begun

    def end(self, number: int, outcome: RequestOutcome) -> None:
        """The request was answered, or nothing more will come of it. Ended once, it stays as it ended first."""
        self._settle()
        self._overdue.discard(number)
        if self._young.pop(number, None) is not None:
            self._ended[outcome] += 1

    @property
    def hanging(self) -> int:
        """Requests that are overdue and not answered to this moment."""
        self._settle()
        return len(self._overdue)

    def collect(self) -> Iterable[Metric]:
        """What is shown to Prometheus."""
        self._settle()
        yield CounterMetricFamily("timoneiro_requests_begun", "Requests whose body was read", value=self._begun)
        ended = CounterMetricFamily("timoneiro_requests_ended", "Requests by how they ended", labels=["outcome"])
        for outcome, number in self._ended.items():
            ended.add_metric([outcome], number)
        yield ended
        in_flight = len(self._young) + len(self._overdue)
        yield GaugeMetricFamily("timoneiro_requests_in_flight", "Requests that were not answered yet", value=in_flight)

    def _settle(self) -> None:
        latest = self._clock() - self._bound
        for number, begun in list(self._young.items()):
            if begun > latest:
                break
            del self._young[number]
            self._overdue.add(number)
            self._ended["overdue"] += 1


class AccountForRequests:
    """ASGI layer around everything else: counts the requests that ask the model."""

    def __init__(self, app: Any, accounts: Accounts) -> None:
        self._app, self._accounts = app, accounts

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or not _INFERENCE.match(scope["path"]):
            await self._app(scope, receive, send)
            return
        number: int | None = None
        outcome: RequestOutcome = "failed"
        # Bytes that were announced and have not come: with any left, the server closes the connection.
        owed: int | None = None

        async def received() -> Any:
            # A client that sends slowly is nobody's fault here: the request begins when it is there.
            nonlocal number
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body") and number is None:
                number = self._accounts.begin()
            return message

        async def answered(message: Any) -> None:
            nonlocal outcome, owed
            if message["type"] == "http.response.start":
                outcome, owed = _outcome(message["status"]), _length(message)
                if number is not None and _is_gone(receive):
                    outcome = "abandoned"
            elif owed is not None:
                owed -= len(message.get("body", b""))
            if message["type"] == "http.response.body" and number is not None and not message.get("more_body"):
                # Before it is sent: neither is one that reads slowly.
                self._accounts.end(number, "failed" if owed else outcome)
            try:
                await send(message)
            except RuntimeError:
                # The connection is closed: its requests came one behind the other, and only the last was told.
                if number is not None:
                    self._accounts.end(number, "abandoned")

        try:
            await self._app(scope, received, answered)
        finally:
            if number is not None:
                self._accounts.end(number, "failed")


def _is_gone(receive: Any) -> bool:
    """Whether nobody waits for the answer any more: when the body was read, all that may still come is that. Asked
    without waiting, as Starlette asks it, which takes ten times as long."""
    step = receive().__await__()
    try:
        next(step)
    except StopIteration as there:
        return bool(there.value["type"] == "http.disconnect")
    step.close()
    return False


def _length(start: Any) -> int | None:
    """How many bytes an answer announces; None if it does not."""
    found = (value for name, value in start.get("headers", ()) if name.lower() == b"content-length")
    return next((int(value) for value in found if value.isdigit()), None)


def _outcome(status: int) -> RequestOutcome:
    if status >= 500:
        return "failed"
    return "refused" if status >= 400 else "well"
