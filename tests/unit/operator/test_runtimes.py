"""The serving runtime of a model: which one it is, that each revision keeps its own, and what a change of it means."""

import copy
import dataclasses
from typing import Any

import msgspec
import pytest
import yaml

from demo.platform import ROOT
from support.fake_world import FakeWorld
from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.runtime import OWN_FORMATS, Runtime, signature_problem
from timoneiro_operator.api.spec import Signature
from timoneiro_operator.api.status import Snapshot, Status
from timoneiro_operator.decide.events import events_between
from timoneiro_operator.drivers.driver import Apply, Children, Remove, children_of
from timoneiro_operator.drivers.gateway import GatewayDriver
from timoneiro_operator.drivers.runtimes import runtime_names
from timoneiro_operator.serving.inference_service import build_inference_service
from timoneiro_operator.serving.runtime import build_runtime, read_runtime

OWN = "timoneiro-serving-runtime"
GATEWAY = GatewayDriver()


def source(name: str = OWN, *, image: str = "server:1", annotations: dict[str, str] | None = None) -> dict[str, Any]:
    """A ClusterServingRuntime as the cluster has it."""
    formats = [{"name": "sklearn", "version": "1", "autoSelect": True, "priority": 2}]
    spec = {"supportedModelFormats": formats, "containers": [{"name": "kserve-container", "image": image}]}
    return {"metadata": {"name": name, "annotations": annotations or {}}, "spec": spec}


class World(FakeWorld):
    """With serving runtimes; None of them is known to what was made before they are read."""

    own: str | None = OWN
    runtimes: dict[str, Runtime] = {}  # noqa: RUF012 (replaced, never changed)

    @property
    def deployment(self) -> ModelDeployment:
        plain = super().deployment
        return msgspec.structs.replace(plain, own_runtime=self.own, runtimes=self.runtimes)

    def install(self, body: dict[str, Any]) -> "World":
        runtime = read_runtime(body)
        self.runtimes = {**self.runtimes, runtime.name: runtime}
        return self

    def stable(self) -> Snapshot:
        assert self.status.stable is not None
        return next(known for known in self.status.revisions if known.revision == self.status.stable.revision)


def asking_for(format_: dict[str, Any], predictor: dict[str, Any]) -> World:
    world = World()
    world.spec["model"]["format"] = format_
    world.spec["predictor"] = predictor
    return world


@pytest.mark.parametrize(
    ("format_", "predictor", "own", "words"),
    [
        ({"name": "sklearn", "version": "1"}, {}, OWN, None),
        ({"name": "xgboost", "version": "1"}, {"runtime": OWN}, OWN, None),
        ({"name": "sklearn", "version": "1"}, {}, None, "it is not installed in this cluster"),
        ({"name": "sklearn", "version": "1"}, {"runtime": OWN}, None, "it is not installed in this cluster"),
        ({"name": "sklearn"}, {"runtime": "theirs"}, OWN, "leave out spec.predictor.runtime theirs, or the signature"),
        ({"name": "xgboost", "version": "2"}, {}, OWN, "it serves the formats sklearn 1 and onnx 1, and not xgboost 2"),
        ({"name": "xgboost"}, {}, OWN, "it serves the formats sklearn 1 and onnx 1, and not xgboost"),
    ],
)
def test_a_signature_is_demanded_of_our_own_model_server_only(
    format_: dict[str, Any], predictor: dict[str, Any], own: str | None, words: str | None
) -> None:
    deployment = asking_for(format_, predictor).deployment
    signed = msgspec.structs.replace(deployment.model, signature=Signature(public_keys=("key",)))
    assert signature_problem(deployment.model, deployment.spec.predictor, own) is None
    problem = signature_problem(signed, deployment.spec.predictor, own)
    assert problem is None if words is None else words in (problem or "")


@pytest.mark.parametrize(
    ("format_", "predictor", "own", "runtime"),
    [
        ({"name": "sklearn", "version": "1"}, {}, OWN, OWN),
        ({"name": "onnx"}, {}, OWN, OWN),
        ({"name": "sklearn", "version": "0"}, {}, OWN, None),
        ({"name": "xgboost", "version": "1"}, {}, OWN, None),
        ({"name": "sklearn", "version": "1"}, {}, None, None),
        ({"name": "sklearn", "version": "1"}, {"runtime": "theirs"}, OWN, "theirs"),
        ({"name": "xgboost"}, {"runtime": "theirs"}, None, "theirs"),
    ],
)
def test_an_inference_service_names_its_runtime_and_kserve_selects_one_only_where_nothing_is_ours(
    format_: dict[str, Any], predictor: dict[str, Any], own: str | None, runtime: str | None
) -> None:
    world = asking_for(format_, predictor)
    world.own = own
    (snapshot,) = world.decide().ensure
    built = build_inference_service(world.deployment, snapshot)
    assert built["spec"]["predictor"]["model"].get("runtime") == runtime


def test_the_runtime_of_the_chart_loads_what_the_operator_thinks_and_is_selected_for_nobody() -> None:
    runtime = yaml.safe_load((ROOT / "manifests/operator/servingruntime.yaml").read_text())
    formats = runtime["spec"]["supportedModelFormats"]
    assert {entry["name"]: entry["version"] for entry in formats} == OWN_FORMATS
    assert not any(entry["autoSelect"] for entry in formats)


def test_the_operator_is_told_the_name_of_the_runtime_that_is_installed() -> None:
    runtime = yaml.safe_load((ROOT / "manifests/operator/servingruntime.yaml").read_text())
    operator = yaml.safe_load((ROOT / "manifests/operator/deployment.yaml").read_text())
    arguments = operator["spec"]["template"]["spec"]["containers"][0]["args"]
    assert f"--serving-runtime={runtime['metadata']['name']}" in arguments


class TestACopy:
    """Each revision is served by a runtime of its own, which is what the one in the cluster was when it began."""

    def world(self, body: dict[str, Any] | None = None) -> World:
        world = World().install(body or source())
        world.healthy()
        return world

    def test_it_is_named_by_the_inference_service_and_written_before_it(self) -> None:
        world = World().install(source())
        decision = world.decide()
        (write,) = GATEWAY.writes(world.deployment, decision, Children(services={}, pods={}))
        assert isinstance(write, Apply)
        assert write.before is not None
        assert write.before["metadata"]["name"] == write.body["spec"]["predictor"]["model"]["runtime"]
        assert write.before["spec"]["containers"] == source()["spec"]["containers"]

    def test_it_is_selected_for_nobody_else(self) -> None:
        built = build_runtime(self.world().deployment, self.world().stable())
        assert built is not None
        assert built["spec"]["supportedModelFormats"] == [{"name": "sklearn", "version": "1", "autoSelect": False}]

    @pytest.mark.parametrize(
        ("name", "annotations", "server"),
        [
            ("kserve-mlserver", {}, "mlserver"),
            ("mine", {"serving.kserve.io/server-type": "tritonserver"}, "tritonserver"),
            ("mine", {}, None),
        ],
    )
    def test_what_kserve_knows_a_server_by_goes_with_it(
        self, name: str, annotations: dict[str, str], server: str | None
    ) -> None:
        world = World()
        world.spec["predictor"] = {"runtime": name}
        world.install(source(name, annotations=annotations)).healthy()
        built = build_runtime(world.deployment, world.stable())
        assert built is not None
        assert built["metadata"]["annotations"].get("serving.kserve.io/server-type") == server

    @pytest.mark.parametrize("edit", ["autoSelect", "priority"])
    def test_whom_a_runtime_is_selected_for_makes_no_other_revision(self, edit: str) -> None:
        world, body = self.world(), source()
        body["spec"]["supportedModelFormats"][0].pop(edit)
        before = world.wanted()
        assert world.install(body).wanted() == before

    def test_it_goes_when_nothing_names_it_any_more_and_not_before(self) -> None:
        world = self.world()
        deployment, stable = world.deployment, world.stable()
        kept, old = build_runtime(deployment, stable), build_runtime(deployment, _renamed(stable, "0ld"))
        named = build_runtime(deployment, _renamed(stable, "named"))
        service = build_inference_service(deployment, _renamed(stable, "named"))
        assert kept and old and named
        children = children_of([service], [], runtimes=[kept, old, named])
        removed = [w for w in GATEWAY.writes(deployment, world.decide(), children) if isinstance(w, Remove)]
        assert removed == [Remove(kind="ServingRuntime", name=old["metadata"]["name"])]

    @pytest.mark.parametrize("edit", ["the runtime", "its name", "nothing"])
    def test_an_edit_of_it_is_an_edit_of_what_is_served(self, edit: str) -> None:
        world = self.world()
        deployment, stable = world.deployment, world.stable()
        service, runtime = build_inference_service(deployment, stable), build_runtime(deployment, stable)
        assert runtime is not None
        if edit == "the runtime":
            runtime = copy.deepcopy(runtime)
            runtime["spec"]["containers"][0]["image"] = "server:9"
        if edit == "its name":
            service["spec"]["predictor"]["model"]["runtime"] = "another"
        seen = GATEWAY.workloads(deployment, children_of([service], [], runtimes=[runtime]))
        assert seen[stable.revision].as_built is (edit == "nothing")
        assert seen[stable.revision].pinned is (edit != "its name")


def _renamed(snapshot: Snapshot, revision: str) -> Snapshot:
    return msgspec.structs.replace(snapshot, revision=revision)


class TestAChangeOfTheRuntime:
    @pytest.fixture
    def world(self) -> World:
        world = World().install(source())
        world.healthy()
        return world

    def test_leaves_what_serves_as_it_is(self, world: World) -> None:
        before = world.stable()
        decision = world.install(source(image="server:2")).tick()
        assert world.stable() == before
        assert before.revision not in {snapshot.revision for snapshot in decision.ensure}

    def test_is_rolled_out_in_steps_and_judged(self, world: World) -> None:
        world.install(source(image="server:2"))
        world.until("Progressing 1/2")
        world.until("Progressing 2/2")
        world.until("Healthy")
        runtime = world.stable().runtime
        assert runtime is not None
        assert runtime.spec is not None
        assert runtime.spec["containers"][0]["image"] == "server:2"

    def test_is_rolled_back_when_it_does_harm_and_not_tried_again(self, world: World) -> None:
        before = world.stable()
        world.install(source(image="server:2"))
        world.rate = {"s3://models/fraud/1": 0.01}
        world.until("Progressing 1/2")
        candidate = world.status.candidate
        assert candidate is not None
        world.uris[candidate.revision] = "s3://models/bad/1"
        world.rate["s3://models/bad/1"] = 0.5
        world.until("RolledBack")
        world.settle()
        assert (world.stable(), world.status.candidate) == (before, None)

    def test_is_said(self, world: World) -> None:
        before = world.status
        world.install(source(image="server:2")).tick()
        words = [event.message for event in events_between(before, world.status) if event.reason == "RolloutStarted"]
        assert words == [f"version 1 ({world.wanted()}) is the candidate: the serving runtime {OWN} has changed"]

    def test_that_is_rolled_back_brings_the_revision_back_that_was_there(self, world: World) -> None:
        before = world.stable().revision
        world.install(source(image="server:2"))
        world.until("Healthy")
        assert world.install(source()).wanted() == before

    def test_in_mid_rollout_is_the_next_candidate(self, world: World) -> None:
        world.install(source(image="server:2"))
        world.until("Progressing 1/2")
        world.install(source(image="server:3")).tick()
        assert [entry.outcome for entry in world.status.history] == ["Promoted", "Superseded"]
        assert world.status.candidate is not None
        assert world.status.candidate.revision == world.wanted()

    def test_of_another_team_is_treated_alike(self) -> None:
        world = World()
        world.spec["predictor"] = {"runtime": "theirs"}
        world.install(source("theirs")).healthy()
        before = world.stable().revision
        assert world.install(source("theirs", image="server:2")).wanted() != before

    def test_waits_for_the_next_revision_where_the_spec_says_so(self, world: World) -> None:
        world.spec["rollout"]["onRuntimeChange"] = "NextRevision"
        before = world.stable()
        world.install(source(image="server:2")).settle()
        assert (world.stable(), world.status.candidate) == (before, None)
        assert world.status.message.endswith(f"the serving runtime {OWN} has changed, and the next revision gets it")
        world.model(2)
        world.until("Healthy")
        assert world.stable().runtime == world.runtimes[OWN]
        assert world.status.message.endswith("serves all traffic")

    def test_is_nothing_to_a_deployment_that_wants_no_model_any_more(self, world: World) -> None:
        del world.spec["model"]
        world.install(source(image="server:2")).settle()
        assert world.status.message.endswith("serves all traffic")

    def test_that_nobody_uses_is_nobodys_concern(self, world: World) -> None:
        before = world.wanted()
        assert world.install(source("theirs", image="server:9")).wanted() == before

    @pytest.mark.parametrize("publish", [False, True])
    def test_when_it_cannot_be_read_any_more_the_last_known_one_counts_on(self, world: World, publish: bool) -> None:
        runtime = world.stable().runtime
        world.runtimes = {}
        if publish:
            world.model(2)
            world.until("Healthy")
        world.settle()
        assert world.stable().runtime == runtime
        assert len(world.status.history) == 1 + publish


class TestWhatHasNoRuntimeOfItsOwn:
    """An older version, or one that may not read runtimes, has left them to KServe."""

    @pytest.fixture
    def world(self) -> World:
        world = World()
        world.own = None
        world.healthy()
        assert [known.runtime for known in world.status.revisions] == [None]
        world.own = OWN
        world.services = {
            name: dataclasses.replace(service, runtime="timoneiro-serving") for name, service in world.services.items()
        }
        return world

    def test_is_left_alone_while_its_runtime_is_not_known(self, world: World) -> None:
        before = world.status
        decision = world.install(source()).tick()
        assert decision.ensure == ()
        assert msgspec.structs.replace(before, wanted=world.status.wanted) == world.status

    def test_gets_what_its_pods_are_made_of_under_its_old_name(self, world: World) -> None:
        before = world.stable().revision
        world.install(source("timoneiro-serving")).tick()
        stable = world.stable()
        assert stable.revision == before
        assert stable.runtime == world.runtimes["timoneiro-serving"]

    def test_is_rolled_out_anew_only_when_the_runtime_of_today_is_another_one(self, world: World) -> None:
        world.install(source("timoneiro-serving")).install(source()).settle()
        assert world.status.candidate is None
        world.install(source(image="server:2")).tick()
        assert world.status.candidate is not None

    def test_stays_rejected_when_it_was(self, world: World) -> None:
        bad = World()
        bad.own = None
        bad.rate = {"s3://models/fraud/1": 0.01, "s3://models/fraud/2": 0.5}
        bad.healthy()
        bad.model(2)
        bad.until("RolledBack")
        rejected = bad.wanted()
        bad.own = OWN
        assert bad.install(source()).wanted() == rejected

    def test_that_has_to_be_made_anew_gets_the_runtime_of_today(self, world: World) -> None:
        world.services.clear()
        (snapshot,) = world.install(source()).decide().ensure
        assert snapshot.runtime == world.runtimes[OWN]

    def test_is_not_bound_to_a_runtime_that_its_inference_service_does_not_name(self, world: World) -> None:
        world.install(source("timoneiro-serving")).tick()
        deployment, stable = world.deployment, world.stable()
        older = msgspec.structs.replace(stable, runtime=None)
        service = build_inference_service(deployment, older)
        service["status"] = {"clusterServingRuntimeName": "timoneiro-serving"}
        seen = GATEWAY.workloads(deployment, children_of([service], []))[stable.revision]
        assert (seen.as_built, seen.pinned, seen.runtime) == (True, False, "timoneiro-serving")
        assert runtime_names(deployment, children_of([service], [])) == {"timoneiro-serving", OWN}


def test_without_a_model_no_runtime_is_asked_for() -> None:
    world = World(status=Status())
    del world.spec["model"]
    assert runtime_names(world.deployment, Children(services={}, pods={})) == set()
