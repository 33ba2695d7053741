"""Which process, told so that a reused number is never taken for it: number and start time."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path

_ENDED_STATES = frozenset({"Z", "X"})


@dataclass(frozen=True)
class ProcessIdentity:
    """A process of this machine; start is in clock ticks since boot, field 22 of /proc/PID/stat."""

    pid: int
    start: int

    @classmethod
    def of_self(cls) -> ProcessIdentity:
        """This process as the present /proc shows it, which may be that of an outer process namespace."""
        state, pid, start = _stat("self")
        assert state not in _ENDED_STATES
        return cls(pid, start)

    def alive(self) -> bool:
        """Whether it still runs; one that has ended and only waits to be reaped does not."""
        try:
            state, _, start = _stat(str(self.pid))
        except (FileNotFoundError, ProcessLookupError):
            return False
        return start == self.start and state not in _ENDED_STATES

    def kill(self) -> None:
        """SIGKILL, if it is still the same process."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            # With the descriptor held the number cannot change hands between the check and the signal.
            if self.alive():
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        except ProcessLookupError:
            return
        finally:
            os.close(descriptor)

    def to_json(self) -> str:
        """For a file."""
        return json.dumps({"pid": self.pid, "pidStart": self.start})

    @classmethod
    def of_json(cls, text: str) -> ProcessIdentity:
        """The inverse of to_json."""
        content = json.loads(text)
        return cls(int(content["pid"]), int(content["pidStart"]))


def _stat(name: str) -> tuple[str, int, int]:
    text = Path(f"/proc/{name}/stat").read_text()
    # The command in parentheses may itself hold spaces and parentheses.
    before, _, after = text.rpartition(")")
    fields = after.split()
    return fields[0], int(before.split()[0]), int(fields[19])
