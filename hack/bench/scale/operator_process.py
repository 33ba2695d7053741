"""The operator as a process of its own, with what it costs and what it asks of the API server."""

import asyncio
import shlex
from collections import Counter
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from bench.scale.cost import Cost, cost_of
from localcluster.build.images import build_images

_STOP_SECONDS = 30.0
_IMAGE = "ghcr.io/timoneiro/operator"
_REQUESTS = "timoneiro_api_requests_total"


class OperatorProcess:
    """`python -m timoneiro_operator` against the API server of `kubeconfig`."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self._port = port

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
                ),
                port,
            )

    def cost(self) -> Cost:
        """Raises OSError when the process has ended."""
        return cost_of(self._process.pid)

    async def requests(self) -> Counter[str]:
        """Requests to the API server since its start, watches aside, by verb and resource: as it counts them itself."""
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"http://127.0.0.1:{self._port}/metrics")
        found: Counter[str] = Counter()
        for family in text_string_to_metric_families(answer.text):
            for sample in family.samples:
                if sample.name == _REQUESTS:
                    found[f"{sample.labels['verb']} {sample.labels['resource']}"] = int(sample.value)
        return found

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
