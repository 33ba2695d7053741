"""Why a model does not start: the words of whoever keeps its pods back, and whose fault that is."""

from dataclasses import replace
from typing import Any

import pytest

from support.fake_world import FakeWorld
from support.pods import pod_of
from timoneiro_operator.api.status import Candidate
from timoneiro_operator.decide.lifecycle import spared
from timoneiro_operator.decide.observation import Failure, Workload
from timoneiro_operator.serving.workload import read_workload, with_cause

QUOTA = (
    'pods "fraud-a-predictor-x" is forbidden: exceeded quota: full, requested: pods=1, used: pods=3, limited: pods=3'
)
ACCOUNT = (
    'pods "fraud-a-predictor-x" is forbidden: error looking up service account ns/models: serviceaccount not found'
)
NODES = "0/3 nodes are available: 3 Insufficient cpu."
CLAIM = '0/3 nodes are available: persistentvolumeclaim "models" not found.'
FULL = Failure(reason="FailedCreate", message=QUOTA, final=False, no_room=True)
NO_ACCOUNT = Failure(reason="FailedCreate", message=ACCOUNT, final=False)


def service(replicas: int = 1) -> dict[str, Any]:
    return {"metadata": {"name": "fraud-a"}, "spec": {"predictor": {"minReplicas": replicas}}}


def made(message: str | None, *, status: str = "True") -> dict[str, Any]:
    """The Deployment, with what its ReplicaSet says of the pods that it could not make."""
    condition = {"type": "ReplicaFailure", "status": status, "reason": "FailedCreate", "message": message}
    return {"metadata": {"name": "fraud-a-predictor"}, "status": {"conditions": [condition]}}


def pod(*conditions: dict[str, Any], leaving: bool = False, **status: Any) -> dict[str, Any]:
    body = pod_of("fraud-a-predictor", conditions=list(conditions), **status)
    if leaving:
        body["metadata"]["deletionTimestamp"] = "2026-11-24T10:00:00Z"
    return body


def unscheduled(message: str, reason: str = "Unschedulable") -> dict[str, Any]:
    return pod({"type": "PodScheduled", "status": "False", "reason": reason, "message": message}, phase="Pending")


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        (made(QUOTA), FULL),
        (made(ACCOUNT), NO_ACCOUNT),
        (made(None), Failure(reason="FailedCreate", message="Kubernetes gives no message", final=False)),
        (made(QUOTA, status="False"), None),
        ({"metadata": {}, "status": {}}, None),
        (None, None),
    ],
    ids=["quota", "ServiceAccount", "no words", "over", "nothing is wrong", "not to be had"],
)
def test_what_keeps_pods_from_being_made_is_quoted(body: dict[str, Any] | None, failure: Failure | None) -> None:
    assert with_cause(read_workload(service(), []), body).failure == failure


def test_what_a_pod_says_comes_before_what_its_deployment_says() -> None:
    told = Failure(reason="CrashLoopBackOff", message="digest differs", final=True)
    assert with_cause(Workload(failure=told, lacks_pods=("fraud-b-predictor",)), made(QUOTA)).failure == told


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        (unscheduled(NODES), Failure(reason="Unschedulable", message=NODES, final=False, no_room=True)),
        (unscheduled(CLAIM), Failure(reason="Unschedulable", message=CLAIM, final=False)),
        (unscheduled(""), Failure(reason="Unschedulable", message="no node takes the pod", final=False, no_room=True)),
        (unscheduled("a gate", "SchedulingGated"), None),
        (pod({"type": "PodScheduled", "status": "True"}, phase="Pending"), None),
    ],
    ids=["no room", "no volume claim", "no words", "gated", "scheduled"],
)
def test_what_keeps_a_pod_off_the_nodes_is_quoted(body: dict[str, Any], failure: Failure | None) -> None:
    assert read_workload(service(), [body]).failure == failure


@pytest.mark.parametrize(
    ("replicas", "pods", "lacks"),
    [
        (1, [], True),
        (2, [pod()], True),
        (2, [pod(), pod()], False),
        (1, [pod(leaving=True)], True),
        (1, [pod()], False),
    ],
)
def test_pods_lack_where_there_are_fewer_than_there_should_be(
    replicas: int, pods: list[dict[str, Any]], lacks: bool
) -> None:
    assert read_workload(service(replicas), pods).lacks_pods == (("fraud-a-predictor",) if lacks else ())


def waiting(failure: Failure) -> FakeWorld:
    """Version 2 is the candidate, and `failure` keeps its pods back."""
    world = FakeWorld().healthy()
    name = world.model(2)
    world.tick(1)
    world.services[name] = Workload(failure=failure, lacks_pods=("fraud-b-predictor",))
    return world


def test_a_want_of_room_never_rejects_and_the_model_starts_by_itself_when_there_is_room() -> None:
    world = waiting(FULL)
    assert world.trace(60, 600) == ["Holding - 1:100 1 2"]
    assert "exceeded quota: full" in world.status.message
    world.services[world.wanted()] = Workload()
    assert world.trace(10, 12) == ["Progressing - 1:100 1 2"]
    world.services[world.wanted()] = Workload(ready_replicas=1, routable=True)
    world.until("Healthy - 2", seconds=10)
    assert world.status.rejected == ()


def test_the_deadlines_of_a_model_without_room_move_and_not_with_a_write_in_every_pass() -> None:
    world = waiting(FULL)
    world.tick(1)
    before = world.writes
    world.trace(10, 360)
    candidate = world.status.candidate
    assert candidate is not None
    assert candidate.progress_deadline is not None
    assert candidate.deadline is not None
    assert candidate.progress_deadline.timestamp() - world.now >= 300
    assert candidate.deadline.timestamp() - world.now >= 6 * 3600 - 600
    assert world.writes - before <= 12


def test_what_the_spec_names_and_is_not_there_takes_the_candidate_back_at_its_deadline_and_is_quoted() -> None:
    world = waiting(NO_ACCOUNT)
    assert world.trace(60, 9) == ["Progressing - 1:100 1 2"]
    assert "serviceaccount not found" in world.status.message
    assert world.trace(60, 3)[-1] == "RolledBack - 1:100 1 -"
    assert "serviceaccount not found" in world.status.rejected[0].reason


def test_a_first_model_without_room_says_so_and_serves_when_there_is_some() -> None:
    world = FakeWorld(ready=False)
    world.tick()
    world.services[world.wanted()] = Workload(failure=FULL, lacks_pods=("fraud-b-predictor",))
    world.trace(60, 60)
    assert "exceeded quota: full" in world.status.message
    world.services[world.wanted()] = Workload(ready_replicas=1, routable=True)
    world.until("Healthy - 1")


def test_while_pods_lack_there_is_another_look_soon_since_nobody_tells_when_that_ends() -> None:
    world = waiting(FULL)
    assert world.tick(1).look_again == 10
    world.services[world.wanted()] = replace(world.services[world.wanted()], lacks_pods=(), failure=None)
    assert (world.tick(1).look_again or 0) > 10


def test_a_candidate_without_deadlines_has_none_to_move() -> None:
    timeless = Candidate(revision="b", inference_service="fraud-b", uri="s3://2")
    assert spared(FakeWorld().deployment, timeless, 0.0) == timeless
