"""`spec.predictor`: KServe's own predictor, handed on as it is, but for what the rollout itself owns."""

import copy
from typing import Any

import msgspec
import pytest
import yaml

from demo.platform import ROOT
from support.fake_world import FakeWorld
from timoneiro_operator.api.deployment import ModelDeployment, revision_of
from timoneiro_operator.api.invalid_spec import InvalidSpec
from timoneiro_operator.api.scaling import SCALING_FIELDS
from timoneiro_operator.api.spec import Model, Predictor
from timoneiro_operator.decide.lifecycle import wanted_snapshot
from timoneiro_operator.serving.inference_service import build_inference_service
from timoneiro_operator.serving.workload import is_as_built

OF_THE_MODEL: dict[str, Any] = {
    "args": ["--x"],
    "env": [{"name": "A", "value": "1"}],
    "envFrom": [{"configMapRef": {"name": "c"}}],
    "resources": {"limits": {"nvidia.com/gpu": "1"}},
    "runtime": "mine",
    "volumeMounts": [{"name": "v", "mountPath": "/v"}],
    "storage": {"key": "team-a", "parameters": {"region": "eu"}},
    "protocolVersion": "v2",
    "runtimeVersion": "1.2",
    "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}},
    "livenessProbe": {"tcpSocket": {"port": 8080}},
    "startupProbe": {"tcpSocket": {"port": 8080}},
}
OF_THE_PODS: dict[str, Any] = {
    "serviceAccountName": "models",
    "imagePullSecrets": [{"name": "registry"}],
    "labels": {"team": "a"},
    "annotations": {"sidecar.istio.io/inject": "false"},
    "nodeSelector": {"gpu": "a100"},
    "tolerations": [{"key": "gpu", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}],
    "priorityClassName": "high",
    "runtimeClassName": "nvidia",
    "schedulerName": "mine",
    "securityContext": {"fsGroup": 1000},
    "terminationGracePeriodSeconds": 60,
    "volumes": [{"name": "v", "emptyDir": {}}],
    "initContainers": [{"name": "warm", "image": "x"}],
    "containers": [{"name": "sidecar", "image": "x"}],
    "timeout": 30,
    "containerConcurrency": 4,
    "logger": {"mode": "all", "url": "http://sink"},
    "batcher": {"maxBatchSize": 8},
}
EVERYTHING = OF_THE_MODEL | OF_THE_PODS


def deployment(**predictor: Any) -> ModelDeployment:
    world = FakeWorld()
    world.spec["predictor"] = predictor
    return world.deployment


def built(made: ModelDeployment) -> dict[str, Any]:
    return build_inference_service(made, wanted_snapshot(made, "a"))


@pytest.mark.parametrize("field", sorted(EVERYTHING))
class TestEachField:
    def test_is_handed_on_where_kserve_has_it(self, field: str) -> None:
        predictor = built(deployment(**{field: EVERYTHING[field]}))["spec"]["predictor"]
        there = predictor["model"] if field in OF_THE_MODEL else predictor
        own = ["--model_name=fraud"] if field == "args" else []
        assert there[field] == (own + EVERYTHING[field] if own else EVERYTHING[field])

    def test_makes_another_revision(self, field: str) -> None:
        assert deployment(**{field: EVERYTHING[field]}).revision != deployment().revision

    def test_is_put_back_when_somebody_takes_it_away(self, field: str) -> None:
        body = built(deployment(**{field: EVERYTHING[field]}))
        assert is_as_built(body, body)
        edited = copy.deepcopy(body)
        predictor = edited["spec"]["predictor"]
        del (predictor["model"] if field in OF_THE_MODEL else predictor)[field]
        # The runtime is told by the driver, which knows what it was.
        assert is_as_built(edited, body) is (field == "runtime")


def test_how_often_and_with_which_share_it_serves_is_no_edit_of_it() -> None:
    body = built(deployment())
    edited = copy.deepcopy(body)
    edited["spec"]["predictor"].update(minReplicas=9, maxReplicas=9, canaryTrafficPercent=5)
    assert is_as_built(edited, body)


def test_the_crd_has_just_these_fields() -> None:
    crd = yaml.safe_load((ROOT / "manifests/crd/modeldeployments.yaml").read_text())
    spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    fields = {field.encode_name for field in msgspec.structs.fields(Predictor)}
    refused = {"canaryTrafficPercent", "deploymentStrategy"}
    assert set(spec["predictor"]["properties"]) - refused == fields == {*SCALING_FIELDS, *EVERYTHING}


def test_revisions_of_an_older_version_keep_their_names() -> None:
    model = msgspec.convert(
        {"format": {"name": "sklearn", "version": "1"}, "uri": "s3://models/fraud/1", "version": "1"}, Model
    )
    predictor = msgspec.convert(
        {
            "minReplicas": 2,
            "serviceAccountName": "models",
            "args": ["--x"],
            "env": [{"name": "A", "value": "1"}],
            "resources": {"limits": {"cpu": "1"}},
        },
        Predictor,
    )
    assert [revision_of(model, Predictor()), revision_of(model, predictor)] == ["b676002f", "f11b1997"]


@pytest.mark.parametrize(
    ("predictor", "words"),
    [
        ({"labels": {"app": "x"}}, "app is what the rollout itself sets"),
        ({"labels": {"timoneiro.dev/revision": "x"}}, "timoneiro.dev/revision is what the rollout itself sets"),
        ({"labels": {"serving.kserve.io/inferenceservice": "x"}}, "serving.kserve.io/inferenceservice is what"),
        ({"annotations": {"serving.kserve.io/stop": "true"}}, "serving.kserve.io/stop is what the rollout itself sets"),
        ({"containers": [{"name": "kserve-container"}]}, "spec.predictor.containers: kserve-container is the name"),
        ({"initContainers": [{"name": "storage-initializer"}]}, "spec.predictor.initContainers: storage-initializer"),
    ],
)
def test_what_the_rollout_itself_owns_is_refused_with_a_sentence(predictor: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidSpec, match=words):
        deployment(**predictor)
