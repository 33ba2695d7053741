"""One pass: what is done, in which order, and what a refusal does not keep from being done."""

import asyncio
import copy
import json
import time
from typing import Any

import httpx2
import msgspec
import pytest
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import Status as ApiStatus

from support.fake_control_plane import FakeControlPlane
from support.fake_world import EPOCH, SPEC
from support.pem import PUBLIC_KEY
from support.pods import pod_of
from timoneiro_judge.counts import Counts, Window
from timoneiro_operator.api import names
from timoneiro_operator.api.status import Candidate, Stable, Status, Step, Traffic, Weights
from timoneiro_operator.api.times import moment
from timoneiro_operator.decide.observation import Metrics
from timoneiro_operator.kube.cache import Cache
from timoneiro_operator.kube.client import Refused, Unanswered
from timoneiro_operator.metrics.look import Look
from timoneiro_operator.reconciler import Reconciler
from timoneiro_operator.servable import ASK_AGAIN_SECONDS
from timoneiro_operator.sources.reader import Reader
from timoneiro_operator.telemetry import Telemetry

KEY = ("ns", "fraud")


class FakeClient:
    """An API server in memory that records what was asked of it, and refuses what a test says."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.refuse: set[str] = set()
        self.statuses: list[dict[str, Any]] = []
        # What the API server gives no answer about.
        self.silent: set[str] = set()
        self.of_events: Exception | None = None
        self.dry_runs: list[str] = []
        self.content: tuple[int, str] | None = None
        self.routes: list[dict[str, Any]] = []
        self.deployments: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self._version = 1000

    def _stored(self, body: dict[str, Any]) -> dict[str, Any]:
        self._version += 1
        metadata = {"uid": body["metadata"]["name"], **body["metadata"], "resourceVersion": str(self._version)}
        return {**body, "metadata": metadata}

    async def apply(self, kind: str, body: dict[str, Any], *, first: bool) -> dict[str, Any]:
        self.calls.append(kind)
        self.routes += [body] if kind == "HTTPRoute" else []
        if kind in self.refuse:
            raise Refused(f"{kind} {body['metadata']['name']} was refused: quota")
        if kind in self.silent:
            raise Unanswered(f"{kind}: no answer")
        return self._stored(body)

    async def refusal(self, kind: str, body: dict[str, Any]) -> tuple[int, str] | None:
        self.dry_runs.append(body["metadata"]["name"])
        return self.content

    async def component(self, key: tuple[str, str]) -> dict[str, Any] | None:
        self.asked.append(key[1])
        return self.deployments.get(key[1])

    async def delete(self, kind: str, key: tuple[str, str]) -> None:
        self.calls.append(f"delete {kind}")

    async def write_status(self, body: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
        if "status" in self.refuse:
            raise ApiError(status=ApiStatus(code=500, message="no"))
        self.calls.append("status")
        # As JSON, like everything that goes to an API server and comes back from it.
        status = json.loads(json.dumps(status))
        self.statuses.append(status)
        if status == body.get("status"):
            return body
        return self._stored({**body, "status": status})

    async def record_event(self, body: dict[str, Any], **event: Any) -> None:
        if self.of_events is not None:
            raise self.of_events
        self.calls.append(event["reason"])


class NoCounts:
    """A source that has never anything to tell."""

    def known(self, look: Look) -> Metrics:
        return Metrics()

    async def read(self, look: Look) -> Metrics:
        raise AssertionError("nothing is due")

    def forget(self, key: tuple[str, str]) -> None: ...


def deployment(status: Status | None = None, **spec: Any) -> dict[str, Any]:
    body = {
        "metadata": {"name": "fraud", "namespace": "ns", "uid": "u", "generation": 1, "resourceVersion": "10"},
        "spec": {**SPEC, **spec},
    }
    return body | ({"status": msgspec.to_builtins(status)} if status else {})


@pytest.fixture
def cache() -> Cache:
    return Cache()


@pytest.fixture
def client() -> FakeClient:
    return FakeClient()


@pytest.fixture
def reconciler(cache: Cache, client: FakeClient) -> Reconciler:
    reader = Reader({"Scrape": NoCounts()}, wake=lambda _: None)
    return Reconciler(cache=cache, client=client, reader=reader, telemetry=Telemetry())  # type: ignore[arg-type]


def in_a_step() -> Status:
    """Version 1 is stable, version 2 has 10 % of the traffic, and its pods are gone."""
    stable = Stable(revision="a", inference_service="fraud-a", uri="s3://1", ready=True)
    candidate = Candidate(revision="b", inference_service="fraud-b", uri="s3://2", started_at=moment(time.time()))
    return Status(
        phase="Progressing",
        stable=stable,
        candidate=candidate,
        step=Step(kind="Weight", index=0, count=2, weight=10, seconds=60),
        traffic=Traffic(desired=Weights(stable=90, candidate=10), accepted=True),
    )


def put_route(cache: Cache, weights: dict[str, int], hosts: list[str] | None = None) -> None:
    cache.put(
        "HTTPRoute",
        {
            "metadata": {
                "name": "fraud",
                "namespace": "ns",
                "uid": "r",
                "resourceVersion": "5",
                "generation": 1,
                "labels": {names.LABEL_DEPLOYMENT: "fraud"},
            },
            "spec": {
                "hostnames": hosts or [],
                "rules": [{"backendRefs": [{"name": f"{n}-predictor", "weight": w} for n, w in weights.items()]}],
            },
        },
    )


async def test_a_candidate_is_on_record_before_it_is_made(
    cache: Cache, client: FakeClient, reconciler: Reconciler
) -> None:
    cache.put("ModelDeployment", deployment())
    await reconciler.reconcile(KEY)
    assert client.calls == ["status", "RolloutStarted", "InferenceService"]


async def test_a_status_that_cannot_be_written_leaves_the_traffic_where_it_is(
    cache: Cache, client: FakeClient, reconciler: Reconciler
) -> None:
    cache.put("ModelDeployment", deployment(in_a_step()))
    put_route(cache, {"fraud-a": 90, "fraud-b": 10})
    client.refuse = {"status"}
    with pytest.raises(ApiError):
        await reconciler.reconcile(KEY)
    assert client.routes == []


async def test_nothing_is_written_when_nothing_has_changed(
    cache: Cache, client: FakeClient, reconciler: Reconciler
) -> None:
    spec = {key: value for key, value in SPEC.items() if key != "model"}
    cache.put("ModelDeployment", {**deployment(), "spec": spec})
    await reconciler.reconcile(KEY)
    client.calls.clear()
    await reconciler.reconcile(KEY)
    assert client.calls == []


async def test_a_status_that_the_api_server_finds_unchanged_is_no_reason_to_look_again_at_once(
    cache: Cache, client: FakeClient, reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unchanged(body: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
        return body

    cache.put("ModelDeployment", deployment())
    for _ in range(3):
        await reconciler.reconcile(KEY)
    monkeypatch.setattr(client, "write_status", unchanged)
    body = cache.get("ModelDeployment", KEY)
    assert body is not None
    metadata = {**body["metadata"], "resourceVersion": "99999"}
    cache.put("ModelDeployment", {**body, "metadata": metadata, "status": {**body["status"], "message": "edited"}})
    assert await reconciler.reconcile(KEY) != 0


async def test_a_pass_takes_a_candidate_back_while_its_source_answers_nothing(cache: Cache, client: FakeClient) -> None:
    class Silent(NoCounts):
        def known(self, look: Look) -> None: ...

        async def read(self, look: Look) -> Metrics:
            await asyncio.Event().wait()
            return Metrics()

    reader = Reader({"Scrape": Silent()}, wake=lambda _: None)
    reconciler = Reconciler(cache=cache, client=client, reader=reader, telemetry=Telemetry())  # type: ignore[arg-type]
    cache.put("ModelDeployment", deployment(in_a_step()))
    put_route(cache, {"fraud-a": 90, "fraud-b": 10})
    await reconciler.reconcile(KEY)
    assert client.routes
    await reader.stop()


async def test_a_verdict_is_on_record_before_the_traffic_is_taken_away(
    cache: Cache, client: FakeClient, reconciler: Reconciler
) -> None:
    cache.put("ModelDeployment", deployment(in_a_step()))
    put_route(cache, {"fraud-a": 90, "fraud-b": 10})
    await reconciler.reconcile(KEY)
    assert client.calls.index("status") < client.calls.index("HTTPRoute")


async def test_an_inference_service_that_is_refused_does_not_keep_traffic_from_going_back(
    cache: Cache, client: FakeClient, reconciler: Reconciler
) -> None:
    cache.put("ModelDeployment", deployment(in_a_step()))
    put_route(cache, {"fraud-a": 90, "fraud-b": 10})
    client.refuse = {"InferenceService"}
    await reconciler.reconcile(KEY)
    assert "HTTPRoute" in client.calls


@pytest.mark.parametrize("silent", ["InferenceService", "HTTPRoute"])
async def test_a_write_without_an_answer_keeps_no_traffic_from_going_back_and_is_not_made_in_another_way(
    cache: Cache, client: FakeClient, reconciler: Reconciler, silent: str
) -> None:
    route = {**SPEC["route"], "retry": {"attempts": 2}}
    cache.put("ModelDeployment", deployment(in_a_step(), route=route))
    put_route(cache, {"fraud-a": 90, "fraud-b": 10})
    client.silent = {silent}
    await reconciler.reconcile(KEY)
    assert len(client.routes) == 1


async def test_what_was_refused_is_said_in_the_status_and_tried_again(
    cache: Cache, client: FakeClient, reconciler: Reconciler
) -> None:
    cache.put("ModelDeployment", deployment())
    client.refuse = {"InferenceService"}
    await reconciler.reconcile(KEY)
    await reconciler.reconcile(KEY)
    after = await reconciler.reconcile(KEY)
    assert client.statuses[-1]["message"].endswith("was refused: quota")
    assert after is not None
    assert after <= 10


@pytest.mark.parametrize(
    "error", [ApiError(status=ApiStatus(code=403, message="forbidden")), httpx2.ReadTimeout("too long")]
)
async def test_an_event_that_is_not_written_does_not_fail_the_pass(
    cache: Cache, client: FakeClient, reconciler: Reconciler, error: Exception
) -> None:
    cache.put("ModelDeployment", deployment())
    client.of_events = error
    await reconciler.reconcile(KEY)
    assert client.calls == ["status", "InferenceService"]


async def test_an_invalid_spec_without_a_valid_one_before_it_is_named_and_nothing_is_touched(
    cache: Cache, client: FakeClient, reconciler: Reconciler
) -> None:
    cache.put("ModelDeployment", deployment(in_a_step(), rollout={"deadline": "soon"}))
    await reconciler.reconcile(KEY)
    assert client.calls == ["status"]
    ready = next(c for c in client.statuses[-1]["conditions"] if c["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "InvalidSpec")
    assert "spec.rollout.deadline: 'soon' is not a duration" in ready["message"]


def acting_on(body: dict[str, Any], **rollout: Any) -> dict[str, Any]:
    """`body` with an invalid rollout in its spec, in mid-rollout under the spec that it had before."""
    status = {**body["status"], "actedOn": body["spec"]}
    return {**body, "spec": {**body["spec"], "rollout": {"deadline": "soon"}}, "status": status}


async def test_a_candidate_that_fails_is_rolled_back_under_the_last_valid_spec_while_the_newest_is_invalid(
    cache: Cache, client: FakeClient, reconciler: Reconciler
) -> None:
    cache.put("ModelDeployment", acting_on(deployment(in_a_step())))
    put_route(cache, {"fraud-a": 90, "fraud-b": 10})
    await reconciler.reconcile(KEY)
    (route,) = client.routes
    weights = {backend["name"]: backend["weight"] for backend in route["spec"]["rules"][-1]["backendRefs"]}
    assert weights == {"fraud-a-predictor": 100}
    ready = next(c for c in client.statuses[-1]["conditions"] if c["type"] == "Ready")
    assert ready["reason"] == "InvalidSpec"


async def test_an_invalid_spec_is_written_down_once(cache: Cache, client: FakeClient, reconciler: Reconciler) -> None:
    cache.put("ModelDeployment", acting_on(deployment(in_a_step())))
    put_route(cache, {"fraud-a": 90, "fraud-b": 10})
    for _ in range(4):
        await reconciler.reconcile(KEY)
    written = len(client.statuses)
    await reconciler.reconcile(KEY)
    assert len(client.statuses) == written


async def test_a_last_valid_spec_that_is_none_any_more_is_not_acted_on(
    cache: Cache, client: FakeClient, reconciler: Reconciler
) -> None:
    body = acting_on(deployment(in_a_step()))
    body["status"]["actedOn"] = {"route": {"hostnames": []}}
    cache.put("ModelDeployment", body)
    await reconciler.reconcile(KEY)
    assert client.calls == ["status"]


async def test_a_status_that_has_changed_is_looked_at_again_at_once_and_one_that_has_not_is_not(
    cache: Cache, reconciler: Reconciler
) -> None:
    cache.put("ModelDeployment", deployment())
    assert await reconciler.reconcile(KEY) == 0
    again = await reconciler.reconcile(KEY)
    assert again is not None
    assert again > 0


async def test_counts_that_lead_to_nothing_need_no_second_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    class Windows(NoCounts):
        def known(self, look: Look) -> Metrics | None:
            return Metrics() if look.recorded == moment(look.now) else None

        async def read(self, look: Look) -> Metrics:
            window = Window(candidate=Counts(requests=10, events=0), stable=Counts(requests=90, events=0))
            return Metrics(windows={"errors": window}, window_end=look.now, seconds=10.0)

    ends: list[float | None] = []
    reconcile = Reconciler.reconcile

    async def noted(reconciler: Reconciler, key: tuple[str, str]) -> float | None:
        ends.append(await reconcile(reconciler, key))
        return ends[-1]

    monkeypatch.setattr(Reconciler, "reconcile", noted)
    plane = FakeControlPlane(spec=copy.deepcopy(SPEC), now=EPOCH)
    run = plane.operator({"Scrape": Windows()})
    await run()
    plane.publish(2)
    for _ in range(3):
        plane.now += 10
        await run()
    windows = plane.status["analysis"]["lastWindowEnd"]
    ends.clear()
    plane.now += 10
    await run()
    assert plane.status["analysis"]["lastWindowEnd"] > windows
    assert len(ends) == 2
    assert 0 not in ends


def other(name: str, hosts: list[str]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "ns", "uid": name, "resourceVersion": "9", "generation": 1}
    return {"metadata": metadata, "spec": {"route": {"hostnames": hosts}}}


async def test_a_host_name_of_another_deployment_keeps_a_new_one_from_being_made(
    cache: Cache, client: FakeClient, reconciler: Reconciler
) -> None:
    cache.put("ModelDeployment", other("a-first", SPEC["route"]["hostnames"]))
    cache.put("ModelDeployment", deployment())
    await reconciler.reconcile(KEY)
    assert client.calls == ["status", "HostnameConflict"]
    assert "belongs to ModelDeployment ns/a-first" in client.statuses[-1]["message"]


async def test_what_serves_keeps_its_names_and_its_rollback_when_it_asks_for_one_too_many(
    cache: Cache, client: FakeClient, reconciler: Reconciler
) -> None:
    cache.put("ModelDeployment", other("a-first", ["taken.example.com"]))
    cache.put(
        "ModelDeployment", deployment(in_a_step(), route={"hostnames": ["mine.example.com", "taken.example.com"]})
    )
    put_route(cache, {"fraud-a": 90, "fraud-b": 10}, hosts=["mine.example.com"])
    await reconciler.reconcile(KEY)
    (route,) = client.routes
    assert route["spec"]["hostnames"] == ["mine.example.com"]
    assert [backend["weight"] for backend in route["spec"]["rules"][-1]["backendRefs"]] == [100]


async def test_a_kind_that_the_cluster_does_not_know_is_said_and_nothing_is_written(
    cache: Cache, client: FakeClient, reconciler: Reconciler
) -> None:
    cache.absent = frozenset({"InferenceService"})
    cache.put("ModelDeployment", deployment())
    await reconciler.reconcile(KEY)
    assert client.calls == ["status", "Degraded"]
    assert await reconciler.reconcile(KEY) == 10


async def test_a_deployment_that_is_being_deleted_is_left_to_kubernetes(
    cache: Cache, client: FakeClient, reconciler: Reconciler
) -> None:
    leaving = deployment()
    leaving["metadata"]["deletionTimestamp"] = "2026-11-24T10:00:00Z"
    cache.put("ModelDeployment", leaving)
    assert await reconciler.reconcile(KEY) is None
    assert client.calls == []


async def test_a_rollback_that_is_refused_is_said_and_tried_again_without_end(
    cache: Cache, client: FakeClient, reconciler: Reconciler
) -> None:
    cache.put("ModelDeployment", deployment(in_a_step()))
    put_route(cache, {"fraud-a": 90, "fraud-b": 10})
    client.refuse = {"HTTPRoute"}
    waits = [await reconciler.reconcile(KEY) for _ in range(5)]
    assert "HTTPRoute fraud was refused: quota" in client.statuses[-1]["message"]
    assert client.calls.count("HTTPRoute") == 5
    assert waits[-1] is not None
    assert 0 < waits[-1] <= 10
    assert len(client.statuses) == 2


def put_service(cache: Cache, name: str, revision: str) -> None:
    labels = {names.LABEL_DEPLOYMENT: "fraud", names.LABEL_REVISION: revision}
    metadata = {"name": name, "namespace": "ns", "uid": name, "resourceVersion": "6", "labels": labels}
    cache.put("InferenceService", {"metadata": metadata, "spec": {"predictor": {"minReplicas": 1}}})


def put_pod(cache: Cache, workload: str, revision: str) -> None:
    labels = {names.LABEL_DEPLOYMENT: "fraud", names.LABEL_REVISION: revision}
    ready = [{"type": "Ready", "status": "True"}]
    body = pod_of(workload, name=workload, labels=labels, podIP="10.0.0.1", conditions=ready)
    body["metadata"] |= {"namespace": "ns", "resourceVersion": "7"}
    cache.put("Pod", body)


async def test_why_there_are_no_pods_is_asked_of_those_that_lack_some_and_of_nobody_else(
    cache: Cache, client: FakeClient, reconciler: Reconciler
) -> None:
    status = msgspec.structs.replace(in_a_step(), step=None, traffic=None)
    cache.put("ModelDeployment", deployment(status))
    for revision in ("a", "b", "old"):
        put_service(cache, f"fraud-{revision}", revision)
    put_pod(cache, "fraud-a-predictor", "a")
    condition = {
        "type": "ReplicaFailure",
        "status": "True",
        "reason": "FailedCreate",
        "message": "exceeded quota: full",
    }
    client.deployments["fraud-b-predictor"] = {"status": {"conditions": [condition]}}
    await reconciler.reconcile(KEY)
    assert client.asked == ["fraud-b-predictor"]


@pytest.mark.parametrize(("finalizers", "asked"), [([], 1), (["somebody.example.com/waits"], 3)])
async def test_what_was_deleted_is_not_deleted_again_before_its_watch_tells_unless_something_holds_it_up(
    cache: Cache, client: FakeClient, reconciler: Reconciler, finalizers: list[str], asked: int
) -> None:
    labels = {names.LABEL_DEPLOYMENT: "fraud", names.LABEL_REVISION: "old"}
    metadata = {"name": "fraud-old", "namespace": "ns", "uid": "r", "resourceVersion": "5", "labels": labels}
    metadata |= {"finalizers": finalizers}
    cache.put("ServingRuntime", {"metadata": metadata, "spec": {"supportedModelFormats": []}})
    cache.put("ModelDeployment", deployment())
    for _ in range(3):
        await reconciler.reconcile(KEY)
    assert client.calls.count("delete ServingRuntime") == asked


async def test_what_is_on_its_way_out_is_not_deleted_again_however_long_something_holds_it_up(
    cache: Cache, client: FakeClient, reconciler: Reconciler
) -> None:
    labels = {names.LABEL_DEPLOYMENT: "fraud", names.LABEL_REVISION: "old"}
    metadata = {"name": "fraud-old", "namespace": "ns", "uid": "r", "resourceVersion": "5", "labels": labels}
    metadata |= {"finalizers": ["somebody.example.com/waits"], "deletionTimestamp": "2026-11-23T10:00:00Z"}
    cache.put("ServingRuntime", {"metadata": metadata, "spec": {"supportedModelFormats": []}})
    cache.put("ModelDeployment", deployment())
    for _ in range(3):
        await reconciler.reconcile(KEY)
    assert client.calls.count("delete ServingRuntime") == 0


async def test_what_the_cluster_would_not_take_is_an_invalid_spec_before_anything_is_made(
    cache: Cache, client: FakeClient, reconciler: Reconciler
) -> None:
    client.content = (422, 'InferenceService.serving.kserve.io "x" is invalid: spec.predictor.timeout: no')
    cache.put("ModelDeployment", deployment())
    assert await reconciler.reconcile(KEY) == ASK_AGAIN_SECONDS
    (ready,) = [c for c in client.statuses[-1]["conditions"] if c["type"] == "Ready"]
    assert (ready["reason"], ready["message"]) == (
        "InvalidSpec",
        "KServe does not accept it: spec.predictor.timeout: no",
    )
    assert "InferenceService" not in client.calls
    client.content = None
    await reconciler.reconcile(KEY)
    assert "InferenceService" not in client.calls


async def test_a_signature_that_no_server_would_look_at_is_an_invalid_spec_before_anything_is_made(
    cache: Cache, client: FakeClient, reconciler: Reconciler
) -> None:
    signed = {**SPEC["model"], "signature": {"publicKeys": [PUBLIC_KEY]}}
    cache.put("ModelDeployment", deployment(model=signed))
    await reconciler.reconcile(KEY)
    (ready,) = [c for c in client.statuses[-1]["conditions"] if c["type"] == "Ready"]
    assert ready["reason"] == "InvalidSpec"
    assert ready["message"].startswith("spec.model.signature is verified by Timoneiro's own model server")
    assert (client.dry_runs, "InferenceService" in client.calls) == ([], False)


async def test_what_serves_goes_on_while_the_cluster_would_not_take_what_is_wanted(
    cache: Cache, client: FakeClient, reconciler: Reconciler
) -> None:
    client.content = (422, "spec.predictor.timeout: no")
    status = msgspec.structs.replace(in_a_step(), acted_on={**SPEC, "model": {**SPEC["model"], "uri": "s3://2"}})
    cache.put("ModelDeployment", deployment(status))
    put_route(cache, {"fraud-a": 90, "fraud-b": 10})
    assert await reconciler.reconcile(KEY) == 0
    assert client.statuses[-1]["message"].startswith(
        "the spec is invalid and was not acted on: KServe does not accept it"
    )
    assert client.statuses[-1]["candidate"]["revision"] != "b"
