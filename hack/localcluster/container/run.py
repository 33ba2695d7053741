"""One run of one container: starting it, waiting for it, stopping it, running commands in it.

Guarantees: a started container is either running or its exit code is known; after stop() none of its processes is
left; what it prints is in its log file.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CONTAINER_ROOT = "/run/container-root"
_SHIM = [sys.executable, "-S", "-s", "-P", "-m"]
_SHIM_ENVIRONMENT = {"PYTHONPATH": str(Path(__file__).resolve().parents[2]), "LANG": "C.UTF-8"}


@dataclass(frozen=True)
class VolumeMount:
    """A file or folder of the host at a path of the container."""

    source: Path
    target: str
    read_only: bool


@dataclass(frozen=True)
class ContainerSpecification:
    """Everything that the shim needs."""

    argv: Sequence[str]
    environment: dict[str, str]
    working_dir: str
    hostname: str
    network_namespace: str
    mounts: Sequence[VolumeMount]
    visible: Sequence[str]

    def to_json(self) -> str:
        """The form that the shim reads."""
        return json.dumps(
            {
                "argv": list(self.argv),
                "environment": self.environment,
                "workingDir": self.working_dir,
                "hostname": self.hostname,
                "networkNamespace": self.network_namespace,
                "mounts": [
                    {"source": str(mount.source), "target": mount.target, "readOnly": mount.read_only}
                    for mount in self.mounts
                ],
                "visible": list(self.visible),
                "root": CONTAINER_ROOT,
            }
        )


class StartError(Exception):
    """The program could not be executed, or the container's file system not be built."""


class Container:
    """A running container."""

    def __init__(self, process: asyncio.subprocess.Process, init: int, specification: Path) -> None:
        self._process = process
        self._init = init
        self._specification = specification

    @property
    def init(self) -> int:
        """The process of the host above all processes of the container."""
        return self._init

    @classmethod
    async def start(cls, specification: ContainerSpecification, file: Path, log: Path) -> Container:
        """Starts it; raises StartError when the program never ran."""
        file.write_text(specification.to_json())
        file.chmod(0o600)
        log.parent.mkdir(parents=True, exist_ok=True)
        receiver, sender = os.pipe()
        try:
            with log.open("ab") as output:
                process = await asyncio.create_subprocess_exec(
                    *_SHIM,
                    "localcluster.container.shim",
                    str(file),
                    str(sender),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=(sender,),
                    env=_SHIM_ENVIRONMENT,
                    cwd="/",
                )
        finally:
            os.close(sender)
        reports = await _read_reports(receiver)
        error = next((report["error"] for report in reports if "error" in report), None)
        init = next((int(report["pid"]) for report in reports if "pid" in report), None)
        if error is not None or init is None:
            await process.wait()
            raise StartError(error or "the container shim ended before it started the container; see its log")
        return cls(process, init, file)

    async def wait(self) -> int:
        """The exit code, 128 + n when killed by signal n."""
        code = await self._process.wait()
        return code if code >= 0 else 128 - code

    async def stop(self, grace: float) -> None:
        """SIGTERM, and SIGKILL for everything in the container when the grace period (seconds) is over."""
        if grace > 0:
            self._signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(asyncio.shield(self._process.wait()), grace)
            except TimeoutError:
                pass
            else:
                return
        self.kill()
        await self._process.wait()

    def kill(self) -> None:
        """SIGKILL for everything in the container."""
        self._signal(signal.SIGUSR1)

    async def execute(self, command: Sequence[str], timeout: float) -> tuple[int, str]:  # noqa: ASYNC109
        """Runs a command inside: (exit code, output). Raises TimeoutError, and the command is killed."""
        process = await asyncio.create_subprocess_exec(
            *_SHIM,
            "localcluster.container.exec",
            str(self._init),
            str(self._specification),
            *command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_SHIM_ENVIRONMENT,
            cwd="/",
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), timeout)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode or 0, output.decode(errors="replace")

    def _signal(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            self._process.send_signal(number)


async def _read_reports(receiver: int) -> list[dict[str, str]]:
    """All lines of the shim until the program's execution closes the pipe."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(receiver, "rb", 0)
    )
    try:
        content = await reader.read()
    finally:
        transport.close()
    return [json.loads(line) for line in content.splitlines()]
