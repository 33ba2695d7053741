"""Whom a source of counts asks: the ready pods of an arm, by the profile of the runtime that serves it."""

from hashlib import md5
from typing import Any

import pytest

from support.fake_world import FakeWorld
from support.pods import pod_of
from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.status import Stable, Status
from timoneiro_operator.drivers.driver import Children
from timoneiro_operator.metrics.look import Target
from timoneiro_operator.targets.arms import arm_targets
from timoneiro_operator.traffic.knative import deployment_name


def deployment(*, backend: str | None = None, **route: Any) -> ModelDeployment:
    world = FakeWorld()
    world.spec["route"] |= route
    world.status = Status(stable=Stable(revision="a", inference_service="x", uri="s3://x/", backend=backend))
    return world.deployment


def pod(name: str, *, ready: bool = True, restarts: int = 0) -> dict[str, Any]:
    return pod_of(
        "fraud-a-predictor",
        name=name,
        podIP="10.0.0.1",
        conditions=[{"type": "Ready", "status": str(ready)}],
        containerStatuses=[{"restartCount": restarts}, {"restartCount": 1}],
    )


def test_only_ready_pods_are_asked_and_how_often_they_restarted_is_known() -> None:
    children = Children(services={}, pods={"a": [pod("one", restarts=2), pod("two", ready=False)]})
    assert arm_targets(deployment(), children, "a").pods == (Target("uid-one", "one", "10.0.0.1", 3),)


def test_an_arm_behind_a_gateway_has_an_inference_service_of_its_own() -> None:
    arm = arm_targets(deployment(), Children(services={}, pods={}), "a")
    assert arm.placeholders("ns") == {
        "namespace": "ns",
        "revision": "a",
        "inferenceService": "fraud-a",
        "workload": "fraud-a-predictor",
    }


def test_an_arm_in_knative_goes_by_the_name_of_its_revision() -> None:
    made = deployment(driver="Knative", hostnames=[], backend="fraud-predictor-00002")
    arm = arm_targets(made, Children(services={}, pods={}), "a")
    assert (arm.inference_service, arm.workload) == ("fraud", "fraud-predictor-00002-deployment")


def test_a_name_that_is_too_long_for_knative_ends_in_a_digest_of_it() -> None:
    longest = f"{'f' * 36}-predictor-00002"
    assert deployment_name(longest) == f"{longest}-deployment"
    # By Knative's kmeta.ChildName.
    assert deployment_name(f"f{longest}") == f"{'f' * 20}{md5(f'f{longest}'.encode()).hexdigest()}-deployment"


@pytest.mark.parametrize(
    ("body", "profile"),
    [
        ({}, "KServe Python"),
        ({"spec": {"predictor": {"model": {"runtime": "kserve-mlserver"}}}}, "MLServer"),
        ({"status": {"clusterServingRuntimeName": "kserve-tritonserver"}}, "Triton"),
        ({"status": {"servingRuntimeName": "mine", "clusterServingRuntimeName": "kserve-mlserver"}}, "KServe Python"),
    ],
)
def test_the_profile_is_the_one_of_the_runtime_that_is_named_or_that_kserve_has_chosen(
    body: dict[str, Any], profile: str
) -> None:
    children = Children(services={"fraud-a": body}, pods={})
    assert arm_targets(deployment(), children, "a").profile.name == profile
