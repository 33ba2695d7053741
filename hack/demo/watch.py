"""Follows one ModelDeployment by the API, as anybody could, and keeps what it saw over time."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lightkube.config.kubeconfig import KubeConfig
from lightkube.core.async_client import AsyncClient
from lightkube.core.exceptions import ApiError
from lightkube.generic_resource import create_namespaced_resource

MODEL_DEPLOYMENTS = create_namespaced_resource("timoneiro.dev", "v1alpha1", "ModelDeployment", "modeldeployments")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One look at a ModelDeployment. Times are seconds since the watch began.

    `weight`: percent of the candidate; `former`: what the model before the stable one keeps after a promotion.
    """

    time: float
    phase: str = ""
    step: str = ""
    weight: int = 0
    former: int = 0
    accepted: bool = False
    stable: str = ""
    candidate: str = ""
    verdict: str = ""
    message: str = ""
    requests: int = 0
    events: int = 0
    worse: float = 1.0
    not_worse: float = 1.0
    ratio: tuple[float | None, float | None, float | None] = (None, None, None)


def read(body: dict[str, Any], moment: float) -> Seen:
    """What a ModelDeployment says of itself at `moment`."""
    status = body.get("status") or {}
    metric: dict[str, Any] = next(iter((status.get("analysis") or {}).get("metrics") or []), {})
    ratio, evidence = metric.get("ratio") or {}, metric.get("evidence") or {}
    counts, traffic = metric.get("candidate") or {}, status.get("traffic") or {}
    return Seen(
        time=moment,
        phase=status.get("phase", ""),
        step=status.get("stepText", ""),
        weight=(traffic.get("desired") or {}).get("candidate", 0),
        former=(traffic.get("desired") or {}).get("former", 0),
        accepted=traffic.get("accepted", False),
        stable=(status.get("stable") or {}).get("version", ""),
        candidate=(status.get("candidate") or {}).get("version", ""),
        verdict=status.get("verdict", ""),
        message=status.get("message", ""),
        requests=counts.get("requests", 0),
        events=counts.get("events", 0),
        worse=evidence.get("worse", 1.0),
        not_worse=evidence.get("notWorse", 1.0),
        ratio=(ratio.get("estimate"), ratio.get("lower"), ratio.get("upper")),
    )


@dataclass
class Watch:
    """Looks at a ModelDeployment twice a second; `on_look` hears of every look."""

    kubeconfig: str
    namespace: str
    name: str
    on_look: Callable[[Seen], None]
    seen: list[Seen] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)
    _task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="watch")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def until(self, what: str, condition: Callable[[Seen], bool], *, seconds: float) -> Seen:
        """The first look from now on that meets `condition`. Raises TimeoutError with the last state otherwise."""
        deadline, first = time.monotonic() + seconds, len(self.seen)
        while time.monotonic() < deadline:
            for look in self.seen[first:]:
                if condition(look):
                    return look
            first = len(self.seen)
            if self._task is not None and self._task.done():
                self._task.result()
            await asyncio.sleep(0.1)
        last = self.seen[-1] if self.seen else None
        state = f"{last.phase}, {last.weight} %: {last.message}" if last else "nothing was seen"
        raise TimeoutError(f"{what} did not happen within {seconds:g} s; last state: {state}")

    async def _run(self) -> None:
        config = KubeConfig.from_file(self.kubeconfig)
        async with AsyncClient(config=config) as client:
            while True:
                try:
                    item: Any = await client.get(MODEL_DEPLOYMENTS, self.name, namespace=self.namespace)
                    self.seen.append(read(dict(item.to_dict()), time.monotonic() - self._began))
                    self.on_look(self.seen[-1])
                except ApiError as error:
                    if error.status.code != 404:
                        raise
                await asyncio.sleep(0.5)
