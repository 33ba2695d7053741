"""Autoscaling through KServe's own fields: what is made for it, what is edited in place, and what is refused."""

import copy
from typing import Any

import pytest

from support.fake_world import FakeWorld
from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.invalid_spec import InvalidSpec
from timoneiro_operator.api.scaling import Replicas, replicas_of
from timoneiro_operator.api.status import Snapshot, Status
from timoneiro_operator.decide.decision import Decision
from timoneiro_operator.decide.lifecycle import wanted_snapshot
from timoneiro_operator.drivers.driver import Children, Patch, Write
from timoneiro_operator.drivers.gateway import GatewayDriver
from timoneiro_operator.serving.inference_service import build_inference_service
from timoneiro_operator.serving.workload import is_as_built

FIXED: dict[str, Any] = {"minReplicas": 2}
SCALED: dict[str, Any] = {"minReplicas": 2, "maxReplicas": 10, "scaleTarget": 60, "scaleMetric": "cpu"}
BY_A_QUERY: dict[str, Any] = {
    "maxReplicas": 10,
    "autoScaling": {
        "metrics": [
            {
                "type": "External",
                "external": {
                    "metric": {"backend": "prometheus", "serverAddress": "http://p:9090", "query": "sum(x)"},
                    "target": {"type": "Value", "value": "4"},
                },
            }
        ]
    },
}
KNATIVE = {"driver": "Knative"}


def deployment(predictor: dict[str, Any], *, route: dict[str, Any] | None = None) -> ModelDeployment:
    world = FakeWorld()
    world.spec["predictor"] = predictor
    world.spec["route"] = route or world.spec["route"]
    return world.deployment


def snapshot(made: ModelDeployment) -> Snapshot:
    return wanted_snapshot(made, made.revision or "")


def built(made: ModelDeployment) -> dict[str, Any]:
    return build_inference_service(made, snapshot(made))


def autoscaler(made: ModelDeployment) -> str | None:
    annotations: dict[str, str] = built(made)["metadata"]["annotations"]
    return annotations.get("serving.kserve.io/autoscalerClass")


@pytest.mark.parametrize("most", [None, 2])
def test_without_a_higher_maximum_everything_is_as_it_was_before_there_was_one(most: int | None) -> None:
    same = FIXED if most is None else {**FIXED, "maxReplicas": most}
    assert built(deployment(same)) == built(deployment(FIXED))
    assert autoscaler(deployment(same)) == "none"


@pytest.mark.parametrize(("predictor", "wanted"), [(SCALED, "hpa"), (BY_A_QUERY, "keda")])
def test_an_autoscaler_is_a_revision_of_its_own_since_its_class_is_on_the_pods(
    predictor: dict[str, Any], wanted: str
) -> None:
    made = deployment(predictor)
    assert autoscaler(made) == wanted
    fields = built(made)["spec"]["predictor"]
    assert {field: fields[field] for field in predictor} == predictor
    assert made.revision not in (deployment(FIXED).revision, None)


@pytest.mark.parametrize(
    "edit", [{"minReplicas": 3}, {"maxReplicas": 20}, {"scaleTarget": 90}, {"scaleMetric": "memory"}]
)
def test_an_edit_of_its_numbers_is_no_revision_and_no_edit_of_what_serves(edit: dict[str, Any]) -> None:
    before, after = deployment(SCALED), deployment({**SCALED, **edit})
    assert after.revision == before.revision
    assert is_as_built(built(before), built(after))


def test_an_autoscaler_of_another_kind_is_another_revision() -> None:
    assert deployment(BY_A_QUERY).revision != deployment({"maxReplicas": 10}).revision


def test_a_revision_is_known_again_when_its_numbers_were_edited() -> None:
    made = deployment(SCALED)
    world = FakeWorld(status=Status(revisions=(snapshot(made),)))
    world.spec["predictor"] = {**SCALED, "maxReplicas": 20, "minReplicas": 1}
    assert world.deployment.revision == made.revision


def test_knative_has_an_autoscaler_of_its_own() -> None:
    made = deployment({"minReplicas": 1, "maxReplicas": 5, "scaleMetric": "rps", "scaleTarget": 200}, route=KNATIVE)
    assert autoscaler(made) is None
    predictor = built(made)["spec"]["predictor"]
    assert [predictor[f] for f in ("minReplicas", "maxReplicas", "scaleMetric", "scaleTarget")] == [1, 5, "rps", 200]


def patches(before: dict[str, Any], after: dict[str, Any], replicas: Replicas) -> list[Write]:
    """Writes while an InferenceService made as `before` serves, and the spec has `after`."""
    made, wanted = deployment(before), deployment(after)
    body, known = built(made), snapshot(made)
    children = Children(services={body["metadata"]["name"]: body}, pods={})
    decision = Decision(status=Status(revisions=(known,)), scale={known.revision: replicas})
    return list(GatewayDriver().writes(wanted, decision, children))


def test_what_is_there_as_it_is_wanted_is_not_written() -> None:
    assert patches(SCALED, SCALED, Replicas(2, 10)) == []


def test_a_minimum_is_written_alone() -> None:
    (write,) = patches(SCALED, SCALED, Replicas(6, 10))
    assert isinstance(write, Patch)
    assert write.components["predictor"] == {**SCALED, "minReplicas": 6}


def test_a_target_that_the_spec_has_taken_away_is_taken_away() -> None:
    (write,) = patches(SCALED, {"minReplicas": 2, "maxReplicas": 10}, Replicas(2, 10))
    assert isinstance(write, Patch)
    assert write.components["predictor"] == {
        "minReplicas": 2,
        "maxReplicas": 10,
        "scaleTarget": None,
        "scaleMetric": None,
    }


def test_a_behaviour_that_the_spec_has_taken_away_is_taken_away() -> None:
    metrics = BY_A_QUERY["autoScaling"]["metrics"]
    slow = {"metrics": metrics, "behavior": {"scaleDown": {"stabilizationWindowSeconds": 5}}}
    (write,) = patches({**BY_A_QUERY, "autoScaling": slow}, BY_A_QUERY, Replicas(1, 10))
    assert isinstance(write, Patch)
    assert write.components["predictor"]["autoScaling"] == {"metrics": metrics, "behavior": None}


def test_what_has_no_autoscaler_gets_none_by_an_edit() -> None:
    assert patches(FIXED, SCALED, Replicas(2, 2)) == []


def test_what_is_on_its_way_out_is_not_scaled() -> None:
    made = deployment(FIXED)
    body, known = copy.deepcopy(built(made)), snapshot(made)
    body["metadata"]["deletionTimestamp"] = "2026-11-24T10:00:00Z"
    children = Children(services={body["metadata"]["name"]: body}, pods={})
    decision = Decision(status=Status(revisions=(known,)), scale={known.revision: Replicas(9, 9)})
    assert GatewayDriver().writes(made, decision, children) == ()


@pytest.mark.parametrize(
    ("wanted", "served", "held", "replicas"),
    [
        (FIXED, FIXED, 7, (2, 2)),
        (SCALED, FIXED, 7, (2, 2)),
        ({**SCALED, "minReplicas": 1}, FIXED, None, (2, 2)),
        ({**SCALED, "minReplicas": 4}, FIXED, None, (4, 4)),
        (BY_A_QUERY, SCALED, 7, (7, 10)),
        (SCALED, SCALED, None, (2, 10)),
        (SCALED, SCALED, 7, (7, 10)),
        (SCALED, SCALED, 12, (10, 10)),
        ({"minReplicas": 3}, SCALED, None, (3, 10)),
        ({"minReplicas": 12}, SCALED, None, (10, 10)),
        ({"minReplicas": 2, "maxReplicas": 4}, SCALED, 7, (4, 4)),
    ],
)
def test_between_how_many_replicas_a_revision_serves(
    wanted: dict[str, Any], served: dict[str, Any], held: int | None, replicas: tuple[int, int]
) -> None:
    specs = (deployment(wanted).spec.predictor, deployment(served).spec.predictor)
    assert replicas_of(*specs, held) == Replicas(*replicas)


@pytest.mark.parametrize("wanted", [{"minReplicas": 2}, {**BY_A_QUERY, "minReplicas": 2}])
def test_what_has_another_autoscaler_than_the_spec_serves_on_by_its_own_target(wanted: dict[str, Any]) -> None:
    made = deployment(wanted)
    body = build_inference_service(made, snapshot(deployment(SCALED)))["spec"]["predictor"]
    assert [body[f] for f in ("minReplicas", "maxReplicas", "scaleTarget")] == [2, 10, 60]
    assert "autoScaling" not in body


@pytest.mark.parametrize(
    ("predictor", "route", "words"),
    [
        ({"minReplicas": 0}, None, "spec.predictor.minReplicas 0 must be at least 1"),
        ({"minReplicas": 3, "maxReplicas": 2}, None, "spec.predictor.maxReplicas 2 must not be below minReplicas 3"),
        ({"scaleTarget": 5}, None, "spec.predictor.scaleTarget needs maxReplicas"),
        ({"autoScaling": {"metrics": []}}, None, "spec.predictor.autoScaling needs maxReplicas"),
        ({"maxReplicas": 2, "scaleMetric": "rps"}, None, "choose one of cpu, memory"),
        ({"maxReplicas": 2, "scaleMetric": "cpu"}, KNATIVE, "choose one of concurrency, rps"),
        ({"maxReplicas": 2, "scaleTarget": 101}, None, "spec.predictor.scaleTarget 101 must be from 1 to 100"),
        ({"maxReplicas": 2, "autoScaling": {"metrics": 1}}, KNATIVE, "autoScaling needs route.driver Gateway"),
        ({**BY_A_QUERY, "scaleMetric": "cpu"}, None, "is not for autoScaling with metrics of type External"),
    ],
)
def test_what_cannot_be_scaled_is_refused_with_a_sentence(
    predictor: dict[str, Any], route: dict[str, Any] | None, words: str
) -> None:
    with pytest.raises(InvalidSpec, match=words):
        deployment(predictor, route=route)


def test_an_autoscaling_of_another_form_is_left_to_kserve_to_judge() -> None:
    assert autoscaler(deployment({"maxReplicas": 3, "autoScaling": {"metrics": ["x"]}})) == "hpa"
