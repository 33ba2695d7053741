"""Which pods count, and which of them say that a model cannot run: what the cluster does to a pod is no fault of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.pods import pod_of
from timoneiro_operator.serving.workload import made_by, read_workload, ready_pods

WORKLOAD = "fraud-a-predictor"
READY = {"type": "Ready", "status": "True"}
UNREADY = {"type": "Ready", "status": "False"}
DISRUPTED = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
ENDED = {"terminated": {"exitCode": 137, "reason": "Error", "message": "killed"}}
CRASHED = {
    "name": "kserve-container",
    "restartCount": 5,
    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
    "lastState": ENDED,
}
KILLED = {"name": "kserve-container", "restartCount": 5, "state": ENDED}


def service() -> dict[str, Any]:
    return {"metadata": {"name": "fraud-a"}, "spec": {"predictor": {"minReplicas": 1}}}


def pod(*conditions: dict[str, Any], leaving: bool = False, **status: Any) -> dict[str, Any]:
    body = pod_of(WORKLOAD, conditions=list(conditions), **status)
    if leaving:
        body["metadata"]["deletionTimestamp"] = "2026-11-24T10:00:00Z"
    return body


READY_POD = pod(READY, phase="Running")

# What the cluster does to a pod, whatever the state that its containers are left in.
ENDED_BY_THE_CLUSTER = {
    "terminating": {"leaving": True, "phase": "Running"},
    "evicted": {"phase": "Failed", "reason": "Evicted"},
    "ended with its node": {"phase": "Failed", "reason": "Terminated"},
    "refused by its node": {"phase": "Failed", "reason": "UnexpectedAdmissionError"},
    "completed": {"phase": "Succeeded"},
    "about to be disrupted": {"phase": "Running", "disrupted": True},
}


def ended(how: str, container: dict[str, Any], *, ready: bool) -> dict[str, Any]:
    wanted = dict(ENDED_BY_THE_CLUSTER[how])
    conditions = [READY if ready else UNREADY, *([DISRUPTED] if wanted.pop("disrupted", False) else [])]
    return pod(*conditions, containerStatuses=[container], **wanted)


@pytest.mark.parametrize("container", [CRASHED, KILLED], ids=["crashed before", "killed"])
@pytest.mark.parametrize("how", ENDED_BY_THE_CLUSTER)
def test_a_pod_that_the_cluster_ends_is_no_crash(how: str, container: dict[str, Any]) -> None:
    assert read_workload(service(), [ended(how, container, ready=False)]).failure is None


@pytest.mark.parametrize("how", [how for how in ENDED_BY_THE_CLUSTER if how != "about to be disrupted"])
def test_a_pod_that_is_over_or_on_its_way_out_is_not_ready_whatever_its_condition_says(how: str) -> None:
    gone = ended(how, {"name": "kserve-container", "restartCount": 0}, ready=True)
    assert read_workload(service(), [gone]).ready_replicas == 0
    assert ready_pods([gone, READY_POD], WORKLOAD) == [READY_POD]


def test_a_pod_that_is_about_to_be_disrupted_serves_until_it_is_gone() -> None:
    serving = ended("about to be disrupted", {"name": "kserve-container", "restartCount": 0}, ready=True)
    assert read_workload(service(), [serving]).ready_replicas == 1


@given(
    st.lists(st.tuples(st.sampled_from(sorted(ENDED_BY_THE_CLUSTER)), st.sampled_from([CRASHED, KILLED])), max_size=6),
    st.integers(0, 3),
)
def test_a_drained_node_never_rejects_a_candidate_and_never_counts(
    drained: list[tuple[str, dict[str, Any]]], ready: int
) -> None:
    pods = [ended(how, container, ready=False) for how, container in drained] + [READY_POD] * ready
    workload = read_workload(service(), pods)
    assert (workload.ready_replicas, workload.failure) == (ready, None)


def test_a_crash_is_seen_among_pods_that_the_cluster_has_ended() -> None:
    drained = [ended(how, KILLED, ready=False) for how in ENDED_BY_THE_CLUSTER]
    failure = read_workload(service(), [*drained, pod(UNREADY, phase="Running", containerStatuses=[CRASHED])]).failure
    assert failure is not None
    assert (failure.reason, failure.final) == ("CrashLoopBackOff", True)


def test_a_container_that_is_killed_for_its_memory_is_said_to_be() -> None:
    ended = {"terminated": {"exitCode": 137, "reason": "OOMKilled", "message": "GET /metrics 200"}}
    failure = read_workload(
        service(), [pod(UNREADY, phase="Running", containerStatuses=[CRASHED | {"lastState": ended}])]
    ).failure
    assert failure is not None
    assert (failure.reason, failure.final) == ("OOMKilled", True)
    assert failure.message == "the container kserve-container used more memory than its limit"


def foreign(**changes: Any) -> dict[str, Any]:
    """A pod with the labels of one of ours, and another owner."""
    body = pod(READY, phase="Running", containerStatuses=[CRASHED])
    owner = {**body["metadata"]["ownerReferences"][0], **changes}
    return {**body, "metadata": {**body["metadata"], "ownerReferences": [owner]}}


FOREIGN = {
    "of a DaemonSet": foreign(kind="DaemonSet"),
    "of a ReplicaSet of another group": foreign(apiVersion="example.com/v1"),
    "of another revision": foreign(name="fraud-b-predictor-5d4f8c7b9"),
    "of another template": foreign(name="fraud-a-predictor-0000"),
    "of another component": foreign(name="fraud-a-transformer-5d4f8c7b9"),
    "of an owner that does not control it": foreign(controller=False),
    "of nobody": {**READY_POD, "metadata": {**READY_POD["metadata"], "ownerReferences": []}},
    "of nobody and without labels": {**READY_POD, "metadata": {"name": "p"}},
}


@pytest.mark.parametrize("body", FOREIGN.values(), ids=list(FOREIGN))
def test_a_pod_of_another_owner_feeds_nobody(body: dict[str, Any]) -> None:
    workload = read_workload(service(), [body])
    assert (workload.ready_replicas, workload.routable, workload.failure) == (0, False, None)
    assert ready_pods([body], WORKLOAD) == []


def test_a_pod_of_its_deployment_counts() -> None:
    assert made_by(READY_POD, WORKLOAD)
    assert read_workload(service(), [READY_POD]).ready_replicas == 1
