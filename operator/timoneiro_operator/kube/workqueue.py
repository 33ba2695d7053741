"""A queue of keys that never hands one key to two workers at once.

The semantics of client-go's work queue, for asyncio: a key that is added while it waits is waited for once; a key that
is added while it is worked on is handed out again afterwards; failures come back with growing delays. What is urgent
comes before all that is not.
"""

import asyncio
import random
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Queued = TypeVar("Queued", bound=Hashable)

# Half a minute at most: a rollback may be waiting behind an API server that is back.
FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0


class WorkQueue(Generic[Queued]):
    """Deduplicating queue. All methods are to be called from the event loop's thread."""

    def __init__(self) -> None:
        self._urgent: OrderedDict[Queued, None] = OrderedDict()
        self._waiting: OrderedDict[Queued, None] = OrderedDict()
        # What is to be worked on, and whether that is urgent.
        self._dirty: dict[Queued, bool] = {}
        # What is worked on, and whether that was urgent.
        self._processing: dict[Queued, bool] = {}
        # What was urgent and has failed since: it is no less urgent for that.
        self._pressing: set[Queued] = set()
        self._failures: dict[Queued, int] = {}
        self._timers: dict[Queued, asyncio.TimerHandle] = {}
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._urgent) + len(self._waiting)

    def add(self, key: Queued, *, urgent: bool = False) -> None:
        """`key` is to be worked on as soon as a worker is free. A timer that was set for it is void."""
        self._cancel_timer(key)
        self._dirty[key] = urgent or key in self._pressing or self._dirty.get(key, False)
        if key not in self._processing:
            self._line_up(key)

    def add_after(self, key: Queued, seconds: float) -> None:
        """`key` is to be worked on in `seconds`, unless something calls for it earlier."""
        self._cancel_timer(key)
        self._timers[key] = asyncio.get_running_loop().call_later(max(0.0, seconds), self.add, key)

    def add_failed(self, key: Queued) -> float:
        """`key` failed: again after a delay that doubles with each failure in a row. Returns the delay in seconds."""
        count = self._failures.get(key, 0)
        self._failures[key] = count + 1
        if self._processing.get(key):
            self._pressing.add(key)
        delay = min(FIRST_DELAY * 2.0**count, LONGEST_DELAY) * random.uniform(0.8, 1.2)  # noqa: S311
        self.add_after(key, delay)
        return delay

    def succeeded(self, key: Queued) -> None:
        self._failures.pop(key, None)
        self._pressing.discard(key)

    def forget(self, key: Queued) -> None:
        """`key` is of no interest any more."""
        self._cancel_timer(key)
        self.succeeded(key)

    async def get(self) -> Queued:
        """The next key; it is the caller's alone until `done`."""
        while not len(self):
            self._wake.clear()
            await self._wake.wait()
        key, _ = (self._urgent or self._waiting).popitem(last=False)
        self._processing[key] = self._dirty.pop(key)
        return key

    def done(self, key: Queued) -> None:
        """The caller is through with `key`."""
        self._processing.pop(key, None)
        if key in self._dirty:
            self._cancel_timer(key)
            self._line_up(key)

    def _line_up(self, key: Queued) -> None:
        """At the end of its line, unless it stands there already."""
        if self._dirty[key]:
            self._waiting.pop(key, None)
        (self._urgent if self._dirty[key] else self._waiting).setdefault(key)
        self._wake.set()

    def _cancel_timer(self, key: Queued) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
