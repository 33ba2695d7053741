"""Reads counts beside the passes, so that no pass ever waits for a source of counts.

Guarantees: one read at a time for each ModelDeployment; a result is handed to one pass, and only to one that asks for
the same; a read ends in time and in a result, whatever its source does; sources that hang delay only each other.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from timoneiro_operator.api.kinds import Key
from timoneiro_operator.decide.observation import Metrics
from timoneiro_operator.decide.set_back import TOLERANCE_SECONDS
from timoneiro_operator.metrics.look import Look
from timoneiro_operator.sources.source import Source
from timoneiro_operator.sources.turns import Ticket, Turns

log = logging.getLogger(__name__)

LONGEST_READ_SECONDS = 15.0
# A source that is not due yet, as the routing has to settle first, is asked again after so long.
_NOT_DUE_SECONDS = 1.0
# What took longer than this waits with its like the next time.
_SLOW_SECONDS = 1.0


@dataclass(slots=True, kw_only=True)
class _Read:
    """One read: for which look, and its result once it is there."""

    look: Look
    ticket: Ticket
    task: asyncio.Task[None] | None = None
    result: Metrics | None = None


class Reader:
    """Counts of ModelDeployments, for passes. All methods are to be called from the event loop's thread."""

    def __init__(
        self, sources: Mapping[str, Source], *, wake: Callable[[Key], None], clock: Callable[[], float] = time.time
    ) -> None:
        """`wake` is called when a result is there for the next pass. `clock`: seconds since the epoch."""
        self._sources = sources
        self._wake = wake
        self._clock = clock
        self._turns = Turns()
        self._reads: dict[Key, _Read] = {}
        # What the last read has told: it stands until the next one has.
        self._standing: dict[Key, Metrics] = {}
        self._slow: set[Key] = set()
        self._not_before: dict[Key, float] = {}
        # When each was looked at last, and when a pass had its last counts, by a clock that may be set back.
        self._latest: dict[Key, float] = {}
        self._handed: dict[Key, float] = {}
        self._timers: dict[Key, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        """How many reads are under way or wait for their turn."""
        return len(self._turns)

    def measure(self, look: Look) -> Metrics:
        """Counts that no pass has had yet, or what stands in their way; begins a read where one is due. Never waits."""
        key = look.key
        if look.now < self._latest.get(key, look.now) - TOLERANCE_SECONDS:
            # Everybody would wait until it is as late again as it was.
            self.forget(key)
        # What this pass asks for may be something else: at its end it says what it expects.
        self._cancel(key)
        self._latest[key] = look.now
        read = self._reads.get(key)
        if read is not None and not _same(read.look, look):
            self._drop(key)
            read = None
        if read is None:
            known = self._sources[look.analysis.source.type].known(look)
            if self._is_due(look, known):
                self._begin(look)
            return known or self._standing.get(key, Metrics())
        if read.result is not None:
            del self._reads[key]
            self._handed[key] = look.now
            return read.result
        waited = look.now - read.look.now
        if waited > look.interval + LONGEST_READ_SECONDS:
            words = f"the read has waited {waited:.0f} s for its turn: {len(self)} reads are due, and sources hang"
            return Metrics(problem=("ReadsWaiting", words))
        return self._standing.get(key, Metrics())

    def expect(self, look: Look) -> None:
        """Begins the next read when it is due, an interval after the last one: it takes no pass to know that.

        That holds until the next pass measures, which says at its end what it expects.
        """
        key, handed = look.key, self._handed.get(look.key)
        self._cancel(key)
        if handed is None or key in self._reads:
            return
        self._begin_after(min(handed + look.interval - self._clock(), look.interval), look)

    def _begin_after(self, seconds: float, look: Look) -> None:
        timer = asyncio.get_running_loop().call_later(max(0.0, seconds), self._begin_by_itself, look)
        self._timers[look.key] = timer

    def _begin_by_itself(self, look: Look) -> None:
        look = replace(look, now=self._clock())
        del self._timers[look.key]
        if self._is_due(look, self._sources[look.analysis.source.type].known(look)):
            self._begin(look)
        else:
            self._begin_after(_NOT_DUE_SECONDS, look)

    def _is_due(self, look: Look, known: Metrics | None) -> bool:
        """Whether a read has something to find. `known`: what its source has to say without one."""
        return known is None and look.now >= self._not_before.get(look.key, look.now)

    def _cancel(self, key: Key) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    def forget(self, key: Key) -> None:
        """Nothing is compared there any more."""
        self._cancel(key)
        self._handed.pop(key, None)
        self._drop(key)
        self._standing.pop(key, None)
        self._not_before.pop(key, None)
        self._latest.pop(key, None)
        self._slow.discard(key)
        for source in self._sources.values():
            source.forget(key)

    async def stop(self) -> None:
        """Ends all reads, and begins none any more."""
        for key in list(self._timers):
            self._cancel(key)
        tasks = [read.task for read in self._reads.values() if read.task is not None]
        for key in list(self._reads):
            self._drop(key)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, look: Look) -> None:
        source = look.analysis.source
        shared = {"Prometheus": source.url, "Gateway": "/".join(look.gateway or ())}.get(source.type)
        ticket = Ticket(look.key, "Slow" if look.key in self._slow else "Quick", shared)
        self._reads[look.key] = _Read(look=look, ticket=ticket)
        self._turns.add(ticket)
        self._admit()

    def _admit(self) -> None:
        for ticket in self._turns.admit():
            read = self._reads[ticket.key]
            read.task = asyncio.create_task(self._run(read), name=f"read-{'/'.join(ticket.key)}")

    def _drop(self, key: Key) -> None:
        """A read that nobody wants any more ends; what it has found was never counted."""
        read = self._reads.pop(key, None)
        if read is None or read.result is not None:
            return
        if read.task is not None:
            read.task.cancel()
        self._turns.remove(read.ticket)
        self._admit()

    async def _run(self, read: _Read) -> None:
        key, started = read.look.key, time.monotonic()
        # It may have waited for its turn, and counts are of the moment at which they are read.
        look = replace(read.look, now=self._clock())
        result = await self._result(look)
        if self._reads.get(key) is not read:
            return
        if time.monotonic() - started > _SLOW_SECONDS:
            self._slow.add(key)
        else:
            self._slow.discard(key)
        read.result = result
        self._standing[key] = Metrics(problem=result.problem, problems=result.problems)
        self._turns.remove(read.ticket)
        self._admit()
        self._wake(key)

    async def _result(self, look: Look) -> Metrics:
        try:
            async with asyncio.timeout(LONGEST_READ_SECONDS):
                return await self._sources[look.analysis.source.type].read(look)
        except TimeoutError:
            problem = "SourceSlow", f"the metrics were not read within {LONGEST_READ_SECONDS:g} s"
        except Exception as error:
            # Whatever is wrong with what was read: the next read may go well.
            log.exception("%s/%s: the metrics cannot be read", *look.key)
            problem = "SourceFailed", f"the metrics cannot be read: {type(error).__name__}"
        # The source itself may not know that it was asked.
        self._not_before[look.key] = look.now + look.interval
        return Metrics(problem=problem)


def _same(one: Look, other: Look) -> bool:
    """Whether the counts of one are those that the other asks for."""
    return (one.arms, one.analysis, one.recorded) == (other.arms, other.analysis, other.recorded)
