"""Sessions by whether all of their requests went well, for whoever compares two models by users instead of requests.

Requests of one user often fail together, and then a hundred failures are one observation. What a header of the request
says tells whose it is. It is kept as a keyed hash and with a key that dies with the process: nothing leads back to it.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

# A session ends so long after its last request, or so long after its first one, whichever comes first.
IDLE_SECONDS = 60.0
LONGEST_SECONDS = 600.0
# Open at the same time; with more of them, the one that was idle for longest ends early. About 25 MiB.
MOST_OPEN = 100_000


@dataclass(slots=True)
class _Session:
    since: float
    last: float
    failed: bool = False


class Sessions(Collector):
    """Sessions of this process. `header`: by which a request says whose it is. `clock`: seconds that only grow.

    A session counts once, when it is over: so those that failed and those that went well are as old as each other, and
    neither model looks worse for having got its first users just now.
    """

    def __init__(self, header: str, clock: Callable[[], float] = time.monotonic, most: int = MOST_OPEN) -> None:
        self._header, self._key = header.lower().encode(), secrets.token_bytes(16)
        self._clock, self._most = clock, most
        # The one that was idle for longest first.
        self._open: OrderedDict[bytes, _Session] = OrderedDict()
        self._ended = {"well": 0, "failed": 0}

    def whose(self, headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
        """Of which session a request with these headers is a part; None of none."""
        said = next((value for name, value in headers if name.lower() == self._header), b"").strip()
        return hashlib.blake2b(said, digest_size=8, key=self._key).digest() if said else None

    def ended(self, session: bytes, *, failed: bool) -> None:
        """A request of the session has ended."""
        self._settle()
        now = self._clock()
        found = self._open.get(session)
        if found is not None and now - found.since >= LONGEST_SECONDS:
            self._close(session)
            found = None
        if found is None:
            found = self._open[session] = _Session(since=now, last=now)
        found.last, found.failed = now, found.failed or failed
        self._open.move_to_end(session)
        if len(self._open) > self._most:
            self._close(next(iter(self._open)))

    def collect(self) -> Iterable[Metric]:
        """What is shown to Prometheus."""
        self._settle()
        family = CounterMetricFamily(
            "timoneiro_sessions_ended", "Sessions by whether all of their requests went well", labels=["outcome"]
        )
        for outcome, number in self._ended.items():
            family.add_metric([outcome], number)
        yield family

    def _settle(self) -> None:
        latest = self._clock() - IDLE_SECONDS
        while self._open and next(iter(self._open.values())).last <= latest:
            self._close(next(iter(self._open)))

    def _close(self, session: bytes) -> None:
        self._ended["failed" if self._open.pop(session).failed else "well"] += 1
