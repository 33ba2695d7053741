"""Kubernetes, KServe and a gateway in memory for whole rollouts of the real reconciler on a virtual clock.

Fake below the line: what is applied is there at once, has one ready pod for each revision, and is accepted. Objects
have versions and generations as the API server gives them.
"""

import asyncio
import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from support.pods import pod_of
from timoneiro_operator.api import names
from timoneiro_operator.controller import KINDS
from timoneiro_operator.kube.cache import Cache, Kind
from timoneiro_operator.metrics.look import Source
from timoneiro_operator.metrics.reader import Reader
from timoneiro_operator.reconciler import Reconciler
from timoneiro_operator.telemetry import Telemetry

KEY = ("ns", "fraud")
Body = dict[str, Any]


@dataclass
class FakeControlPlane:
    """One ModelDeployment `ns/fraud` and what belongs to it; also the client of the operator that runs there."""

    spec: Body
    now: float
    objects: dict[tuple[str, str], Body] = field(default_factory=dict)
    versions: int = 100

    def __post_init__(self) -> None:
        metadata = {"name": KEY[1], "namespace": KEY[0], "uid": "md", "generation": 1}
        self._store("ModelDeployment", {"metadata": metadata, "spec": copy.deepcopy(self.spec)})

    @property
    def deployment(self) -> Body:
        return self.objects["ModelDeployment", KEY[1]]

    @property
    def status(self) -> Body:
        return self.deployment.get("status") or {}

    def weights(self) -> dict[str, int]:
        """Percent by revision, as the gateway splits."""
        route = self.objects.get(("HTTPRoute", KEY[1]))
        backends = route["spec"]["rules"][-1]["backendRefs"] if route else []
        return {b["name"].removeprefix("fraud-").removesuffix("-predictor"): b["weight"] for b in backends}

    def publish(self, number: int) -> None:
        """Another model is wanted."""
        body = copy.deepcopy(self.deployment)
        body["spec"]["model"] |= {"uri": f"s3://models/fraud/{number}", "version": str(number)}
        body["metadata"]["generation"] += 1
        self._store("ModelDeployment", body)

    def operator(self, sources: Mapping[str, Source]) -> Callable[[], Any]:
        """One pass of an operator that has just started, until there is nothing more to do at this moment."""
        cache, counted = Cache(), asyncio.Event()
        clock = self.clock
        reader = Reader(sources, wake=lambda _: counted.set(), clock=clock)
        reconciler = Reconciler(cache=cache, client=self, reader=reader, telemetry=Telemetry(), clock=clock)  # type: ignore[arg-type]

        async def until_still() -> None:
            for _ in range(20):
                for kind in KINDS:
                    bodies = [body for (other, _), body in self.objects.items() if other == kind]
                    cache.replace_all(kind, bodies, self.versions)
                counted.clear()
                again = await reconciler.reconcile(KEY) == 0
                if len(reader):
                    await counted.wait()
                elif not again:
                    return
            raise AssertionError(f"passes without end: {self.status}")

        return until_still

    def clock(self) -> float:
        return self.now

    async def apply(self, kind: Kind, body: Body, *, first: bool) -> Body:
        old = self.objects.get((kind, body["metadata"]["name"]))
        generation = old["metadata"]["generation"] + 1 if old else 1
        body = copy.deepcopy(dict(body))
        body["metadata"] |= {"generation": generation, "uid": body["metadata"]["name"]}
        if kind == "HTTPRoute":
            conditions = [
                {"type": kind_, "status": "True", "reason": kind_, "observedGeneration": generation}
                for kind_ in ("Accepted", "ResolvedRefs")
            ]
            body["status"] = {"parents": [{"conditions": conditions}]}
        else:
            self._pod(body["metadata"]["labels"][names.LABEL_REVISION])
        return self._store(kind, body)

    def _pod(self, revision: str) -> None:
        body = pod_of(
            f"{KEY[1]}-{revision}-predictor",
            name=f"pod-{revision}",
            labels={names.LABEL_DEPLOYMENT: KEY[1], names.LABEL_REVISION: revision},
            podIP="127.0.0.1",
            conditions=[{"type": "Ready", "status": "True"}],
        )
        body["metadata"]["namespace"] = KEY[0]
        self._store("Pod", body)

    async def predictor(self, service: tuple[str, str]) -> Body | None:
        """Nothing ever keeps pods from being made."""

    async def delete(self, kind: Kind, key: tuple[str, str]) -> None:
        self.objects.pop((kind, key[1]), None)

    async def write_status(self, body: Body, status: Body) -> Body:
        # As JSON, like everything that goes to an API server and comes back from it.
        return self._store("ModelDeployment", {**self.deployment, "status": json.loads(json.dumps(status))})

    async def record_event(self, body: Body, **event: Any) -> None:
        """Events are not kept."""

    def _store(self, kind: str, body: Body) -> Body:
        self.versions += 1
        body["metadata"]["resourceVersion"] = str(self.versions)
        self.objects[kind, body["metadata"]["name"]] = body
        return body
