"""Waiting for a condition. Guarantees: every wait has a deadline, and its failure shows the last state seen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

_INTERVAL_SECONDS = 0.1


class WaitError(Exception):
    """The deadline passed; the text says for what, how long, and what was seen last."""


async def until(
    what: str, condition: Callable[[], Awaitable[bool | str]], *, seconds: float, interval: float = _INTERVAL_SECONDS
) -> None:
    """Asks again and again until the condition is True; a string is a state that is not good enough yet."""
    deadline = time.monotonic() + seconds
    while True:
        state = await condition()
        if state is True:
            return
        if time.monotonic() >= deadline:
            raise WaitError(f"{what}: not within {seconds:g} s; last state: {state or 'not so'}")
        await asyncio.sleep(interval)
