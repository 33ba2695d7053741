"""Many ModelDeployments of one namespace: made, given a new model, watched."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

from bench.scale.follow import follow
from localcluster.api.client import KubeApi
from localcluster.api.jsontypes import Json
from timoneiro_operator.api import names
from timoneiro_operator.api.command import Command, encode_command

NAMESPACE = "fleet"
_PATH = f"/apis/{names.API_VERSION}/namespaces/{NAMESPACE}/{names.PLURAL}"
_AT_ONCE = 16


def deployment(name: str, *, interval: str) -> Json:
    """A rollout that holds in its first step."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "model": _model(name, 1),
            "predictor": {"runtime": "fake"},
            "route": {"hostnames": [f"{name}.example.com"]},
            "rollout": {"canary": {"steps": [{"weight": 10, "for": "24h"}]}, "deadline": "48h"},
            "analysis": {"interval": interval, "warmUp": "0s"},
        },
    }


def _model(name: str, version: int) -> Json:
    uri = f"s3://models/{name}/{version}/"
    return {"format": {"name": "sklearn", "version": "1"}, "uri": uri, "version": str(version)}


class Fleet:
    """The state of all of them, as a watch has it."""

    def __init__(self, api: KubeApi, size: int) -> None:
        self._api = api
        self.names = [f"md-{number:04d}" for number in range(size)]
        self.bodies: dict[str, Json] = {}
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def watch(self) -> None:
        """Follows them until `stop`."""
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def create(self, *, interval: str) -> None:
        await self._each(self.names, lambda name: self._api.create(_PATH, deployment(name, interval=interval)))

    async def publish(self, version: int) -> None:
        """A new model for each."""
        await self._each(self.names, lambda name: self._spec(name, {"model": _model(name, version)}))

    async def set_interval(self, interval: str) -> None:
        await self._each(self.names, lambda name: self._spec(name, {"analysis": {"interval": interval}}))

    async def abort(self, name: str) -> float:
        """Asks for it; returns when that was written, in seconds of the monotonic clock."""
        candidate = self.bodies[name]["status"]["candidate"]["revision"]
        command = Command(id=f"abort-{name}", action="abort", revision=candidate, by="bench")
        annotations = {names.ANNOTATION_COMMAND: encode_command(command), names.ANNOTATION_COMMAND_BY: command.by}
        await self._api.merge(f"{_PATH}/{name}", {"metadata": {"annotations": annotations}})
        return time.monotonic()

    async def until(self, what: str, holds: Callable[[Json], bool], *, seconds: float) -> float:
        """Waits until it holds for all; returns the seconds that it took."""
        started = time.monotonic()
        while True:
            self._changed.clear()
            lacking = [name for name in self.names if not holds(self.bodies.get(name, {}).get("status") or {})]
            if not lacking:
                return time.monotonic() - started
            left = started + seconds - time.monotonic()
            try:
                await asyncio.wait_for(self._changed.wait(), timeout=max(left, 0.0))
            except TimeoutError:
                state = (self.bodies.get(lacking[0]) or {}).get("status")
                raise TimeoutError(f"{what}: not so of {len(lacking)}; the first one: {state}") from None
            await asyncio.sleep(0.2)

    async def _spec(self, name: str, part: Json) -> None:
        await self._api.merge(f"{_PATH}/{name}", {"spec": part})

    async def _each(self, chosen: Iterable[str], act: Callable[[str], Awaitable[object]]) -> None:
        doors = asyncio.Semaphore(_AT_ONCE)

        async def one(name: str) -> None:
            async with doors:
                await act(name)

        await asyncio.gather(*(one(name) for name in chosen))

    async def _follow(self) -> None:
        async for _, body in follow(self._api, _PATH):
            self.bodies[body["metadata"]["name"]] = body
            self._changed.set()
