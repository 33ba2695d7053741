"""Children of process 1: every one of them, adopted orphans included, is reaped.

Guarantees: the exit code of a child started here reaches whoever waits for it; nothing stays behind as a zombie.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class Reaper:
    """Starts children and collects all exits."""

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Future[int]] = {}

    def install(self) -> None:
        """Begins to collect; needs the running event loop."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._collect)

    def spawn(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str],
        log: Path,
        pass_fds: Sequence[int] = (),
    ) -> tuple[int, asyncio.Future[int]]:
        """Starts a program with its output going to a log file: (pid, future exit code)."""
        with log.open("ab") as output:
            # asyncio's own subprocesses would compete with waitpid(-1) for the exit codes.
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                pass_fds=pass_fds,
                start_new_session=True,
            )
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[process.pid] = future
        # Reaped by _collect; told so that the object does not try as well when it is collected.
        process.returncode = 0
        return process.pid, future

    def _collect(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            future = self._waiting.pop(pid, None)
            if future is not None and not future.done():
                future.set_result(os.waitstatus_to_exitcode(status))
