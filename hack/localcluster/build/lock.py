"""Only one process at a time builds into a folder that all clusters of a checkout, or of a user, share."""

from __future__ import annotations

import fcntl
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def build_lock(root: Path) -> Iterator[None]:
    """Waits until nobody else builds in `root`, and removes what an interrupted build has left there.

    What was missing before may be there now: look again inside.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write("another build is running; waiting for it\n")
            fcntl.flock(lock, fcntl.LOCK_EX)
        for leftover in root.glob(".*-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        yield
