"""How long a container waits before it is started again. Pure.

A kubelet restarts at once the first time, then waits 10 s, doubling to 5 min, and forgets after 10 min of running.
The base is a parameter: a local cluster uses 1 s, so that a crash loop is seen within seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

LOCAL_BASE_SECONDS = 1.0
_MAXIMUM_SECONDS = 300.0
_FORGET_AFTER_SECONDS = 600.0


@dataclass(frozen=True)
class Backoff:
    """The wait that the next restart owes; zero before the first one."""

    base: float = LOCAL_BASE_SECONDS
    owed: float = 0.0

    def after_exit(self, ran_for: float) -> tuple[float, Backoff]:
        """Seconds to wait before this restart, and the state for the one after it."""
        wait = 0.0 if ran_for >= _FORGET_AFTER_SECONDS else self.owed
        following = min(wait * 2, _MAXIMUM_SECONDS) if wait else self.base
        return wait, replace(self, owed=following)
