"""A client that sends real rows through the gateway at a steady rate, and tells who is to blame for what fails.

Bounded: it sends at most `rate` requests a second, has at most `_IN_FLIGHT` of them open, and ends when it is told to.
"""

import asyncio
import json
import time
from collections import deque
from dataclasses import dataclass, field

import aiohttp

_IN_FLIGHT = 64
_TIMEOUT = aiohttp.ClientTimeout(total=15)

Row = list[float | None]


@dataclass
class Tally:
    """What became of the requests. The model failed: it answered, with its own 500. The rollout failed: all else."""

    sent: int = 0
    answered: int = 0
    failed_by_model: int = 0
    failed_by_rollout: int = 0
    # The first few of the latter, in words: there should be none, so each deserves to be read.
    details: list[str] = field(default_factory=list)

    def minus(self, earlier: "Tally") -> "Tally":
        return Tally(
            sent=self.sent - earlier.sent,
            answered=self.answered - earlier.answered,
            failed_by_model=self.failed_by_model - earlier.failed_by_model,
            failed_by_rollout=self.failed_by_rollout - earlier.failed_by_rollout,
            details=self.details[len(earlier.details) :],
        )


class Load:
    """Replays `rows` in turn against `url` (v1 protocol) with the Host header `host`."""

    def __init__(self, *, url: str, host: str, rows: list[Row], rate: float) -> None:
        self._url = url
        self._host = host
        self._bodies = [json.dumps({"instances": [row]}).encode() for row in rows]
        self._rate = rate
        self._tally = Tally()
        self._recent: deque[float] = deque(maxlen=1000)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="load")

    async def stop(self) -> Tally:
        """Sends nothing more, waits for what is under way, and returns the final count."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        return self.tally

    @property
    def tally(self) -> Tally:
        """The count so far, as a copy."""
        t = self._tally
        return Tally(t.sent, t.answered, t.failed_by_model, t.failed_by_rollout, list(t.details))

    def requests_per_second(self) -> float:
        """Answers a second over the last few seconds."""
        now = time.monotonic()
        return sum(1 for moment in self._recent if moment > now - 5) / 5

    async def _run(self) -> None:
        slots, open_requests = asyncio.Semaphore(_IN_FLIGHT), set()
        connector = aiohttp.TCPConnector(limit=_IN_FLIGHT)
        async with aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT) as session:
            started, number = time.monotonic(), 0
            try:
                while True:
                    # By the clock rather than by pauses between requests: a slow model gets no fewer of them.
                    due = started + number / self._rate
                    await asyncio.sleep(max(0.0, due - time.monotonic()))
                    await slots.acquire()
                    if time.monotonic() - due > 1.0:
                        started, number = time.monotonic(), 0
                    body = self._bodies[self._tally.sent % len(self._bodies)]
                    request = asyncio.create_task(self._send(session, body))
                    open_requests.add(request)
                    request.add_done_callback(open_requests.discard)
                    request.add_done_callback(lambda _: slots.release())
                    self._tally.sent += 1
                    number += 1
            finally:
                await asyncio.gather(*open_requests, return_exceptions=True)

    async def _send(self, session: aiohttp.ClientSession, body: bytes) -> None:
        headers = {"Host": self._host, "Content-Type": "application/json"}
        try:
            async with session.post(self._url, data=body, headers=headers) as response:
                text = await response.text()
                status = response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            self._blame_rollout(f"{type(error).__name__}: {error}")
            return
        self._recent.append(time.monotonic())
        if status == 200 and '"predictions"' in text:
            self._tally.answered += 1
        elif status == 500 and "the model failed" in text:
            self._tally.failed_by_model += 1
        else:
            self._blame_rollout(f"HTTP {status}: {text[:200]}")

    def _blame_rollout(self, detail: str) -> None:
        self._tally.failed_by_rollout += 1
        if len(self._tally.details) < 20:
            self._tally.details.append(f"{time.strftime('%H:%M:%S')} {detail}")
