"""`spec.transformer`: KServe's own, before the predictor: part of the revision, and what its users get of it."""

import copy
from dataclasses import replace
from typing import Any

import msgspec
import pytest
import yaml

from demo.platform import ROOT
from support.fake_world import FakeWorld
from support.pods import pod_of
from timoneiro_operator.api.deployment import ModelDeployment, parse, revision_of
from timoneiro_operator.api.invalid_spec import InvalidSpec
from timoneiro_operator.api.scaling import Replicas
from timoneiro_operator.api.spec import Transformer
from timoneiro_operator.api.status import Snapshot, Status
from timoneiro_operator.decide.decision import Decision
from timoneiro_operator.decide.lifecycle import wanted_snapshot
from timoneiro_operator.decide.observation import Failure, Pods, Routing
from timoneiro_operator.drivers.driver import Children, Patch
from timoneiro_operator.drivers.gateway import GatewayDriver
from timoneiro_operator.metrics.envoy import cluster_of
from timoneiro_operator.metrics.profiles import KSERVE
from timoneiro_operator.serving.adopted import Adopted, adopted_workload, adoption_of, model_name, served_by
from timoneiro_operator.serving.inference_service import build_inference_service
from timoneiro_operator.serving.refusals import in_our_words
from timoneiro_operator.serving.workload import is_as_built, read_workload
from timoneiro_operator.targets.arms import arm_targets
from timoneiro_operator.traffic.gateway import build_route, read_route

CONTAINER: dict[str, Any] = {"name": "mine", "image": "tokens:1", "args": ["--language=pt"]}
BEFORE: dict[str, Any] = {"containers": [CONTAINER]}
SCALED: dict[str, Any] = {**BEFORE, "minReplicas": 2, "maxReplicas": 10}
READY = [{"type": "Ready", "status": "True"}]


def deployment(
    transformer: dict[str, Any] | None = BEFORE, status: Status | None = None, **spec: Any
) -> ModelDeployment:
    world = FakeWorld(status=status or Status())
    world.spec |= spec | ({"transformer": transformer} if transformer is not None else {})
    return world.deployment


def snapshot(made: ModelDeployment) -> Snapshot:
    return wanted_snapshot(made, made.revision or "")


def built(made: ModelDeployment) -> dict[str, Any]:
    return build_inference_service(made, snapshot(made))


def on_record(transformer: dict[str, Any] | None = BEFORE, **spec: Any) -> ModelDeployment:
    """One whose revision the status knows."""
    return deployment(transformer, Status(revisions=(snapshot(deployment(transformer, **spec)),)), **spec)


class TestWhatIsMade:
    def test_kserve_gets_it_with_the_name_that_all_revisions_answer_to(self) -> None:
        transformer = built(deployment({**BEFORE, "volumes": [{"name": "v", "emptyDir": {}}], "timeout": 5}))["spec"][
            "transformer"
        ]
        assert transformer == {
            "containers": [{**CONTAINER, "name": "kserve-container", "args": ["--model_name=fraud", "--language=pt"]}],
            "volumes": [{"name": "v", "emptyDir": {}}],
            "timeout": 5,
            "annotations": {"serving.kserve.io/autoscalerClass": "none"},
            "minReplicas": 1,
            "maxReplicas": 1,
        }

    def test_further_containers_stay_as_they_are(self) -> None:
        containers = built(deployment({"containers": [{"name": "a"}, {"name": "b"}]}))["spec"]["transformer"][
            "containers"
        ]
        assert containers == [{"name": "kserve-container", "args": ["--model_name=fraud"]}, {"name": "b"}]

    def test_without_one_there_is_none(self) -> None:
        assert built(deployment(None))["spec"].keys() == {"predictor"}

    def test_it_autoscales_by_itself_while_the_predictor_does_not(self) -> None:
        body = built(deployment(SCALED))
        annotation = "serving.kserve.io/autoscalerClass"
        assert body["metadata"]["annotations"][annotation] == "none"
        transformer = body["spec"]["transformer"]
        assert transformer["annotations"][annotation] == "hpa"
        assert (transformer["minReplicas"], transformer["maxReplicas"]) == (2, 10)

    def test_the_crd_has_just_the_fields_that_are_known(self) -> None:
        crd = yaml.safe_load((ROOT / "manifests/crd/modeldeployments.yaml").read_text())
        spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
        fields = {field.encode_name for field in msgspec.structs.fields(Transformer)}
        assert set(spec["transformer"]["properties"]) - {"canaryTrafficPercent", "deploymentStrategy"} == fields


class TestRevisions:
    def test_without_one_a_revision_keeps_its_name(self) -> None:
        made = deployment(None)
        assert made.revision == revision_of(made.model, made.spec.predictor)

    @pytest.mark.parametrize(
        "other",
        [
            None,
            {"containers": [{**CONTAINER, "image": "tokens:2"}]},
            {**BEFORE, "labels": {"team": "a"}},
            {**BEFORE, "maxReplicas": 3},
        ],
    )
    def test_another_one_is_another_revision_and_so_is_none(self, other: dict[str, Any] | None) -> None:
        assert on_record().revision not in (deployment(other, on_record().status).revision, None)

    def test_another_number_of_replicas_is_the_same_revision(self) -> None:
        assert deployment({**BEFORE, "minReplicas": 3}, on_record().status).revision == deployment().revision


class TestEdits:
    def test_what_was_built_is_known_again_however_often_it_serves(self) -> None:
        body = built(deployment())
        edited = copy.deepcopy(body)
        edited["spec"]["transformer"] |= {"minReplicas": 9, "maxReplicas": 9}
        edited["spec"]["transformer"]["containers"][0]["resources"] = {"limits": {"cpu": "1"}}
        assert is_as_built(edited, body)

    def test_another_container_or_none_is_an_edit(self) -> None:
        body = built(deployment())
        edited, without = copy.deepcopy(body), copy.deepcopy(body)
        edited["spec"]["transformer"]["containers"][0]["image"] = "tokens:2"
        del without["spec"]["transformer"]
        assert [is_as_built(edited, body), is_as_built(without, body), is_as_built(body, without)] == [False] * 3


def pods(service: str, predictors: int, transformers: int, *, ready: bool = True) -> list[dict[str, Any]]:
    conditions = READY if ready else []
    numbers = {"predictor": predictors, "transformer": transformers}
    return [
        pod_of(f"{service}-{kind}", name=f"{kind}-{number}", conditions=conditions, podIP="10.0.0.1")
        for kind, wanted in numbers.items()
        for number in range(wanted)
    ]


class TestWhatServes:
    def test_pods_of_both_are_counted_apart(self) -> None:
        body = built(deployment())
        workload = read_workload(body, pods(body["metadata"]["name"], 2, 1))
        assert (workload.ready_replicas, workload.transformer, workload.serving) == (2, Pods(ready=1, staying=1), True)

    @pytest.mark.parametrize(("predictors", "transformers"), [(1, 0), (0, 1)])
    def test_one_without_the_other_serves_nothing(self, predictors: int, transformers: int) -> None:
        body = built(deployment())
        # What KServe says is of before.
        conditions = [{"type": f"{kind}Ready", "status": "True"} for kind in ("Predictor", "Transformer")]
        body["status"] = {"conditions": conditions}
        assert not read_workload(body, pods(body["metadata"]["name"], predictors, transformers)).serving

    def test_what_somebody_has_taken_the_transformer_from_serves_nothing(self) -> None:
        body = built(deployment())
        edited = copy.deepcopy(body)
        del edited["spec"]["transformer"]
        name = body["metadata"]["name"]
        edited["status"] = {"conditions": [{"type": "TransformerReady", "status": "True"}]}
        workload = read_workload(edited, pods(name, 2, 0), body)
        assert (workload.as_built, workload.serving, workload.transformer) == (False, False, Pods())

    def test_kserve_has_to_know_of_both(self) -> None:
        body = built(deployment())
        body["status"] = {"conditions": [{"type": "PredictorReady", "status": "True"}]}
        assert not read_workload(body, []).known
        body["status"]["conditions"] += [{"type": "TransformerReady", "status": "True"}]
        assert read_workload(body, []).known

    def test_the_deployment_of_each_that_lacks_pods_is_named(self) -> None:
        body = built(deployment({**BEFORE, "minReplicas": 2}))
        name = body["metadata"]["name"]
        assert read_workload(body, pods(name, 1, 1)).lacks_pods == (f"{name}-transformer",)
        assert read_workload(body, []).lacks_pods == (f"{name}-predictor", f"{name}-transformer")

    def test_why_a_transformer_does_not_start_is_said_of_it(self) -> None:
        body = built(deployment())
        name = body["metadata"]["name"]
        ended = {"exitCode": 1, "message": "no such module"}
        status = {"name": "kserve-container", "restartCount": 3, "state": {"terminated": ended}}
        crashed = pod_of(f"{name}-transformer", name="t", containerStatuses=[status])
        assert read_workload(body, [*pods(name, 1, 0), crashed]).failure == Failure(
            reason="CrashLoopBackOff", message="in the transformer: no such module", final=True
        )

    def test_what_kserve_says_of_a_model_is_not_said_of_its_transformer(self) -> None:
        body = built(deployment())
        body["status"] = {"modelStatus": {"transitionStatus": "BlockedByFailedLoad"}}
        assert read_workload(body, pods(body["metadata"]["name"], 1, 0)).failure is None


class TestWhereRequestsGo:
    def test_the_route_leads_to_the_transformer_and_is_read_back(self) -> None:
        made = on_record()
        revision = made.revision or ""
        route = build_route(made, Routing(weights={revision: 100}, mirror=revision))
        rule = route["spec"]["rules"][0]
        name = f"fraud-{revision}-transformer"
        assert rule["backendRefs"][0]["name"] == name
        assert rule["filters"][0]["requestMirror"]["backendRef"]["name"] == name
        state = read_route(made, route)
        assert state is not None
        assert (state.as_built, state.routing) == (True, Routing(weights={revision: 100}, mirror=revision))

    @pytest.mark.parametrize("kind", ["predictor", "transformer"])
    def test_a_backend_of_a_revision_that_was_forgotten_is_known_by_its_name(self, kind: str) -> None:
        made = on_record()
        route = build_route(made, Routing(weights={made.revision or "": 100}))
        route["spec"]["rules"][0]["backendRefs"][0]["name"] = f"fraud-12345678-{kind}"
        state = read_route(made, route)
        assert state is not None
        assert state.routing.weights == {"12345678": 100}

    def test_its_pods_are_the_ones_that_are_asked_whatever_serves_the_model(self) -> None:
        made = on_record(predictor={"runtime": "kserve-mlserver"})
        revision = made.revision or ""
        body = built(made)
        name = body["metadata"]["name"]
        children = Children(services={name: body}, pods={revision: pods(name, 1, 1)})
        arm = arm_targets(made, children, revision)
        assert (arm.workload, [pod.name for pod in arm.pods]) == (f"{name}-transformer", ["transformer-0"])
        assert (arm.transforms, arm.profile, cluster_of("ns", arm)) == (True, KSERVE, f"ns_{name}-transformer_80")


class TestReplicas:
    def world(self) -> FakeWorld:
        made = FakeWorld()
        made.spec["transformer"] = dict(SCALED)
        made.healthy()
        made.autoscale(self.stable(made), 8)
        return made

    def stable(self, made: FakeWorld) -> str:
        assert made.status.stable is not None
        return made.status.stable.revision

    def test_the_candidates_transformer_has_its_share_before_the_traffic(self) -> None:
        made = self.world()
        name = made.model(2)
        made.until("Progressing 2/2")
        assert made.scaled[name] == Replicas(1, 1, Replicas(4, 10))
        assert made.scaled[self.stable(made)] == Replicas(1, 1, Replicas(8, 10))

    def test_a_step_waits_until_the_transformers_that_it_needs_are_ready(self) -> None:
        made = self.world()
        made.model(2)
        made.until("Progressing 1/2")
        made.ready = False
        made.until("Holding 1/2 1:90,2:10 1 2")
        made.tick(60)
        words = "2 of 4 replicas of the transformer of the candidate are ready, which 10 % of the traffic needs"
        assert made.status.message == words

    def test_a_candidate_whose_transformer_never_gets_ready_goes_back_with_its_number(self) -> None:
        made = self.world()
        name = made.model(2)
        made.tick(1)
        made.services[name] = replace(made.services[name], ready_replicas=1, routable=True, transformer=Pods(staying=2))
        made.tick(700)
        assert "0 of 2 replicas of the transformer ready" in made.status.rejected[-1].reason

    def test_after_a_promotion_it_is_held_until_its_autoscaler_has_seen_the_load(self) -> None:
        made = self.world()
        name = made.model(2)
        made.until("Healthy")
        assert made.scaled[name] == Replicas(1, 1, Replicas(8, 10))
        assert made.status.stable is not None
        assert (made.status.stable.replicas, made.status.stable.transformer_replicas) == (None, 8)
        made.tick(3600)
        made.tick(1)
        assert made.scaled[name] == Replicas(1, 1, Replicas(2, 10))

    def test_a_model_that_goes_on_without_one_holds_none(self) -> None:
        made = self.world()
        del made.spec["transformer"]
        name = made.model(2)
        made.until("Progressing 2/2")
        assert (made.scaled[name], made.status.candidate and made.status.candidate.transformer_replicas) == (
            Replicas(1, 1),
            None,
        )
        assert made.scaled[self.stable(made)] == Replicas(1, 1, Replicas(8, 10))

    def test_an_edit_of_its_numbers_reaches_what_serves(self) -> None:
        made = FakeWorld()
        made.spec["transformer"] = dict(BEFORE)
        made.healthy()
        made.spec["transformer"] = {**BEFORE, "minReplicas": 3}
        made.generation += 1
        made.settle()
        assert made.scaled[self.stable(made)].transformer == Replicas(3, 3)

    def test_the_numbers_of_both_are_written_and_nothing_else(self) -> None:
        made = on_record(SCALED)
        body, known = built(made), snapshot(made)
        children = Children(services={body["metadata"]["name"]: body}, pods={})
        for wanted, components in (
            (Replicas(1, 1, Replicas(5, 10)), {"transformer": {"minReplicas": 5, "maxReplicas": 10}}),
            (Replicas(2, 2, Replicas(2, 10)), {"predictor": {"minReplicas": 2, "maxReplicas": 2}}),
        ):
            decision = Decision(status=Status(revisions=(known,)), scale={known.revision: wanted})
            (write,) = GatewayDriver().writes(made, decision, children)
            assert write == Patch(name=body["metadata"]["name"], components=components)

    def test_no_transformer_of_nothing_but_numbers_is_made(self) -> None:
        made = on_record(SCALED)
        body, known = built(made), snapshot(made)
        del body["spec"]["transformer"]
        children = Children(services={body["metadata"]["name"]: body}, pods={})
        decision = Decision(status=Status(revisions=(known,)), scale={known.revision: Replicas(1, 1, Replicas(5, 10))})
        assert GatewayDriver().writes(made, decision, children) == ()


class TestAdoption:
    def body(self, **transformer: Any) -> dict[str, Any]:
        """An InferenceService of somebody else, as KServe's webhooks leave it."""
        container = {"name": "kserve-container", "image": "tokens:1", "args": ["--model_name=fraud", "--language=pt"]}
        said = {
            "containers": [container],
            "minReplicas": 2,
            "annotations": {"serving.kserve.io/autoscalerClass": "hpa"},
        }
        model = {"modelFormat": {"name": "sklearn"}, "storageUri": "s3://models/fraud/1"}
        return {
            "metadata": {"name": "old", "namespace": "ns", "uid": "theirs"},
            "spec": {"predictor": {"model": model}, "transformer": said | transformer},
        }

    def adopted(self, body: dict[str, Any], there: list[dict[str, Any]]) -> Adopted | str:
        return adoption_of(deployment(None, adopt="old"), body, there, None)

    def test_what_it_serves_is_said_in_the_words_of_a_model_deployment(self) -> None:
        served = served_by(self.body(dnsPolicy="None"), None)
        container = {"name": "kserve-container", "image": "tokens:1", "args": ["--language=pt"]}
        assert served.transformer == Transformer(containers=(container,), min_replicas=2)
        assert served.left_out == ("transformer.dnsPolicy",)

    def test_a_container_without_arguments_gets_none(self) -> None:
        served = served_by(self.body(containers=[{"name": "a", "args": ["--model_name", "fraud"]}]), None)
        assert served.transformer is not None
        assert served.transformer.containers == ({"name": "a"},)

    def test_clients_ask_for_the_name_of_the_transformer(self) -> None:
        assert model_name(self.body()) == "fraud"
        assert model_name(self.body(containers=[{"name": "a"}])) == "old"

    def test_it_serves_on_behind_the_route_with_both_of_its_components(self) -> None:
        found = self.adopted(self.body(), pods("old", 1, 2))
        assert isinstance(found, Adopted)
        workload = adopted_workload(found)
        assert (workload.serving, workload.strayed, workload.transformer) == (True, None, Pods(ready=2, staying=2))
        revision = found.snapshot.revision
        made = deployment(None, Status(revisions=(found.snapshot,)), adopt="old")
        route = build_route(made, Routing(weights={revision: 100}))
        assert route["spec"]["rules"][0]["backendRefs"][0]["name"] == "old-transformer"
        state = read_route(made, route)
        assert state is not None
        assert state.routing.weights == {revision: 100}

    def test_without_a_ready_transformer_it_waits(self) -> None:
        found = self.adopted(self.body(), pods("old", 1, 0))
        assert "none of its transformer's pods is ready" in str(found)

    @pytest.mark.parametrize("edit", [{"containers": [{"name": "kserve-container", "image": "b"}]}, {"containers": []}])
    def test_an_edit_of_it_is_told(self, edit: dict[str, Any]) -> None:
        found = self.adopted(self.body(), pods("old", 1, 1))
        assert isinstance(found, Adopted)
        assert "was edited" in str(adopted_workload(found._replace(body=self.body(**edit))).strayed)

    def test_another_number_of_its_pods_is_theirs_to_choose(self) -> None:
        found = self.adopted(self.body(), pods("old", 1, 1))
        assert isinstance(found, Adopted)
        assert adopted_workload(found._replace(body=self.body(minReplicas=9))).strayed is None

    def test_the_candidate_beside_it_begins_with_one_of_each(self) -> None:
        made = FakeWorld()
        made.spec["transformer"] = dict(BEFORE)
        made.adopting(transformer=Transformer(containers=(CONTAINER,)))
        revision = made.wanted()
        made.services[revision] = replace(made.services[revision], transformer=Pods(ready=3, staying=3))
        made.healthy()
        name = made.model(2)
        made.until("Progressing 1/2")
        assert made.scaled == {name: Replicas(1, 1, Replicas(1, 1))}


@pytest.mark.parametrize(
    ("transformer", "spec", "words"),
    [
        ({"containers": []}, {}, "spec.transformer.containers is empty"),
        (
            {"containers": [{"args": ["x", "--predictor_host=b"]}]},
            {},
            r"containers\[0\].args\[1\]: --predictor_host is",
        ),
        ({"containers": [{"args": ["--model_name", "b"]}]}, {}, r"containers\[0\].args\[0\]: --model_name is what the"),
        (
            {"containers": [{}, {"name": "kserve-container"}]},
            {},
            "spec.transformer.containers: kserve-container is the",
        ),
        ({**BEFORE, "labels": {"component": "x"}}, {}, "spec.transformer: component is what the rollout itself sets"),
        ({**BEFORE, "minReplicas": 0}, {}, "spec.transformer.minReplicas 0 must be at least 1"),
        ({**BEFORE, "scaleTarget": 5}, {}, "spec.transformer.scaleTarget needs maxReplicas"),
        ({**SCALED, "scaleMetric": "rps"}, {}, "spec.transformer.scaleMetric rps is not known"),
        (BEFORE, {"route": {"driver": "Knative"}}, "spec.transformer needs route.driver Gateway"),
        (
            BEFORE,
            {"analysis": {"source": {"type": "Prometheus", "url": "http://p", "selector": 'r="{{revision}}"'}}},
            "source.selector has the series of a transformer and of its predictor together",
        ),
    ],
)
def test_what_makes_no_sense_is_told_with_its_field(
    transformer: dict[str, Any], spec: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidSpec, match=words):
        deployment(transformer, **spec)


def test_names_are_two_characters_shorter() -> None:
    body: dict[str, Any] = {"spec": {**FakeWorld().spec, "transformer": BEFORE}}
    for namespace, name, words in (
        ("ns", "f" * 38, "is longer than 37 characters with spec.transformer"),
        ("n" * 10, "f" * 32, "a host name of 41 at most with spec.transformer"),
    ):
        with pytest.raises(InvalidSpec, match=words):
            parsed(body, namespace, name)
    assert parsed(body, "ns", "f" * 37).name == "f" * 37


def parsed(body: dict[str, Any], namespace: str, name: str) -> ModelDeployment:
    return parse({**body, "metadata": {"namespace": namespace, "name": name, "uid": "u"}})


@pytest.mark.parametrize(
    ("message", "ours"),
    [
        (
            "failed to create typed patch object (ns/fraud; serving.kserve.io/v1beta1, Kind=InferenceService): "
            ".spec.transformer.containers[0].imagee: field not declared in schema",
            "spec.transformer.containers[0].imagee: field not declared in schema",
        ),
        (
            "spec.transformer.containers[0].args[2]: Invalid value",
            "spec.transformer.containers[0].args[1]: Invalid value",
        ),
    ],
)
def test_what_kserve_refuses_is_said_with_the_path_of_the_spec(message: str, ours: str) -> None:
    assert in_our_words(message) == ours
