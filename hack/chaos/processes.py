"""Programs of a running cluster as an outsider finds them: to be killed, or stopped and continued."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from localcluster.cluster import Cluster
from support.bench import descendants

# Programs by the name of their file; the rest are modules that Python runs.
_BINARIES = frozenset(
    {"etcd", "kube-apiserver", "kube-controller-manager", "kserve-controller", "contour", "envoy", "prometheus"}
)
_MODULES = {
    "localcluster.node": "node",
    "timoneiro_operator": "operator",
    "timoneiro_serving": "model server",
    "chaos.odd_server": "model server",
}


@dataclass(frozen=True)
class Process:
    """A process of the cluster; `host` is the name of its pod, if it runs in one."""

    pid: int
    program: str
    host: str
    resident: int

    def send(self, number: signal.Signals) -> None:
        """Nothing when it has ended meanwhile."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)


def processes(cluster: Cluster) -> list[Process]:
    """All known programs that run now."""
    found = (_process(pid) for pid in descendants(cluster.description.process.pid))
    return [process for process in found if process is not None]


def program_of(argv: list[str]) -> str | None:
    """What a command line runs; None for what is not known, such as the shims around a container's program."""
    if not argv:
        return None
    binary = Path(argv[0]).name
    if binary in _BINARIES:
        return binary
    if "-m" in argv[:-1]:
        return _MODULES.get(argv[argv.index("-m") + 1])
    return None


@contextmanager
def stopped(victims: list[Process]) -> Iterator[None]:
    """Stopped, and continued in any case."""
    for victim in victims:
        victim.send(signal.SIGSTOP)
    try:
        yield
    finally:
        for victim in victims:
            victim.send(signal.SIGCONT)


def _process(pid: int) -> Process | None:
    folder = Path(f"/proc/{pid}")
    try:
        argv = [word.decode(errors="replace") for word in (folder / "cmdline").read_bytes().split(b"\0")[:-1]]
        program = program_of(argv)
        if program is None:
            return None
        variables = (folder / "environ").read_bytes().split(b"\0")
        pages = int((folder / "statm").read_text().split()[1])
    except OSError:
        return None
    host = next((v.decode()[len("HOSTNAME=") :] for v in variables if v.startswith(b"HOSTNAME=")), "")
    return Process(pid, program, host, pages * os.sysconf("SC_PAGE_SIZE"))
