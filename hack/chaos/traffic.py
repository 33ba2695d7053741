"""Requests of users through the gateway, each on record; and which of the lost ones a fault itself has killed.

Guarantees: every request that is sent has exactly one record once stop() has returned.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import aiohttp

from demo.load import Row

RATE = 40.0
_TIMEOUT = aiohttp.ClientTimeout(total=15)
# Long enough to be no lucky request between two failures.
CALM_SECONDS = 1.0
LONGEST_EXCUSE_SECONDS = 60.0

Fate = Literal["answered", "failed by model", "lost"]


@dataclass(frozen=True)
class Request:
    """One request; times by the monotonic clock. `detail`: what was wrong with one that is lost."""

    sent: float
    ended: float
    fate: Fate
    detail: str = ""


@dataclass(frozen=True)
class Window:
    """Time in which `fault` has killed requests by itself."""

    fault: str
    began: float
    ended: float

    def covers(self, request: Request) -> bool:
        return request.sent <= self.ended and request.ended >= self.began


def excuse(fault: str, began: float, ended: float, requests: Sequence[Request]) -> Window:
    """From the beginning of a fault until it is over and nothing has been lost for `CALM_SECONDS`.

    What kills requests is rarely back at once: a model server has to load its model again. But no outage without end
    is excused.
    """
    latest = ended + LONGEST_EXCUSE_SECONDS
    calm = ended
    for request in sorted(requests, key=lambda r: r.ended):
        if request.fate == "lost" and request.ended >= began and request.sent <= min(calm + CALM_SECONDS, latest):
            calm = max(calm, request.ended)
    return Window(fault, began, min(calm, latest))


def unexcused(requests: Iterable[Request], windows: Sequence[Window]) -> list[Request]:
    """Lost requests that no fault has killed."""
    return [r for r in requests if r.fate == "lost" and not any(window.covers(r) for window in windows)]


class Traffic:
    """Replays `rows` in turn against `url` (v1 protocol) with the Host header `host`, `RATE` times a second."""

    def __init__(self, *, url: str, host: str, rows: list[Row]) -> None:
        self._url, self._host = url, host
        self._bodies = [json.dumps({"instances": [row]}).encode() for row in rows]
        self._task: asyncio.Task[None] | None = None
        self.requests: list[Request] = []

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="traffic")

    async def stop(self) -> None:
        """Sends nothing more and waits for what is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        under_way: set[asyncio.Task[None]] = set()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=_TIMEOUT) as session:
            started, number = time.monotonic(), 0
            try:
                while True:
                    await asyncio.sleep(max(0.0, started + number / RATE - time.monotonic()))
                    request = asyncio.create_task(self._send(session, self._bodies[number % len(self._bodies)]))
                    under_way.add(request)
                    request.add_done_callback(under_way.discard)
                    number += 1
            finally:
                await asyncio.gather(*under_way, return_exceptions=True)

    async def _send(self, session: aiohttp.ClientSession, body: bytes) -> None:
        headers = {"Host": self._host, "Content-Type": "application/json"}
        sent, fate, detail = time.monotonic(), "lost", "cut short"
        try:
            async with session.post(self._url, data=body, headers=headers) as response:
                text = (await response.read()).decode(errors="replace")
            fate, detail = _fate(response.status, text)
        except (aiohttp.ClientError, TimeoutError) as error:
            detail = f"{type(error).__name__}: {error}"
        finally:
            self.requests.append(Request(sent, time.monotonic(), fate, detail))  # type: ignore[arg-type]


def _fate(status: int, text: str) -> tuple[Fate, str]:
    if status == 200 and '"predictions"' in text:
        return "answered", ""
    if status == 500 and "the model failed" in text:
        return "failed by model", ""
    return "lost", f"HTTP {status}: {text[:120]}"
