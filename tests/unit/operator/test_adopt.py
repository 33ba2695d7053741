"""An InferenceService of somebody else becomes the stable model: what is read of it, and that it is never written."""

import copy
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from support.fake_world import FakeWorld
from support.pods import pod_of
from timoneiro_operator.api.deployment import ModelDeployment, revision_of
from timoneiro_operator.api.invalid_spec import InvalidSpec
from timoneiro_operator.api.names import ANNOTATION_RUNTIME, ENV_MODEL_DIGEST
from timoneiro_operator.api.spec import Model, ModelFormat, Predictor, Signature
from timoneiro_operator.api.status import Stable, Status
from timoneiro_operator.api.times import moment
from timoneiro_operator.decide.decide import decide
from timoneiro_operator.decide.decision import Decision
from timoneiro_operator.decide.events import events_between
from timoneiro_operator.decide.lifecycle import wanted_snapshot
from timoneiro_operator.decide.observation import Failure, Impairment, Routing, Workload
from timoneiro_operator.decide.reasons import silence
from timoneiro_operator.drivers.driver import Apply, Children, children_of
from timoneiro_operator.drivers.gateway import GatewayDriver
from timoneiro_operator.serving.adopted import (
    Adopted,
    adopted_workload,
    adoption_of,
    model_name,
    served_by,
    why_not,
    why_not_yet,
)
from timoneiro_operator.serving.inference_service import build_inference_service
from timoneiro_operator.targets.arms import arm_targets
from timoneiro_operator.traffic.gateway import build_route, differs, read_route

GATEWAY = GatewayDriver()
READY = {"conditions": [{"type": "Ready", "status": "True"}], "podIP": "10.0.0.1", "containerStatuses": []}


def service(name: str = "fraud", *, predictor: dict[str, Any] | None = None, **model: Any) -> dict[str, Any]:
    """An InferenceService as KServe's webhooks leave it."""
    made = {
        "modelFormat": {"name": "sklearn"},
        "name": "",
        "protocolVersion": "v1",
        "resources": {"requests": {"cpu": "1"}},
        "storageUri": "s3://models/fraud/1",
        **model,
    }
    return {
        "metadata": {"name": name, "namespace": "ns", "uid": "theirs", "resourceVersion": "5"},
        "spec": {"predictor": {"model": made, "minReplicas": 2, **(predictor or {})}},
        "status": {
            "deploymentMode": "Standard",
            "clusterServingRuntimeName": "kserve-sklearnserver",
            "url": "http://fraud-ns.example.com",
            "components": {"predictor": {"url": "http://fraud-predictor-ns.example.com"}},
            "conditions": [{"type": "PredictorReady", "status": "True"}],
        },
    }


def runtime(name: str = "kserve-sklearnserver", **annotations: str) -> dict[str, Any]:
    spec = {"supportedModelFormats": [{"name": "sklearn"}], "containers": [{"name": "kserve-container"}]}
    return {"metadata": {"name": name, "annotations": annotations}, "spec": spec}


def pods(name: str = "fraud") -> list[dict[str, Any]]:
    return [pod_of(f"{name}-predictor", name="p", **READY)]


def deployment(status: Status | None = None, **spec: Any) -> ModelDeployment:
    world = FakeWorld(status=status or Status())
    world.spec |= {"adopt": "fraud", **spec}
    return world.deployment


def adopted(body: dict[str, Any] | None = None) -> Adopted:
    found = adoption_of(deployment(), body or service(), pods(), runtime())
    assert isinstance(found, Adopted)
    return found


class TestWhatItServes:
    def test_it_is_said_in_the_words_of_a_model_deployment(self) -> None:
        env = [{"name": "A", "value": "1"}, {"name": ENV_MODEL_DIGEST, "value": "sha256:1"}]
        body = service(
            args=["--model_name=fraud", "--workers=2", "--model_name", "fraud", "--x"],
            env=env,
            predictor={"serviceAccountName": "models", "nodeSelector": {}, "volumes": [{"name": "v"}]},
        )
        body["metadata"]["annotations"] = {"timoneiro.dev/model-version": "7"}
        served = served_by(body, None)
        assert served.model == Model(
            format=ModelFormat(name="sklearn"), uri="s3://models/fraud/1", digest="sha256:1", version="7"
        )
        assert served.predictor == Predictor(
            min_replicas=2,
            runtime="kserve-sklearnserver",
            args=("--workers=2", "--x"),
            env=({"name": "A", "value": "1"},),
            resources={"requests": {"cpu": "1"}},
            protocol_version="v1",
            service_account_name="models",
            volumes=({"name": "v"},),
        )
        assert served.left_out == ()

    def test_the_keys_that_its_server_demands_are_those_of_the_model(self) -> None:
        served = served_by(service(args=[f"--model_public_key={key}" for key in ("a", "b")] + ["--x"]), None)
        assert (served.model.signature, served.predictor.args) == (Signature(public_keys=("a", "b")), ("--x",))

    def test_what_a_model_deployment_has_no_words_for_is_named(self) -> None:
        more = {"deploymentStrategy": {"type": "Recreate"}, "maxReplicas": 2}
        body = service(lifecycle={"preStop": {}}, predictor=more)
        assert served_by(body, None).left_out == ("deploymentStrategy", "model.lifecycle")

    def test_an_autoscaler_is_taken_over_for_the_next_model_where_it_has_a_choice(self) -> None:
        choice = {"scaleTarget": 50, "scaleMetric": "cpu"}
        predictor = served_by(service(predictor={**choice, "maxReplicas": 10}), None).predictor
        assert (predictor.min_replicas, predictor.max_replicas, predictor.scale_target) == (2, 10, 50)
        predictor = served_by(service(predictor=choice), None).predictor
        assert (predictor.min_replicas, predictor.max_replicas, predictor.scale_target) == (2, None, None)

    def test_a_runtime_that_is_the_copy_of_a_revision_is_named_after_its_original(self) -> None:
        copied = runtime("fraud-1234abcd", **{ANNOTATION_RUNTIME: "shared"})
        assert served_by(service(runtime="fraud-1234abcd"), copied).predictor.runtime == "shared"

    @pytest.mark.parametrize(
        ("model", "name"),
        [
            ({}, "fraud"),
            ({"args": ["--model_name=a"]}, "a"),
            ({"args": ["--model_name", "b"]}, "b"),
            ({"env": [{"name": "MLSERVER_MODEL_NAME", "value": "c"}]}, "c"),
        ],
    )
    def test_its_model_has_the_name_that_kserve_gives_it(self, model: dict[str, Any], name: str) -> None:
        assert model_name(service(**model)) == name


def _with(**parts: Any) -> dict[str, Any]:
    body = service()
    for part, value in parts.items():
        body[part] = {**body[part], **value}
    return body


class TestWhatCannotBeAdopted:
    @pytest.mark.parametrize(
        ("body", "words"),
        [
            (_with(metadata={"ownerReferences": [{"kind": "Graph", "name": "g", "controller": True}]}), "Graph g"),
            (_with(metadata={"deletionTimestamp": "2026-11-26T10:00:00Z"}), "being deleted"),
            (_with(status={"deploymentMode": "Knative"}), "deployment mode is Knative"),
            (_with(metadata={"annotations": {"serving.kserve.io/stop": "true"}}), "stopped"),
            (_with(spec={"explainer": {"containers": []}}), "spec.explainer"),
            (_with(spec={"canary": [{"trafficPercent": 5}]}), "spec.canary"),
            (_with(spec={"predictor": {"containers": [{"name": "kserve-container"}]}}), "no spec.predictor.model"),
            (service(predictor={"workerSpec": {"size": 2}}), "workerSpec"),
            (service(predictor={"name": "v1"}), "or a name"),
            (service(args=["--model_name=other"]), "call the ModelDeployment 'other'"),
        ],
    )
    def test_the_reason_is_named(self, body: dict[str, Any], words: str) -> None:
        assert words in (why_not(body, name="fraud") or "")

    @pytest.mark.parametrize("host", ["fraud-ns.example.com", "fraud-predictor-ns.example.com"])
    def test_a_host_name_that_kserve_routes_itself_is_not_ours_to_take(self, host: str) -> None:
        assert host in (why_not(service(), name="fraud", hostnames=[host]) or "")

    def test_a_plain_one_can_be(self) -> None:
        assert why_not(service(), name="fraud", hostnames=["fraud.example.com"]) is None
        assert why_not_yet(service(), pods()) is None

    def test_the_old_name_of_the_mode_is_no_reason(self) -> None:
        body = _with(status={"deploymentMode": None}, metadata={"annotations": {}})
        body["metadata"]["annotations"] = {"serving.kserve.io/deploymentMode": "RawDeployment"}
        assert why_not(body, name="fraud") is None

    def test_without_a_ready_pod_it_waits(self) -> None:
        assert "none of its pods is ready" in (why_not_yet(service(), [pod_of("fraud-predictor")]) or "")

    def test_pods_of_two_templates_are_two_models(self) -> None:
        other = pod_of("fraud-predictor", name="q")
        other["metadata"]["labels"]["pod-template-hash"] = "new"
        other["metadata"]["ownerReferences"][0]["name"] = "fraud-predictor-new"
        assert "being replaced" in (why_not_yet(service(), [*pods(), other]) or "")

    @pytest.mark.parametrize(
        ("body", "words"), [(None, "does not exist"), (service(args=["--model_name=b"]), "answers to 'b'")]
    )
    def test_the_operator_says_so(self, body: dict[str, Any] | None, words: str) -> None:
        found = adoption_of(deployment(), body, pods(), None)
        assert isinstance(found, str)
        assert found.startswith("InferenceService fraud cannot be adopted: ")
        assert words in found

    def test_nothing_is_adopted_with_driver_knative(self) -> None:
        with pytest.raises(InvalidSpec, match="driver Gateway"):
            deployment(route={"driver": "Knative"})

    def test_only_a_name_can_be_adopted(self) -> None:
        with pytest.raises(InvalidSpec, match="not the name of an InferenceService"):
            deployment(adopt="../x")


class TestRevision:
    def test_it_is_the_one_that_the_spec_makes_which_says_the_same(self) -> None:
        snapshot = adopted().snapshot
        assert snapshot.runtime is not None
        assert snapshot.runtime.name == "kserve-sklearnserver"
        assert snapshot.revision == revision_of(snapshot.model, snapshot.predictor, snapshot.runtime.digest)
        assert snapshot.adopted == "fraud"

    def test_it_needs_no_runtime_that_can_be_read(self) -> None:
        found = adoption_of(deployment(), service(), pods(), None)
        assert isinstance(found, Adopted)
        assert found.snapshot.runtime is None
        assert found.snapshot.revision == revision_of(found.snapshot.model, found.snapshot.predictor)


class TestWorkload:
    def test_its_replicas_are_those_that_somebody_else_has_chosen(self) -> None:
        workload = adopted_workload(adopted())
        assert (workload.ready_replicas, workload.replicas, workload.serving) == (1, 1, True)
        assert (workload.as_built, workload.pinned, workload.strayed) == (True, True, None)
        assert workload.runtime == "kserve-sklearnserver"

    def test_one_that_is_gone_is_no_reason_to_make_another(self) -> None:
        workload = adopted_workload(adopted()._replace(body=None))
        assert workload.failure is not None
        assert "no longer exists" in workload.failure.message
        assert not workload.serving

    @pytest.mark.parametrize(
        "body", [service(storageUri="s3://models/fraud/2"), {**service(), "spec": {"predictor": {}}}]
    )
    def test_an_edit_of_it_is_told_and_so_is_how_to_go_on(self, body: dict[str, Any]) -> None:
        workload = adopted_workload(adopted()._replace(body=body))
        assert "was edited" in (workload.strayed or "")
        assert workload.failure is not None
        assert workload.failure.final

    def test_another_choice_of_its_autoscaler_is_no_edit(self) -> None:
        before = service(predictor={"maxReplicas": 10, "scaleTarget": 50})
        after = service(predictor={"maxReplicas": 2, "scaleTarget": 80})
        found = adoption_of(deployment(adopt="fraud"), before, pods(), runtime())
        assert isinstance(found, Adopted)
        assert adopted_workload(found._replace(body=after)).strayed is None

    def test_other_replicas_are_no_edit(self) -> None:
        body = service(predictor={"minReplicas": 5})
        assert adopted_workload(adopted()._replace(body=body)).strayed is None


def serving(found: Adopted) -> ModelDeployment:
    """It is the stable model."""
    snapshot = found.snapshot
    stable = Stable(revision=snapshot.revision, inference_service="fraud", uri=snapshot.model.uri, ready=True)
    return deployment(Status(stable=stable, revisions=(snapshot,)))


class TestInTheCluster:
    def test_it_is_found_by_its_name_and_its_pods_count(self) -> None:
        found = adopted()
        children = children_of([], [], adopted=[found])
        assert GATEWAY.workloads(serving(found), children)[found.snapshot.revision].ready_replicas == 1
        arm = arm_targets(serving(found), children, found.snapshot.revision)
        assert (arm.inference_service, arm.workload, len(arm.pods)) == ("fraud", "fraud-predictor", 1)
        assert arm.profile.name == "KServe Python"

    def test_one_that_was_released_is_not_taken_for_one_of_ours(self) -> None:
        found = adopted()
        body = copy.deepcopy(service())
        body["metadata"]["labels"] = {"timoneiro.dev/revision": "before"}
        assert children_of([body], [], adopted=[found]).services == {}

    def test_its_runtime_is_named_where_the_status_does_not_say_it(self) -> None:
        found = adopted()
        bare = found._replace(snapshot=msgspec.structs.replace(found.snapshot, runtime=None))
        children = children_of([], [], adopted=[bare])
        assert arm_targets(serving(bare), children, bare.snapshot.revision).profile.name == "KServe Python"

    def test_the_route_sends_requests_to_its_service_beside_the_route_of_kserve(self) -> None:
        found = adopted()
        md, routing = serving(found), Routing(weights={found.snapshot.revision: 100})
        built = build_route(md, routing)
        assert built["metadata"]["name"] == "fraud-rollout"
        assert built["spec"]["rules"][0]["backendRefs"][0]["name"] == "fraud-predictor"
        state = read_route(md, built)
        assert state is not None
        assert state.routing == routing

    def test_a_route_that_is_there_keeps_its_name_and_gets_its_owner_back(self) -> None:
        found = adopted()
        md, routing = serving(found), Routing(weights={found.snapshot.revision: 100})
        live = build_route(deployment(md.status, adopt="another"), routing)
        assert live["metadata"]["name"] == "fraud"
        assert not differs(md, routing, live)
        live["metadata"]["ownerReferences"] = []
        assert differs(md, routing, live)
        assert build_route(md, routing, live)["metadata"]["name"] == "fraud"

    def test_no_route_of_others_is_ever_overwritten(self) -> None:
        found = adopted()
        md = serving(found)
        decision = Decision(status=md.status, routing=Routing(weights={found.snapshot.revision: 100}))
        (write,) = GATEWAY.writes(md, decision, Children(services={}, pods={}))
        assert isinstance(write, Apply)
        assert write.first


class TestReleased:
    def test_what_was_released_gets_its_owner_back_when_its_deployment_is_made_again(self) -> None:
        world = FakeWorld()
        snapshot = wanted_snapshot(world.deployment, world.wanted())
        world.status = Status(revisions=(snapshot,))
        body = build_inference_service(world.deployment, snapshot)
        children = children_of([body], [])
        assert GATEWAY.workloads(world.deployment, children)[snapshot.revision].pinned
        body["metadata"]["ownerReferences"] = []
        assert not GATEWAY.workloads(world.deployment, children)[snapshot.revision].pinned


class TestDecisions:
    def test_it_is_the_stable_model_at_once_and_no_rollout_begins(self) -> None:
        world = FakeWorld()
        revision = world.adopting()
        assert world.trace(1, 4) == ["Pending - 1:100 1 -", "Healthy - 1:100 1 -"]
        assert world.status.stable is not None
        assert (world.status.stable.revision, world.status.stable.inference_service) == (revision, "old")
        assert [entry.outcome for entry in world.status.history] == ["Adopted"]

    def test_a_spec_that_says_something_else_is_rolled_out_beside_it(self) -> None:
        world = FakeWorld()
        world.adopting()
        world.model(2)
        world.tick()
        assert world.status.candidate is None
        world.until("Healthy - 2:100", seconds=10)
        assert [entry.outcome for entry in world.status.history] == ["Adopted", "Promoted"]

    def test_it_needs_no_model_in_the_spec(self) -> None:
        world = FakeWorld()
        world.adopting()
        del world.spec["model"]
        assert world.trace(1, 3)[-1] == "Healthy - 1:100 1 -"

    def test_while_it_cannot_be_adopted_nothing_is_made_and_it_is_looked_at_again(self) -> None:
        world = FakeWorld()
        world.spec["adopt"] = "old"
        decision = world.tick()
        assert (world.status.phase, world.status.message) == ("Pending", "it does not exist")
        assert (decision.ensure, decision.routing.weights, decision.look_again) == ((), {}, 10.0)

    def test_while_nothing_may_go_forward_nothing_is_adopted(self) -> None:
        world = FakeWorld()
        world.adopting()
        held = Impairment(reason="CRDOutdated", message="the CRD is too old", holds=True)
        status = decide(world.deployment, replace(world.observe(), impaired=held), moment(world.now)).status
        assert (status.stable, status.phase, status.message) == (None, "Pending", "the CRD is too old")

    def test_what_has_no_label_is_looked_at_now_and_then(self) -> None:
        world = FakeWorld()
        world.adopting()
        world.settle()
        assert world.tick().look_again == 30.0

    def test_after_a_promotion_it_stands_and_is_not_looked_after_any_more(self) -> None:
        world = FakeWorld()
        revision = world.adopting()
        world.settle()
        world.model(2)
        world.until("Healthy - 2:100", seconds=10)
        world.tick(3600)
        world.settle()
        assert (world.status.retiring, world.deleted) == ((), [])
        assert revision in world.services
        assert world.deployment.adopted(revision) == "old"

    def test_a_rollback_goes_to_the_one_that_is_still_there(self) -> None:
        world = FakeWorld()
        revision = world.adopting()
        world.settle()
        world.model(2)
        world.until("Healthy - 2:100", seconds=10)
        world.ask("rollback", to=revision)
        assert world.status.candidate is not None
        assert world.status.candidate.inference_service == "old"
        world.until("RolledBack - 1:100")

    def test_a_rollback_to_it_waits_for_no_replicas_that_nobody_will_make(self) -> None:
        world = FakeWorld()
        revision = world.adopting()
        world.settle()
        world.model(2)
        world.spec["predictor"] = {"minReplicas": 3}
        world.until("Healthy - 2:100", seconds=10)
        world.ask("rollback", to=revision)
        world.until("RolledBack - 1:100")

    def test_wanted_again_after_its_end_it_is_made_anew(self) -> None:
        world = FakeWorld()
        revision = world.adopting()
        world.settle()
        world.model(2)
        world.until("Healthy - 2:100", seconds=10)
        del world.services[revision]
        world.model(1)
        world.tick()
        assert world.status.candidate is not None
        assert world.status.candidate.inference_service == f"fraud-{revision}"
        assert world.deployment.adopted(revision) is None

    def test_one_that_was_deleted_is_said_and_not_made_again(self) -> None:
        world = FakeWorld()
        revision = world.adopting()
        world.settle()
        gone = Failure(reason="InferenceServiceGone", message="it was deleted", final=True)
        world.services[revision] = Workload(failure=gone)
        decision = world.tick()
        assert (decision.status.phase, decision.ensure, decision.status.restored) == ("Degraded", (), None)
        assert "it was deleted" in decision.status.message

    @pytest.mark.parametrize("rolling", [False, True])
    def test_one_that_could_not_be_read_is_neither_made_again_nor_called_deleted(self, rolling: bool) -> None:
        world = FakeWorld()
        revision = world.adopting()
        world.settle()
        if rolling:
            world.model(2)
            world.until("Progressing 1/2")
        del world.services[revision]
        decision = world.tick()
        assert (decision.ensure, decision.status.restored) == ((), None)

    def test_until_the_gateway_has_accepted_its_route_it_is_pending(self) -> None:
        world = FakeWorld(gateway_accepts=False)
        world.adopting()
        assert world.trace(1, 4) == ["Pending - 1:100 1 -"]
        assert "waiting for the gateway" in world.status.message

    def test_an_edit_of_it_is_said_and_holds_a_rollout(self) -> None:
        world = FakeWorld()
        revision = world.adopting()
        world.settle()
        strayed = Workload(ready_replicas=1, routable=True, strayed="somebody has edited it")
        world.services[revision] = strayed
        world.tick()
        assert (world.status.phase, world.status.message) == ("Degraded", "somebody has edited it")
        ready = next(c for c in world.status.conditions if c.type == "Ready")
        assert (ready.status, ready.reason) == ("False", "AdoptedEdited")
        world.services[revision] = Workload(ready_replicas=1, routable=True)
        world.model(2)
        world.until("Progressing 1/2")
        world.services[revision] = strayed
        world.tick(1)
        assert (world.status.phase, world.status.message) == ("Holding", "the weight is frozen: somebody has edited it")

    def test_what_it_answers_while_it_is_something_else_is_no_evidence_for_the_candidate(self) -> None:
        world = FakeWorld(rate={"s3://models/fraud/1": 0.3, "s3://models/fraud/2": 0.1})
        revision = world.adopting()
        world.settle()
        world.model(2)
        world.until("Progressing 1/2")

        def counted() -> int:
            analysis = world.status.analysis
            return sum(metric.candidate.requests for metric in analysis.metrics) if analysis is not None else 0

        for strayed in ("somebody has edited it", None):
            world.services[revision] = Workload(ready_replicas=1, routable=True, strayed=strayed)
            before = counted()
            world.trace(10, 5)
            assert (counted() == before) is (strayed is not None)

    def test_requests_past_the_route_are_neither_a_mismatch_nor_silence(self) -> None:
        world = FakeWorld()
        revision = world.adopting()
        world.settle()
        new = world.model(2)
        world.until("Progressing 1/2")
        world.realised = {revision: 400, new: 10}
        for _ in range(5):
            world.tick(10)
        assert world.status.phase == "Progressing", world.status.message
        available = next(c for c in world.status.conditions if c.type == "MetricsAvailable")
        assert "past the route" in available.message
        assert world.status.analysis is not None
        share = world.status.analysis.share
        assert share is not None
        quiet = msgspec.structs.replace(share, begun=False, candidate=0, answered=0, stable_answered=100_000)
        analysis = msgspec.structs.replace(world.status.analysis, share=quiet)
        status = msgspec.structs.replace(world.status, analysis=analysis)
        assert silence(status, moment(world.now + 3600)) is None
        known = tuple(msgspec.structs.replace(snapshot, adopted=None) for snapshot in status.revisions)
        assert silence(msgspec.structs.replace(status, revisions=known), moment(world.now + 3600)) is not None

    def test_its_event_says_what_it_was(self) -> None:
        world = FakeWorld()
        world.adopting()
        world.tick()
        (event,) = events_between(Status(), world.status)
        assert (event.kind, event.reason) == ("Normal", "Adopted")
        assert "InferenceService old" in event.message
