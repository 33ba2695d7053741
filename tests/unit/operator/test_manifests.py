"""What is built for KServe and the gateway, and what is read back from them."""

from typing import Any

import msgspec
import pytest

from support.fake_world import FakeWorld
from support.pem import PUBLIC_KEY
from support.pods import pod_of
from timoneiro_operator.api.deployment import ModelDeployment, parse
from timoneiro_operator.api.invalid_spec import InvalidSpec
from timoneiro_operator.api.spec import Preview, PreviewHeader
from timoneiro_operator.decide.lifecycle import wanted_snapshot
from timoneiro_operator.decide.observation import Failure, Routing
from timoneiro_operator.serving.inference_service import build_inference_service
from timoneiro_operator.serving.workload import read_workload
from timoneiro_operator.traffic.gateway import build_route, differs, read_route

MODEL = {"format": {"name": "sklearn"}, "uri": "s3://models/fraud/1"}


@pytest.fixture
def deployment() -> ModelDeployment:
    world = FakeWorld()
    world.spec["model"]["digest"] = "sha256:" + "0" * 64
    world.spec["predictor"] = {"minReplicas": 2, "serviceAccountName": "models", "args": ["--x"]}
    return world.deployment


def built(deployment: ModelDeployment) -> dict[str, Any]:
    return build_inference_service(deployment, wanted_snapshot(deployment, deployment.revision or ""))


def test_all_revisions_answer_to_the_name_of_the_deployment(deployment: ModelDeployment) -> None:
    model = built(deployment)["spec"]["predictor"]["model"]
    assert model["args"] == ["--model_name=fraud", "--x"]


def test_the_digest_reaches_the_model_server(deployment: ModelDeployment) -> None:
    model = built(deployment)["spec"]["predictor"]["model"]
    assert model["env"] == [{"name": "TIMONEIRO_MODEL_DIGEST", "value": "sha256:" + "0" * 64}]


def test_the_keys_that_must_have_signed_reach_the_model_server_behind_all_other_arguments() -> None:
    world = FakeWorld()
    world.spec["predictor"] = {"args": ["--x"]}
    world.spec["model"]["signature"] = {"publicKeys": [PUBLIC_KEY, PUBLIC_KEY.strip()]}
    assert built(world.deployment)["spec"]["predictor"]["model"]["args"] == [
        "--model_name=fraud",
        "--x",
        f"--model_public_key={PUBLIC_KEY}",
        f"--model_public_key={PUBLIC_KEY.strip()}",
    ]


def test_who_has_to_sign_may_be_said_before_there_is_a_model() -> None:
    world = FakeWorld()
    world.spec["model"] = {"signature": {"publicKeys": [PUBLIC_KEY]}}
    assert (world.deployment.spec.model, world.deployment.revision) == (None, None)


def test_kserve_makes_no_route_of_its_own(deployment: ModelDeployment) -> None:
    labels = built(deployment)["metadata"]["labels"]
    assert labels["networking.kserve.io/visibility"] == "cluster-local"


def test_children_are_owned_so_that_kubernetes_removes_them(deployment: ModelDeployment) -> None:
    owners = built(deployment)["metadata"]["ownerReferences"]
    assert [(owner["kind"], owner["uid"], owner["controller"]) for owner in owners] == [("ModelDeployment", "u", True)]


@pytest.mark.parametrize(
    ("path", "value", "same"),
    [
        (("model", "uri"), "s3://other", False),
        (("model", "digest"), "sha256:" + "1" * 64, False),
        (("model", "version"), "9", True),
        (("model", "signature"), {"publicKeys": [PUBLIC_KEY]}, False),
        (("predictor", "minReplicas"), 9, True),
        (("predictor", "args"), ["--y"], False),
        (("route", "hostnames"), ["other.example.com"], True),
    ],
)
def test_a_revision_is_what_changes_a_serving_pod(path: tuple[str, str], value: Any, same: bool) -> None:
    world = FakeWorld()
    world.spec["predictor"] = {}
    before = world.deployment.revision
    world.spec[path[0]][path[1]] = value
    assert (world.deployment.revision == before) is same


def test_weights_that_do_not_sum_to_100_are_never_applied(deployment: ModelDeployment) -> None:
    with pytest.raises(ValueError, match="do not sum to 100"):
        build_route(deployment, Routing(weights={"a": 90, "b": 20}))


SPLIT = Routing(weights={"a": 90, "b": 10})


def route(
    deployment: ModelDeployment, *, observed: int = 2, status: str = "True", routing: Routing = SPLIT
) -> dict[str, Any]:
    body = build_route(deployment, routing)
    body["metadata"]["generation"] = 2
    conditions = [
        {"type": kind, "status": status, "reason": "R", "message": "why", "observedGeneration": observed}
        for kind in ("Accepted", "ResolvedRefs")
    ]
    body["status"] = {"parents": [{"conditions": conditions}]}
    return body


def with_preview(deployment: ModelDeployment) -> ModelDeployment:
    preview = Preview(header=PreviewHeader(name="X-Timoneiro"))
    changed = msgspec.structs.replace(deployment.spec.route, preview=preview)
    return msgspec.structs.replace(deployment, spec=msgspec.structs.replace(deployment.spec, route=changed))


@pytest.mark.parametrize(
    "routing",
    [
        SPLIT,
        Routing(weights={"a": 100, "b": 0}, mirror="b"),
        Routing(weights={"a": 0, "b": 100}, mirror="a", preview="b"),
    ],
)
def test_a_route_that_was_built_is_read_back_as_it_was_meant(deployment: ModelDeployment, routing: Routing) -> None:
    deployment = with_preview(deployment)
    body = route(deployment, routing=routing)
    seen = read_route(deployment, body)
    assert seen is not None
    assert (seen.routing, seen.as_built, seen.accepted) == (routing, True, True)
    assert not differs(deployment, routing, body)


def test_the_preview_header_reaches_the_candidate_and_nobody_else(deployment: ModelDeployment) -> None:
    body = build_route(with_preview(deployment), Routing(weights={"a": 100, "b": 0}, preview="b"))
    preview, main = body["spec"]["rules"]
    assert preview["matches"][0]["headers"] == [{"type": "Exact", "name": "X-Timoneiro", "value": "candidate"}]
    assert [backend["name"] for backend in preview["backendRefs"]] == ["fraud-b-predictor"]
    assert "headers" not in main["matches"][0]


def test_a_deployment_that_has_no_route_yet_differs_from_every_wish(deployment: ModelDeployment) -> None:
    assert read_route(deployment, None) is None
    assert differs(deployment, SPLIT, None)


def test_defaults_that_the_api_server_adds_are_no_difference(deployment: ModelDeployment) -> None:
    body = route(deployment)
    body["spec"]["rules"][0]["timeouts"] = {"request": "15s"}
    assert not differs(deployment, SPLIT, body)


def test_acceptance_of_an_older_generation_is_no_acceptance(deployment: ModelDeployment) -> None:
    seen = read_route(deployment, route(deployment, observed=1))
    assert seen is not None
    assert (seen.accepted, seen.reason) == (False, "Pending")


def test_a_route_that_the_gateway_refuses_says_why(deployment: ModelDeployment) -> None:
    seen = read_route(deployment, route(deployment, status="False"))
    assert seen is not None
    assert (seen.accepted, seen.message) == (False, "the gateway refuses the route: why")


def test_a_weight_edited_by_hand_is_a_difference(deployment: ModelDeployment) -> None:
    assert differs(deployment, SPLIT, route(deployment, routing=Routing(weights={"a": 1, "b": 99})))


@pytest.mark.parametrize(
    "edit", ["a rule in front", "another path", "a filter", "another port", "another mirror", "a foreign backend"]
)
def test_a_route_that_somebody_has_changed_beyond_its_weights_is_a_difference(
    deployment: ModelDeployment, edit: str
) -> None:
    body = route(deployment)
    rule = body["spec"]["rules"][0]
    if edit == "a rule in front":
        body["spec"]["rules"] = [{**rule, "backendRefs": rule["backendRefs"][1:]}, rule]
    elif edit == "another path":
        rule["matches"] = [{"path": {"type": "PathPrefix", "value": "/v1"}}]
    elif edit == "a filter":
        rule["filters"] = [{"type": "RequestRedirect"}]
    elif edit == "another mirror":
        mirror = {"group": "", "kind": "Service", "name": "elsewhere", "port": 80}
        rule["filters"] = [{"type": "RequestMirror", "requestMirror": {"backendRef": mirror}}]
    elif edit == "another port":
        rule["backendRefs"][0]["port"] = 81
    else:
        rule["backendRefs"][1]["name"] = "elsewhere"
    seen = read_route(deployment, body)
    assert seen is not None
    assert differs(deployment, SPLIT, body)
    assert not (seen.as_built and seen.routing.shares() == SPLIT.shares())


def service(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "fraud-a"}, "spec": {"predictor": {"minReplicas": 1}}, "status": status}


def pod(ready: bool = False, **status: Any) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return pod_of("fraud-a-predictor", conditions=conditions, **status)


def container(name: str, restarts: int, *, waiting: str | None = None, message: str = "") -> dict[str, Any]:
    ended = {"terminated": {"exitCode": 1, "message": message}}
    state = {"waiting": {"reason": waiting}} if waiting else ended
    return {"name": name, "restartCount": restarts, "state": state, "lastState": ended}


def test_readiness_is_counted_from_pods_and_not_believed_of_the_inference_service() -> None:
    lying = service(conditions=[{"type": "Ready", "status": "True"}, {"type": "PredictorReady", "status": "True"}])
    assert not read_workload(lying, [pod(ready=False)]).serving
    assert read_workload(lying, [pod(ready=True)]).serving


@pytest.mark.parametrize(("said", "known"), [("True", True), ("False", False), ("Unknown", False)])
def test_the_controllers_know_of_ready_pods_when_kserve_says_so(said: str, known: bool) -> None:
    conditions = [{"type": "PredictorReady", "status": said}]
    assert read_workload(service(conditions=conditions), [pod(ready=True)]).known is known


def test_the_last_words_of_a_crashing_container_are_the_reason() -> None:
    crashing = container("kserve-container", 2, waiting="CrashLoopBackOff", message="Traceback\n  x\ndigest differs\n")
    failure = read_workload(service(), [pod(containerStatuses=[crashing])]).failure
    assert failure is not None
    assert (failure.reason, failure.message, failure.final) == ("CrashLoopBackOff", "digest differs", True)


def test_a_pod_that_crashes_for_good_is_seen_beside_one_that_is_ready() -> None:
    crashing = container("kserve-container", 9, waiting="CrashLoopBackOff", message="out of memory")
    workload = read_workload(service(), [pod(ready=True), pod(containerStatuses=[crashing])])
    assert workload.failure is not None
    assert (workload.ready_replicas, workload.failure.final) == (1, True)


def test_one_failed_start_is_not_final_since_the_store_may_be_back_in_a_moment() -> None:
    once = container("storage-initializer", 0, message="no such bucket")
    failure = read_workload(service(), [pod(initContainerStatuses=[once])]).failure
    assert failure is not None
    assert (failure.reason, failure.final) == ("FailedLoad", False)


def test_an_image_that_cannot_be_pulled_is_named_and_waited_for() -> None:
    status = {
        "name": "c",
        "restartCount": 0,
        "state": {"waiting": {"reason": "ErrImagePull", "message": "no such image"}},
    }
    failure = read_workload(service(), [pod(containerStatuses=[status])]).failure
    assert failure is not None
    assert (failure.reason, failure.message, failure.final) == ("ErrImagePull", "no such image", False)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"rollout": {"canary": {"steps": [{"weight": 50, "for": "1m"}, {"weight": 10, "for": "1m"}]}}},
            "rising weights",
        ),
        ({"rollout": {"canary": {"steps": []}}}, "at least one step"),
        ({"rollout": {"canary": {"steps": [{"weight": 5}]}}}, "must have either weight and for, or pause"),
        ({"rollout": {"canary": {"steps": [{"weight": 5, "pause": {}}]}}}, "must have either weight and for, or pause"),
        ({"rollout": {"canary": {"steps": [{"weight": 0, "for": "1m"}]}}}, "weights from 1 to 100"),
        (
            {"rollout": {"canary": {"steps": [{"weight": 5, "for": "1m"}, {"pause": {"for": "soon"}}]}}},
            "'soon' is not a duration",
        ),
        ({"rollout": {"canary": {"steps": [{"pause": {}}]}}}, "needs a weight below 100"),
        ({"rollout": {"blueGreen": {"bake": "soon"}}}, "spec.rollout.blueGreen.bake"),
        (
            {"route": {"hostnames": ["a"], "driver": "Knative"}, "rollout": {"strategy": "BlueGreen"}},
            "needs mirrored traffic",
        ),
        (
            {"route": {"hostnames": ["a"], "driver": "Knative", "preview": {"header": {"name": "X"}}}},
            "needs route.driver Gateway",
        ),
        ({"rollout": {"canary": {"steps": [{"weight": 50, "for": "soon"}]}}}, "'soon' is not a duration"),
        ({"rollout": {"deadline": "never"}}, "spec.rollout.deadline"),
        ({"rollout": {"keepStable": "9999999d"}}, "spec.rollout.keepStable: 9999999d is longer than ten years"),
        ({"rollout": {"keepStable": "9999999999999d"}}, "'9999999999999d' is longer than any calendar"),
        ({"rollout": {"deadline": 600}}, "spec.rollout.deadline: 600 is not a duration"),
        ({"route": {}}, "needs at least one host name"),
        ({"analysis": {"interval": "0.01ms"}}, "spec.analysis.interval: 0.01ms is not between 1s and 1d"),
        ({"analysis": {"metrics": []}}, "at least one metric"),
        ({"analysis": {"metrics": [{"name": "e", "tolerance": 2.0}]}}, "must be below margin"),
        ({"model": {"signature": {"publicKeys": []}, **MODEL}}, "spec.model.signature.publicKeys is empty"),
        (
            {"model": {"signature": {"publicKeys": [PUBLIC_KEY, PUBLIC_KEY.replace("PUBLIC", "PRIVATE")]}, **MODEL}},
            r"spec.model.signature.publicKeys\[1\] must be a public key in PEM, which begins with -----BEGIN PUBLIC",
        ),
        ({"model": {"signature": {"publicKeys": [PUBLIC_KEY]}, "digest": "d"}}, "missing required field `format`"),
        ({"model": {"uri": 7}}, "spec.model.uri: Expected `str`, got `int`"),
        ({"route": None}, "spec.route: Expected `object`, got `null`"),
    ],
)
def test_a_spec_that_makes_no_sense_is_refused_with_a_sentence(change: dict[str, Any], words: str) -> None:
    world = FakeWorld()
    metadata = {"name": "fraud", "namespace": "ns", "uid": "u"}
    with pytest.raises(InvalidSpec, match=words):
        parse({"metadata": metadata, "spec": {**world.spec, **change}})


def test_an_edit_of_what_an_inference_service_serves_is_seen(deployment: ModelDeployment) -> None:
    body = built(deployment)
    assert read_workload(body, [], body).as_built
    model = body["spec"]["predictor"]["model"]
    edited = {**body, "spec": {"predictor": {"model": {**model, "storageUri": "s3://elsewhere/"}}}}
    assert not read_workload(edited, [], body).as_built


def test_a_name_that_leaves_no_room_for_services_is_refused() -> None:
    world = FakeWorld()
    with pytest.raises(InvalidSpec, match="longer than 39 characters"):
        parse({"metadata": {"name": "f" * 40, "namespace": "ns", "uid": "u"}, "spec": world.spec})


def test_a_deployment_without_a_model_says_so_when_it_is_asked_for_it() -> None:
    world = FakeWorld()
    del world.spec["model"]
    assert world.deployment.revision is None
    with pytest.raises(ValueError, match="ns/fraud names no model yet"):
        _ = world.deployment.model


def blocked(reason: str, message: str = "") -> dict[str, Any]:
    body = service(
        modelStatus={
            "transitionStatus": "BlockedByFailedLoad",
            "lastFailureInfo": {"reason": reason, "message": message},
        }
    )
    body["spec"]["predictor"]["model"] = {"modelFormat": {"name": "sklearn", "version": "9"}}
    return body


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (blocked("ModelLoadFailed", "no space left\n"), "no space left"),
        (blocked("ModelLoadFailed"), "KServe gives no message"),
        (blocked("NoSupportingRuntime"), "no serving runtime of the cluster supports the format sklearn 9"),
    ],
)
def test_without_pods_the_summary_of_kserve_is_the_reason(body: dict[str, Any], message: str) -> None:
    failure = read_workload(body, []).failure
    assert failure is not None
    assert (failure.message, failure.final) == (message, False)


def test_a_summary_of_kserve_about_a_model_that_serves_is_history() -> None:
    assert read_workload(blocked("ModelLoadFailed", "once"), [pod(ready=True)]).failure is None


# As KServe 0.20 says it where KEDA is not installed.
NO_KEDA = (
    "fails to reconcile predictor: failed to get existing KEDA autoscaler: "
    'no matches for kind "ScaledObject" in version "keda.sh/v1alpha1"'
)


@pytest.mark.parametrize("text", [NO_KEDA, ""])
@pytest.mark.parametrize("ready", [True, False])
def test_what_kserve_could_not_make_is_a_reason_beside_pods_that_are_ready(text: str, ready: bool) -> None:
    body = service(
        conditions=[{"type": "PredictorReady", "status": "False", "reason": "ReconcileFailed", "message": text}]
    )
    failure = read_workload(body, [pod(ready=ready)]).failure
    assert failure == Failure(reason="ReconcileFailed", message=text or "KServe gives no message", final=False)


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing"])
def test_a_container_that_is_being_started_has_not_failed(reason: str) -> None:
    starting = {"name": "c", "restartCount": 0, "state": {"waiting": {"reason": reason}}}
    assert read_workload(service(), [pod(containerStatuses=[starting])]).failure is None


def test_a_name_that_is_too_long_together_with_its_namespace_is_refused_with_both() -> None:
    world = FakeWorld()
    metadata = {"name": "f" * 30, "namespace": "n" * 14, "uid": "u"}
    with pytest.raises(InvalidSpec, match="have 44 characters together, and KServe can make a host name of 43 at most"):
        parse({"metadata": metadata, "spec": world.spec})


def test_what_the_spec_as_a_whole_lacks_is_said_of_the_spec() -> None:
    body = {"metadata": {"namespace": "ns", "name": "fraud", "uid": "u"}, "spec": {}}
    with pytest.raises(InvalidSpec, match=r"^spec: Object missing required field `route`$"):
        parse(body)
