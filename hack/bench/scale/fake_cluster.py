"""What stands for KServe, the gateway and the model servers in the benchmark of scale: fakes, and quick ones.

Every InferenceService gets one ready pod at once; every HTTPRoute is accepted at once; every pod answers /metrics with
counts of a model without failures, or never where it is to hang.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Coroutine
from ipaddress import IPv4Address

from aiohttp import web

from bench.scale.follow import follow
from localcluster.api.client import ApiError, KubeApi
from localcluster.api.jsontypes import Json

_ISVC = "/apis/serving.kserve.io/v1beta1/inferenceservices"
_ROUTE = "/apis/gateway.networking.k8s.io/v1/httproutes"
_FIRST_ADDRESS = int(IPv4Address("127.1.0.1"))
PORT = 8080
# As a route splits that gives the candidate 10 %.
_STABLE_RATE, _CANDIDATE_RATE = 4.5, 0.5
_BUCKETS = ("0.005", "0.01", "0.025", "0.05", "0.075", "0.1", "0.25", "0.5", "0.75", "1.0", "2.5", "5.0", "7.5", "10.0")


class FakeCluster:
    """Reacts to what the operator writes, in `namespace`.

    `hanging`: ModelDeployments whose pods accept connections and answer nothing. `rolled_back`: when the route of a
    ModelDeployment had one backend with weight only, in seconds of the monotonic clock.
    """

    def __init__(self, api: KubeApi, namespace: str) -> None:
        self._api, self._namespace = api, namespace
        self._addresses = itertools.count(_FIRST_ADDRESS)
        self._pods: dict[str, str] = {}
        self._generations: dict[str, int] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._started = time.time()
        self.hanging: set[str] = set()
        # ModelDeployment, and requests a second, by address of a pod.
        self._name_at: dict[str, str] = {}
        self._rate_at: dict[str, float] = {}
        self.rolled_back: dict[str, float] = {}
        self._doors = asyncio.Semaphore(16)

    async def start(self) -> None:
        """Serves until `stop`."""
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "0.0.0.0", PORT).start()  # noqa: S104 (in a network namespace of its own)
        for path, react in ((_ISVC, self._serve), (_ROUTE, self._accept)):
            self._tasks.append(asyncio.create_task(self._watch(path, react)))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._runner.cleanup()

    async def _watch(self, path: str, react: Callable[[Json], Coroutine[None, None, None]]) -> None:
        running: set[asyncio.Task[None]] = set()

        def begin(body: Json) -> None:
            task = asyncio.create_task(react(body))
            running.add(task)
            task.add_done_callback(running.discard)

        async for kind, body in follow(self._api, path):
            if kind != "DELETED":
                begin(body)

    async def _serve(self, service: Json) -> None:
        metadata = service["metadata"]
        name = metadata["name"]
        if name in self._pods:
            return
        address = str(IPv4Address(next(self._addresses)))
        self._pods[name] = address
        deployment = metadata["labels"]["timoneiro.dev/model-deployment"]
        self._rate_at[address] = _CANDIDATE_RATE if deployment in self._name_at.values() else _STABLE_RATE
        self._name_at[address] = deployment
        pod_name, owner = f"{name}-predictor-1-0", f"{name}-predictor-1"
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": pod_name,
                "namespace": self._namespace,
                "labels": {**metadata["labels"], "pod-template-hash": "1"},
                "ownerReferences": [
                    {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": owner, "uid": owner, "controller": True}
                ],
            },
            "spec": {"containers": [{"name": "kserve-container", "image": "fake"}]},
        }
        ready = {
            "podIP": address,
            "podIPs": [{"ip": address}],
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
        }
        noticed = {"conditions": [{"type": "PredictorReady", "status": "True"}]}
        pods = f"/api/v1/namespaces/{self._namespace}/pods"
        services = f"/apis/serving.kserve.io/v1beta1/namespaces/{self._namespace}/inferenceservices"
        async with self._doors:
            await self._api.create(pods, pod)
            await self._api.patch(f"{pods}/{pod_name}/status", {"status": ready})
            await self._api.merge(f"{services}/{name}/status", {"status": noticed})

    async def _accept(self, route: Json) -> None:
        metadata, rule = route["metadata"], route["spec"]["rules"][-1]
        name, generation = metadata["name"], metadata["generation"]
        if self._generations.get(name) == generation:
            return
        self._generations[name] = generation
        if sum(backend["weight"] > 0 for backend in rule["backendRefs"]) == 1:
            self.rolled_back[name] = time.monotonic()
        conditions = [
            {
                "type": kind,
                "status": "True",
                "reason": kind,
                "message": "",
                "observedGeneration": generation,
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
            for kind in ("Accepted", "ResolvedRefs")
        ]
        parent = {
            "parentRef": route["spec"]["parentRefs"][0],
            "controllerName": "example.com/fake",
            "conditions": conditions,
        }
        path = f"/apis/gateway.networking.k8s.io/v1/namespaces/{self._namespace}/httproutes/{name}/status"
        async with self._doors:
            try:
                await self._api.merge(path, {"status": {"parents": [parent]}})
            except ApiError as error:
                if error.status != 404:
                    raise

    async def _metrics(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        address = request.transport.get_extra_info("sockname")[0]
        if self._name_at.get(address) in self.hanging:
            await asyncio.Event().wait()
        requests = int(self._rate_at[address] * (time.time() - self._started))
        return web.Response(text=_exposition(requests, self._started))


def _exposition(requests: int, started: float) -> str:
    """As KServe's Python server shows it."""
    lines = ["# TYPE process_start_time_seconds gauge", f"process_start_time_seconds {started}"]
    for name in ("request_preprocess_seconds", "request_predict_seconds", "request_postprocess_seconds"):
        lines.append(f"# TYPE {name} histogram")
        lines += [f'{name}_bucket{{le="{bound}",model_name="m"}} {requests}.0' for bound in (*_BUCKETS, "+Inf")]
        lines += [f'{name}_count{{model_name="m"}} {requests}.0', f'{name}_sum{{model_name="m"}} {requests * 0.004}']
    return "\n".join([*lines, ""])
