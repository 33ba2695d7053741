"""Starts a cluster's supervisor in namespaces of its own, detached from the caller.

Guarantees: when start() returns, the cluster is ready; when it raises, or is interrupted, nothing of it is
left running.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ..build.tools import Progress
from ..control_plane.launch_report import Message, read_messages
from ..errors import LocalClusterError
from ..layout import Layout
from ..machine.process_identity import ProcessIdentity
from .prerequisites import namespace_command

_GONE_SECONDS = 30.0
_POLL_SECONDS = 0.02


def start(layout: Layout, report: Progress, *, prometheus: bool = False, services: bool = False) -> None:
    """Starts the cluster whose folder is prepared."""
    # The fifth of the supervisor's doors is what asks it for Prometheus.
    doors = 5 if prometheus else 4
    layout.logs.mkdir(parents=True, exist_ok=True)
    try:
        last = _start(layout, report, doors=doors, options=["--services"] if services else [])
    except BaseException:
        # Also for an interrupt: the supervisor is in a session of its own and would not notice.
        stop(layout)
        raise
    if last is None or last.kind != "ready":
        stop(layout)
        reason = last.text if last is not None else _log_tail(layout.logs / "supervisor.log")
        raise LocalClusterError(f"The cluster could not be started. {reason}\nLogs: {layout.logs}")


def stop(layout: Layout) -> None:
    """Ends the supervisor, and thereby everything in its namespaces; returns when it is gone."""
    identity = supervisor(layout)
    if identity is None:
        return
    # There is nothing to save: the state of a cluster ends with it.
    identity.kill()
    deadline = time.monotonic() + _GONE_SECONDS
    while identity.alive():
        if time.monotonic() > deadline:
            raise LocalClusterError(f"Process {identity.pid} was killed but is still there after {_GONE_SECONDS:g} s.")
        time.sleep(_POLL_SECONDS)


def supervisor(layout: Layout) -> ProcessIdentity | None:
    """The supervisor that was last started for this cluster, alive or not."""
    try:
        return ProcessIdentity.of_json(layout.process.read_text())
    except FileNotFoundError:
        return None


def _start(layout: Layout, report: Progress, *, doors: int, options: Sequence[str]) -> Message | None:
    receiver, sender = os.pipe()
    listening = [_listen() for _ in range(doors)]
    descriptors = (sender, *(door.fileno() for door in listening))
    command = [
        # Adopted by the host's init at once, so that no caller has to wait for it.
        "setsid",
        "--fork",
        *namespace_command(),
        sys.executable,
        "-m",
        "localcluster.control_plane.supervisor",
        *options,
        str(layout.folder),
        *(str(descriptor) for descriptor in descriptors),
    ]
    with os.fdopen(receiver, encoding="utf-8") as pipe:
        try:
            with (layout.logs / "supervisor.log").open("ab") as log:
                subprocess.run(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    pass_fds=descriptors,
                    env=_environment(),
                    cwd="/",
                    check=True,
                )
        finally:
            os.close(sender)
            for door in listening:
                door.close()
        last = None
        for last in read_messages(pipe):
            # Not to the end of the pipe: `unshare` waits for the supervisor and holds the pipe open as long.
            if last.kind != "step":
                break
            report(last.text)
        return last


def _listen() -> socket.socket:
    # Connections that come before the cluster serves wait here instead of being refused.
    return socket.create_server(("127.0.0.1", 0), backlog=1024)


def _environment() -> dict[str, str]:
    """The host's environment without what would send the cluster's own connections elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    package = str(Path(__file__).resolve().parents[2])
    kept.pop("KUBECONFIG", None)
    return kept | {"PYTHONPATH": package, "PYTHONUNBUFFERED": "1"}


def _log_tail(log: Path) -> str:
    return "The supervisor ended without a message; the end of its log:\n" + "\n".join(
        log.read_text(errors="replace").splitlines()[-15:]
    )
