"""What the supervisor tells the launcher through a pipe: steps with their seconds, then readiness or a failure.

Guarantees: when the launcher is gone before the cluster is ready, the supervisor ends, and the cluster with it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO


@dataclass(frozen=True)
class Message:
    """One line: a step, or the last word."""

    kind: str
    text: str


class Reporter:
    """The supervisor's end."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        os.set_inheritable(descriptor, False)
        self._started = time.monotonic()

    def step(self, text: str) -> None:
        """Something was reached."""
        self._say("step", f"{time.monotonic() - self._started:5.1f} s  {text}")

    def ready(self) -> None:
        """The cluster is ready; nothing is said after this."""
        self._say("ready", f"{time.monotonic() - self._started:.1f}")
        os.close(self._descriptor)

    def failed(self, failure: BaseException) -> None:
        """The cluster will not become ready."""
        self._say("failed", "\n".join(_sentences(failure)))

    def _say(self, kind: str, text: str) -> None:
        try:
            os.write(self._descriptor, json.dumps([kind, text]).encode() + b"\n")
        except BrokenPipeError:
            sys.exit("the launcher is gone")


def read_messages(pipe: TextIO) -> Iterator[Message]:
    """The launcher's end."""
    for line in pipe:
        kind, text = json.loads(line)
        yield Message(kind, text)


def _sentences(failure: BaseException) -> list[str]:
    if isinstance(failure, BaseExceptionGroup):
        return [sentence for inner in failure.exceptions for sentence in _sentences(inner)]
    return [str(failure) or type(failure).__name__]
