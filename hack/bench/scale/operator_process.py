"""The operator as a process of its own, with what it costs: CPU time and memory, as the kernel counts them."""

import asyncio
import os
import sys
from pathlib import Path
from typing import NamedTuple

_TICKS = os.sysconf("SC_CLK_TCK")
_STOP_SECONDS = 30.0


class Cost(NamedTuple):
    """CPU seconds since its start, and resident memory in MiB."""

    cpu: float
    memory: float


class OperatorProcess:
    """`python -m timoneiro_operator` against the API server of `kubeconfig`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, kubeconfig: Path, log: Path) -> "OperatorProcess":
        with log.open("ab") as file:
            return cls(
                await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "timoneiro_operator", "--port", "18080"),
                    env=os.environ | {"KUBECONFIG": str(kubeconfig)},
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

    async def stop(self) -> None:
        self._process.terminate()
        async with asyncio.timeout(_STOP_SECONDS):
            await self._process.wait()
