"""Asks a server the same question over and over for some seconds, so many at a time, and says how long answers took."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import aiohttp


@dataclass(frozen=True)
class Latencies:
    """Of each answer in milliseconds, ascending, and the seconds that all of them took together."""

    milliseconds: tuple[float, ...]
    seconds: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.milliseconds) / self.seconds

    def quantile(self, share: float) -> float:
        return self.milliseconds[min(int(share * len(self.milliseconds)), len(self.milliseconds) - 1)]


def asked(url: str, body: bytes, *, at_a_time: int, seconds: float) -> Latencies:
    """Raises RuntimeError for an answer that is no success."""
    return asyncio.run(_asked(url, body, at_a_time, seconds))


async def _asked(url: str, body: bytes, at_a_time: int, seconds: float) -> Latencies:
    began = time.monotonic()
    async with aiohttp.ClientSession(headers={"Content-Type": "application/json"}) as session:
        found = await asyncio.gather(
            *(_one_after_the_other(session, url, body, began + seconds) for _ in range(at_a_time))
        )
    return Latencies(tuple(sorted(latency for some in found for latency in some)), time.monotonic() - began)


async def _one_after_the_other(session: aiohttp.ClientSession, url: str, body: bytes, until: float) -> list[float]:
    latencies = []
    while (sent := time.monotonic()) < until:
        async with session.post(url, data=body) as answer:
            text = await answer.text()
            if not answer.ok:
                raise RuntimeError(f"{url} answered with {answer.status}: {text[:200]}")
        latencies.append((time.monotonic() - sent) * 1000)
    return latencies
