"""Starts one container: joins the pod's network, builds the root, runs the program, passes on its exit code.

Three processes: this one (which the node watches and signals), an init (process 1 of the container's own process
namespace, which forwards SIGTERM and reaps orphans) and the program. Guarantees: when this process ends, and also
when the node ends, the kernel has killed every process of the container.

Signals: SIGTERM asks the program to stop, SIGUSR1 kills the container. Reports JSON lines on the status descriptor:
{"pid": init} and, when the program could not be started, {"error": text}. Standard library only.

Usage: python -S -m localcluster.container.shim SPECIFICATION STATUS_DESCRIPTOR
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from ..machine import linux
from .root import BindMount, ContainerRoot

START_FAILED = 128


def exit_code(status: int) -> int:
    """A wait status as container runtimes report it: 128 + n for a program killed by signal n."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _report(descriptor: int, **fields: object) -> None:
    os.write(descriptor, json.dumps(fields).encode() + b"\n")


def _forward(pid: int, received: signal.Signals, sent: signal.Signals) -> None:
    def handler(_number: int, _frame: FrameType | None) -> None:
        os.kill(pid, sent)

    signal.signal(received, handler)


def _program(specification: dict[str, Any], status: int) -> NoReturn:
    try:
        os.setsid()
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        # Python ignores these two; the program must find the defaults.
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.chdir(specification["workingDir"])
        argv = specification["argv"]
        os.execvpe(argv[0], argv, specification["environment"])
    except OSError as failure:
        _report(status, error=f"{specification['argv'][0]}: {failure.strerror or failure}")
    os._exit(START_FAILED)


def _init(specification: dict[str, Any], status: int) -> NoReturn:
    linux.die_with_parent()
    try:
        socket.sethostname(specification["hostname"])
        linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
        root = ContainerRoot(specification["root"])
        root.fill()
        for mount in sorted(specification["mounts"], key=lambda entry: str(entry["target"])):
            root.bind(BindMount(mount["source"], mount["target"], mount["readOnly"]))
        # Last, since a checkout below /tmp would be hidden by a volume that is mounted there; outer folders first.
        for path in sorted(specification["visible"]):
            root.reveal(path)
        root.enter()
    except OSError as failure:
        _report(status, error=str(failure))
        os._exit(START_FAILED)
    program = os.fork()
    if program == 0:
        _program(specification, status)
    os.close(status)
    _forward(program, signal.SIGTERM, signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    while True:
        pid, result = os.waitpid(-1, 0)
        if pid == program:
            # The kernel kills whatever is left in this process namespace when its process 1 ends.
            os._exit(exit_code(result))


def main() -> NoReturn:
    """Runs the container described by a JSON file."""
    linux.die_with_parent()
    # Held back until there is somebody to pass them on to.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1})
    specification = json.loads(Path(sys.argv[1]).read_bytes())
    status = int(sys.argv[2])
    os.set_inheritable(status, False)
    try:
        linux.enter_namespace(specification["networkNamespace"])
        linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWPID | linux.CLONE_NEWUTS | linux.CLONE_NEWIPC)
    except OSError as failure:
        _report(status, error=str(failure))
        sys.exit(START_FAILED)
    init = os.fork()
    if init == 0:
        _init(specification, status)
    _report(status, pid=init)
    os.close(status)
    _forward(init, signal.SIGTERM, signal.SIGTERM)
    _forward(init, signal.SIGUSR1, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    _, result = os.waitpid(init, 0)
    os._exit(exit_code(result))


if __name__ == "__main__":
    main()
