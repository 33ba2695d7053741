"""Waiting for a condition with a deadline, instead of sleeping."""

import time
from collections.abc import Callable
from typing import Any


def wait(what: str, condition: Callable[[], Any], *, seconds: float = 240, state: Callable[[], str] = str) -> Any:
    """What `condition` returns once it is true; when the deadline passes, its last answer and `state()` are printed."""
    deadline, answer = time.monotonic() + seconds, None
    while time.monotonic() < deadline:
        answer = condition()
        if answer:
            return answer
        time.sleep(0.2)
    raise AssertionError(f"{what}: not within {seconds:g} s; last answer: {answer!r}\n{state()}")
