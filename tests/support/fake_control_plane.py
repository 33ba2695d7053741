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

from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import Status as ApiStatus

from support.pods import pod_of
from timoneiro_operator.api import names
from timoneiro_operator.api.kinds import WATCHED, Kind
from timoneiro_operator.kube.cache import Cache
from timoneiro_operator.kube.client import Refused
from timoneiro_operator.reconciler import Reconciler
from timoneiro_operator.sources.reader import Reader
from timoneiro_operator.sources.source import Source
from timoneiro_operator.telemetry import Telemetry

KEY = ("ns", "fraud")
Body = dict[str, Any]


def forbidden() -> ApiError:
    return ApiError(status=ApiStatus(code=403, message="forbidden"))


def pruned(value: Any, schema: Mapping[str, Any]) -> Any:
    """What an API server keeps of a value: fields that the schema declares."""
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return value
    if isinstance(value, list):
        return [pruned(item, schema.get("items") or {}) for item in value]
    if not isinstance(value, dict):
        return value
    if "additionalProperties" in schema:
        return {name: pruned(inner, schema["additionalProperties"]) for name, inner in value.items()}
    declared = schema.get("properties") or {}
    return {name: pruned(inner, declared[name]) for name, inner in value.items() if name in declared}


@dataclass
class FakeControlPlane:
    """One ModelDeployment `ns/fraud` and what belongs to it; also the client of the operator that runs there."""

    spec: Body
    now: float
    objects: dict[tuple[str, str], Body] = field(default_factory=dict)
    versions: int = 100
    # Schema of the status in the CRD; without one everything is kept.
    schema: Body | None = None
    # What the API server refuses: "verb resource".
    denied: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        metadata = {"name": KEY[1], "namespace": KEY[0], "uid": "md", "generation": 1}
        self.store("ModelDeployment", {"metadata": metadata, "spec": copy.deepcopy(self.spec)})

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
        self.store("ModelDeployment", body)

    def operator(self, sources: Mapping[str, Source]) -> Callable[[], Any]:
        """One pass of an operator that has just started, until there is nothing more to do at this moment."""
        cache, counted = Cache(), asyncio.Event()
        clock = self.clock
        crd_is_read = self.schema is None
        reader = Reader(sources, wake=lambda _: counted.set(), clock=clock)
        reconciler = Reconciler(cache=cache, client=self, reader=reader, telemetry=Telemetry(), clock=clock)  # type: ignore[arg-type]

        async def until_still() -> None:
            nonlocal crd_is_read
            if not crd_is_read:
                crd_is_read = True
                await reconciler.crd.read()
            for _ in range(20):
                await reconciler.permissions.review()
                for kind in WATCHED:
                    if not reconciler.permissions.may("list", kind):
                        continue
                    listing = cache.list_anew(kind)
                    for (other, _), body in self.objects.items():
                        if other == kind:
                            listing.take(body)
                    listing.end(self.versions)
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

    async def may(self, verb: str, group: str, resource: str, name: str) -> bool:
        return f"{verb} {resource}" not in self.denied

    def _refuse(self, verb: str, kind: Kind) -> None:
        resource = {"HTTPRoute": "httproutes"}.get(kind, f"{kind.lower()}s")
        if f"{verb} {resource}" in self.denied:
            raise Refused(f"{kind} was refused: {resource} is forbidden")

    async def apply(self, kind: Kind, body: Body, *, first: bool) -> Body:
        self._refuse("patch", kind)
        if (kind, body["metadata"]["name"]) not in self.objects:
            self._refuse("create", kind)
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
            body["status"] = {"conditions": [{"type": "PredictorReady", "status": "True"}]}
            self._pod(body["metadata"]["labels"][names.LABEL_REVISION])
        return self.store(kind, body)

    async def refusal(self, kind: Kind, body: Body) -> None:
        """All content is taken."""

    def _pod(self, revision: str) -> None:
        body = pod_of(
            f"{KEY[1]}-{revision}-predictor",
            name=f"pod-{revision}",
            labels={names.LABEL_DEPLOYMENT: KEY[1], names.LABEL_REVISION: revision},
            podIP="127.0.0.1",
            conditions=[{"type": "Ready", "status": "True"}],
        )
        body["metadata"]["namespace"] = KEY[0]
        self.store("Pod", body)

    async def component(self, key: tuple[str, str]) -> Body | None:
        """Nothing ever keeps pods from being made."""

    async def delete(self, kind: Kind, key: tuple[str, str]) -> None:
        self._refuse("delete", kind)
        self.objects.pop((kind, key[1]), None)

    async def write_status(self, body: Body, status: Body) -> Body:
        # As JSON, like everything that goes to an API server and comes back from it.
        if "patch modeldeployments/status" in self.denied:
            raise forbidden()
        status = json.loads(json.dumps(status))
        if self.schema is not None:
            status = pruned(status, self.schema)
        if status == self.status:
            return self.deployment
        return self.store("ModelDeployment", {**self.deployment, "status": status})

    async def crd(self) -> Body:
        version = {"name": names.VERSION, "schema": {"openAPIV3Schema": {"properties": {"status": self.schema}}}}
        return {"spec": {"versions": [version]}}

    async def record_event(self, body: Body, **event: Any) -> None:
        """Events are not kept."""
        if "create events" in self.denied:
            raise forbidden()

    def store(self, kind: str, body: Body) -> Body:
        self.versions += 1
        body["metadata"]["resourceVersion"] = str(self.versions)
        self.objects[kind, body["metadata"]["name"]] = body
        return body
