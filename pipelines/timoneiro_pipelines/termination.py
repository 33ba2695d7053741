"""A run that is told to stop takes with it what it started.

KFP starts each step as a process and waits for it: one that is left behind would go on training, and serving the
rehearsal, for nobody.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

import psutil

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def processes_end_with_us() -> Iterator[None]:
    """While it lasts, SIGTERM and SIGHUP end all processes below this one, and then this one (code: 128 + signal)."""
    before = {number: signal.signal(number, _end) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, frame: FrameType | None) -> None:
    del frame
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    raise SystemExit(128 + number)
