"""The operator as a process of its own, with what it costs: CPU time and memory, as the kernel counts them."""

import asyncio
import os
import shlex
from pathlib import Path
from typing import NamedTuple

from localcluster.images import build_images

_TICKS = os.sysconf("SC_CLK_TCK")
_STOP_SECONDS = 30.0
_IMAGE = "ghcr.io/timoneiro/operator"


class Cost(NamedTuple):
    """CPU seconds since its start, and resident memory in MiB."""

    cpu: float
    memory: float


class OperatorProcess:
    """`python -m timoneiro_operator` against the API server of `kubeconfig`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, kubeconfig: Path, log: Path, *, host: str = "host-1", port: int = 18080) -> "OperatorProcess":
        """With what its image has, on a machine called `host`: by its name one operator is told from another."""
        image = build_images(print)[_IMAGE]
        command = f"hostname {host} && exec {shlex.join(image.entrypoint)} --port {port}"
        with log.open("ab") as file:
            return cls(
                await asyncio.create_subprocess_exec(
                    *("unshare", "--uts", "sh", "-c", command),
                    env={**image.environment, "KUBECONFIG": str(kubeconfig)},
                    stdout=file,
                    stderr=file,
                )
            )

    def cost(self) -> Cost:
        """Raises OSError when the process has ended."""
        folder = Path("/proc") / str(self._process.pid)
        fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        pages = int((folder / "statm").read_text().split()[1])
        return Cost(cpu=(int(fields[11]) + int(fields[12])) / _TICKS, memory=pages * os.sysconf("SC_PAGE_SIZE") / 2**20)

    async def lose(self) -> None:
        """As when its machine is gone: nothing is given back, and nothing starts it again."""
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> None:
        if self._process.returncode is not None:
            return
        self._process.terminate()
        async with asyncio.timeout(_STOP_SECONDS):
            await self._process.wait()
