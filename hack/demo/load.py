"""A client that sends real rows through the gateway at a steady rate, and tells who is to blame for what fails.

Bounded: it sends at most `rate` requests a second, has at most `_IN_FLIGHT` of them open, and ends when it is told to.
Every request has one record, which is closed whatever becomes of it: what was sent is what was answered and what
failed. What was due and could not be sent is counted too: a load that thins itself out proves less than it says.
"""

import asyncio
import json
import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import aiohttp

_IN_FLIGHT = 64
_TIMEOUT = aiohttp.ClientTimeout(total=15)
# A request that is sent so much later than it was due says that this machine has no time for its load.
_LATE_SECONDS = 1.0
_DETAILS = 20

Row = list[float | None]
Blamed = Literal["nobody", "the model", "the rollout"]


@dataclass(slots=True)
class RequestRecord:
    """One request; `blamed` is None while it is open. `detail`: what failed, in words, if that was the rollout's.

    `sent`, `ended`: when, by the monotonic clock.
    """

    sent: float
    blamed: Blamed | None = None
    detail: str = ""
    ended: float = math.inf

    def close(self, blamed: Blamed, detail: str = "") -> None:
        self.blamed, self.detail, self.ended = blamed, detail, time.monotonic()


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What became of requests. The model failed: it answered, with its own 500. The rollout failed: all else.

    `held_back`: due and not sent, for as many as may be were open; `late`: due and not sent, for this machine was busy
    elsewhere. `details`: the first few failures of the rollout in words: there should be none.
    """

    sent: int = 0
    answered: int = 0
    failed_by_model: int = 0
    failed_by_rollout: int = 0
    open: int = 0
    held_back: int = 0
    late: int = 0
    details: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Every request that was sent is accounted for."""
        return self.sent == self.answered + self.failed_by_model + self.failed_by_rollout

    @property
    def thinned(self) -> float:
        """The part of the load that was due and not sent, 0..1."""
        missing = self.held_back + self.late
        return missing / (self.sent + missing) if missing else 0.0


class Load:
    """Replays `rows` in turn against `url` (v1 protocol) with the Host header `host`."""

    def __init__(self, *, url: str, host: str, rows: list[Row], rate: float) -> None:
        self._url = url
        self._host = host
        self._bodies = [json.dumps({"instances": [row]}).encode() for row in rows]
        self._rate = rate
        self._records: list[RequestRecord] = []
        self._open: set[asyncio.Task[None]] = set()
        # Numbers of the requests before which others could not be sent, one for each of those.
        self._held_back: list[int] = []
        self._late: list[int] = []
        self._late_at: list[float] = []
        self._recent: deque[float] = deque(maxlen=1000)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="load")

    async def stop(self) -> Tally:
        """Sends nothing more, waits for what is under way, and returns the count of everything."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        return self.so_far()

    @property
    def sent(self) -> int:
        """The number of requests so far: where a count `since` now begins."""
        return len(self._records)

    def so_far(self, since: int = 0) -> Tally:
        """The count of the requests from number `since` on; some may be open."""
        return self._count(since, self.sent)

    async def closed(self, since: int = 0) -> Tally:
        """The count of the requests from number `since` to now, when the last of them is closed."""
        end = self.sent
        await asyncio.gather(*self._open, return_exceptions=True)
        return self._count(since, end)

    @property
    def records(self) -> Sequence[RequestRecord]:
        """Every request so far, in the order in which they were sent."""
        return tuple(self._records)

    @property
    def late(self) -> Sequence[float]:
        """When requests were due and could not be sent, for this machine was busy elsewhere; by the monotonic clock."""
        return tuple(self._late_at)

    def requests_per_second(self) -> float:
        """Answers a second over the last few seconds."""
        now = time.monotonic()
        return sum(1 for moment in self._recent if moment > now - 5) / 5

    def _count(self, since: int, end: int) -> Tally:
        records = self._records[since:end]
        details = [record.detail for record in records if record.blamed == "the rollout"]
        return Tally(
            sent=len(records),
            answered=sum(record.blamed == "nobody" for record in records),
            failed_by_model=sum(record.blamed == "the model" for record in records),
            failed_by_rollout=len(details),
            open=sum(record.blamed is None for record in records),
            held_back=sum(since <= number <= end for number in self._held_back),
            late=sum(since <= number <= end for number in self._late),
            details=tuple(details[:_DETAILS]),
        )

    async def _run(self) -> None:
        connector = aiohttp.TCPConnector(limit=_IN_FLIGHT)
        async with aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT) as session:
            started, due = time.monotonic(), 0
            try:
                while True:
                    # By the clock rather than by pauses between requests: a slow model gets no fewer of them.
                    await asyncio.sleep(max(0.0, started + due / self._rate - time.monotonic()))
                    behind = time.monotonic() - started - due / self._rate
                    if behind > _LATE_SECONDS:
                        # Sent all at once they would be another load than the one that was due.
                        missed = int(behind * self._rate)
                        self._late += [self.sent] * missed
                        self._late_at.append(time.monotonic())
                        due += missed
                    if len(self._open) >= _IN_FLIGHT:
                        self._held_back.append(self.sent)
                    else:
                        self._begin(session)
                    due += 1
            finally:
                await asyncio.gather(*self._open, return_exceptions=True)

    def _begin(self, session: aiohttp.ClientSession) -> None:
        record = RequestRecord(sent=time.monotonic())
        body = self._bodies[self.sent % len(self._bodies)]
        self._records.append(record)
        request = asyncio.create_task(self._send(session, body, record))
        self._open.add(request)
        request.add_done_callback(self._open.discard)

    async def _send(self, session: aiohttp.ClientSession, body: bytes, record: RequestRecord) -> None:
        """One request. Whatever goes wrong closes its record: what nobody has thought of is the rollout's, too."""
        headers = {"Host": self._host, "Content-Type": "application/json"}
        words = "it was given up before it was answered"
        try:
            async with session.post(self._url, data=body, headers=headers) as response:
                content = await response.read()
            self._recent.append(time.monotonic())
            blamed = blame(response.status, response.content_type, content)
            words = f"HTTP {response.status}: {content[:200].decode(errors='replace')}"
            if blamed != "the rollout":
                record.close(blamed)
        except Exception as error:
            words = f"{type(error).__name__}: {error}"
        finally:
            if record.blamed is None:
                record.close("the rollout", f"{time.strftime('%H:%M:%S')} {words}")


def blame(status: int, content_type: str, content: bytes) -> Blamed:
    """Who is to blame for an answer: it is the model's failure only where it is the model server that says so.

    Its error is a JSON object with one member; a gateway or a proxy that quotes it says something else besides.
    """
    if content_type != "application/json":
        return "the rollout"
    try:
        answer = json.loads(content)
    except ValueError:
        return "the rollout"
    if not isinstance(answer, dict):
        return "the rollout"
    if status == 200 and isinstance(answer.get("predictions"), list):
        return "nobody"
    error = answer.get("error")
    own = list(answer) == ["error"] and isinstance(error, str) and error.startswith("the model failed: ")
    return "the model" if status == 500 and own else "the rollout"
