"""What KServe makes of canaryTrafficPercent: the facts that the Knative driver rests on, on the real KServe controller.

Knative itself is played by FakeKnative. Revisions are named by their last digits, templates by their letter.
"""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from localcluster.cluster import Cluster
from localcluster.errors import LocalClusterError
from support.fake_knative import FakeKnative
from support.waiting import wait

RUNTIME_NAME = "nothing-is-started"
RUNTIME = {
    "apiVersion": "serving.kserve.io/v1alpha1",
    "kind": "ServingRuntime",
    "metadata": {"name": RUNTIME_NAME},
    "spec": {
        "supportedModelFormats": [{"name": "sklearn", "version": "1"}],
        "containers": [{"name": "kserve-container", "image": "example.com/none:1"}],
    },
}


class Rollout:
    """One InferenceService in Knative mode and the Knative Service that KServe makes for it."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace

    def apply(self, letter: str, percent: int | None = None, annotations: dict[str, str] | None = None) -> None:
        """The model of this letter, as the operator applies it; all in one write."""
        predictor: dict[str, Any] = {
            "minReplicas": 1,
            "maxReplicas": 1,
            "model": {
                "modelFormat": {"name": "sklearn"},
                "runtime": RUNTIME_NAME,
                "storageUri": f"s3://models/fraud/{letter}",
            },
        }
        if percent is not None:
            predictor["canaryTrafficPercent"] = percent
        body = {
            "apiVersion": "serving.kserve.io/v1beta1",
            "kind": "InferenceService",
            "metadata": {
                "name": "fraud",
                "labels": {"timoneiro.dev/model-deployment": "fraud", "timoneiro.dev/revision": letter},
                "annotations": {"serving.kserve.io/deploymentMode": "Knative"} | (annotations or {}),
            },
            "spec": {"predictor": predictor},
        }
        self.kubectl(
            "apply", "--server-side", "--force-conflicts", "--field-manager=test", "-f", "-", stdin=json.dumps(body)
        )

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self._cluster.kubectl("-n", self._namespace, *arguments, stdin=stdin)

    def get(self, kind: str, name: str) -> dict[str, Any]:
        return self._cluster.get("-n", self._namespace, kind, name)

    def service(self) -> dict[str, Any]:
        return self.get("inferenceservice", "fraud")

    def knative(self) -> dict[str, Any]:
        return self.get("services.serving.knative.dev", "fraud-predictor")

    def look(self) -> dict[str, Any]:
        """What KServe wants of Knative, and what it says of the revisions."""
        try:
            predictor = self.service()["status"]["components"]["predictor"]
            wanted = self.knative()["spec"]["traffic"]
        except (LocalClusterError, KeyError):
            return {}
        return {
            "wanted": {_short(target.get("revisionName", "latest")): target["percent"] for target in wanted},
            "traffic": _sums(predictor.get("traffic") or []),
            "created": _short(predictor.get("latestCreatedRevision", "")),
            "ready": _short(predictor.get("latestReadyRevision", "")),
            "rolled_out": _short(predictor.get("latestRolledoutRevision", "")),
            "before": _short(predictor.get("previousRolledoutRevision", "")),
        }

    def comes_to(self, **expected: Any) -> None:
        wait(f"{expected}", lambda: expected.items() <= self.look().items(), state=lambda: str(self.look()))

    def condition(self, kind: str) -> dict[str, Any]:
        conditions = {entry["type"]: entry for entry in self.service()["status"]["conditions"]}
        return dict(conditions.get(kind, {}))

    def promote(self, letter: str, number: str) -> None:
        """The model of this letter becomes the rolled-out one, under this revision."""
        self.apply(letter, 0)
        self.comes_to(ready=number)
        self.apply(letter, 100)
        self.comes_to(rolled_out=number, traffic={number: 100})


def _short(revision: str) -> str:
    return revision.removeprefix("fraud-predictor-")


def _sums(traffic: list[dict[str, Any]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for target in traffic:
        name = _short(target["revisionName"])
        sums[name] = sums.get(name, 0) + target["percent"]
    return sums


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of the test's own; nothing of Timoneiro is needed here."""
    name = f"test-{uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    cluster.kubectl("-n", name, "apply", "-f", "-", stdin=json.dumps(RUNTIME))
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def knative(cluster: Cluster, namespace: str) -> Iterator[FakeKnative]:
    with FakeKnative(cluster.kubeconfig, namespace) as knative:
        yield knative


@pytest.fixture
def rollout(cluster: Cluster, namespace: str, knative: FakeKnative) -> Rollout:
    """Model a is rolled out."""
    rollout = Rollout(cluster, namespace)
    rollout.apply("a")
    rollout.comes_to(rolled_out="00001", traffic={"00001": 100})
    return rollout


def test_labels_of_an_inference_service_are_on_the_knative_service_and_on_its_pods(rollout: Rollout) -> None:
    knative = rollout.knative()
    wanted = {"timoneiro.dev/model-deployment": "fraud", "timoneiro.dev/revision": "a"}
    assert wanted.items() <= knative["metadata"]["labels"].items()
    assert wanted.items() <= knative["spec"]["template"]["metadata"]["labels"].items()


def test_an_inference_service_is_ready_when_its_knative_service_is(rollout: Rollout) -> None:
    wait("Ready", lambda: rollout.condition("Ready").get("status") == "True")
    assert rollout.service()["status"]["url"] == rollout.knative()["status"]["url"]


def test_a_new_model_at_percent_zero_leaves_all_traffic_on_the_rolled_out_revision(rollout: Rollout) -> None:
    rollout.apply("b", 0)
    rollout.comes_to(wanted={"latest": 0, "00001": 100}, created="00002", ready="00002")
    rollout.comes_to(traffic={"00002": 0, "00001": 100}, rolled_out="00001")


def test_a_revision_is_the_rolled_out_one_at_a_hundred_percent_and_not_before(rollout: Rollout) -> None:
    rollout.apply("b", 0)
    rollout.comes_to(ready="00002")
    for percent in (10, 50, 99):
        rollout.apply("b", percent)
        rollout.comes_to(traffic={"00002": percent, "00001": 100 - percent}, rolled_out="00001", before="")
    rollout.apply("b", 100)
    rollout.comes_to(traffic={"00002": 100}, rolled_out="00002", before="00001")


def test_a_percentage_that_is_taken_away_gives_everything_to_the_newest_ready_revision(rollout: Rollout) -> None:
    rollout.apply("b", 0)
    rollout.comes_to(ready="00002")
    rollout.apply("b")
    rollout.comes_to(traffic={"00002": 100}, rolled_out="00002")


def test_a_change_of_the_percentage_alone_makes_no_revision(rollout: Rollout) -> None:
    before = rollout.knative()["spec"]["template"]
    rollout.apply("a", 30)
    rollout.comes_to(wanted={"latest": 30, "00001": 70}, traffic={"00001": 100})
    assert rollout.knative()["spec"]["template"] == before
    assert rollout.look()["created"] == "00001"


def test_an_annotation_alone_makes_a_revision(rollout: Rollout) -> None:
    rollout.apply("a", 0, {"note": "nothing else has changed"})
    rollout.comes_to(created="00002")


def test_the_observed_generation_is_that_of_the_knative_service(rollout: Rollout) -> None:
    rollout.apply("b", 100)
    rollout.comes_to(rolled_out="00002")
    # Both mean all traffic for the newest revision, so that the Knative Service stays as it is.
    rollout.apply("b")
    rollout.apply("c", 0)
    rollout.comes_to(ready="00003")
    service, generation = rollout.service(), rollout.knative()["metadata"]["generation"]
    assert service["status"]["observedGeneration"] == generation
    assert service["metadata"]["generation"] != generation


def test_a_revision_that_fails_is_named_with_its_reason_and_gets_no_traffic(
    rollout: Rollout, knative: FakeKnative
) -> None:
    knative.fail_next("exit code 1")
    rollout.apply("b", 0)
    rollout.comes_to(created="00002", ready="00001", rolled_out="00001", traffic={"00001": 100})
    wait("a failure", lambda: rollout.condition("Ready").get("status") == "False")
    condition = rollout.condition("PredictorReady")
    assert (condition["reason"], "exit code 1" in condition["message"]) == ("RevisionFailed", True)
    assert rollout.service()["status"]["modelStatus"]["transitionStatus"] == "BlockedByFailedLoad"


def test_a_percentage_goes_to_the_newest_ready_revision_which_need_not_be_the_new_model(
    rollout: Rollout, knative: FakeKnative
) -> None:
    rollout.apply("b", 0)
    rollout.comes_to(ready="00002")
    knative.hold_next()
    rollout.apply("c", 10)
    rollout.comes_to(created="00003", ready="00002", traffic={"00002": 10, "00001": 90})
    knative.settle("fraud-predictor-00003")
    rollout.comes_to(ready="00003", traffic={"00003": 10, "00001": 90})


def test_going_back_to_the_old_model_without_a_percentage_rolls_out_the_one_that_was_rejected(
    rollout: Rollout, knative: FakeKnative
) -> None:
    rollout.apply("b", 0)
    rollout.comes_to(ready="00002")
    knative.hold_next()
    rollout.apply("a")
    rollout.comes_to(created="00003", traffic={"00002": 100}, rolled_out="00002")


def test_going_back_to_the_old_model_at_percent_zero_is_safe_and_makes_a_revision_of_its_own(rollout: Rollout) -> None:
    rollout.apply("b", 10)
    rollout.comes_to(ready="00002", traffic={"00002": 10, "00001": 90})
    rollout.apply("b", 0)
    rollout.comes_to(traffic={"00002": 0, "00001": 100})
    rollout.apply("a", 0)
    rollout.comes_to(ready="00003", traffic={"00003": 0, "00001": 100}, rolled_out="00001")
    rollout.apply("a")
    rollout.comes_to(traffic={"00003": 100}, rolled_out="00003", before="00001")


def test_percent_zero_after_a_promotion_goes_back_to_the_revision_before(rollout: Rollout) -> None:
    rollout.promote("b", "00002")
    rollout.apply("b", 0)
    rollout.comes_to(wanted={"latest": 0, "00001": 100}, traffic={"00002": 0, "00001": 100}, rolled_out="00001")


def test_traffic_that_knative_shows_before_the_new_revision_makes_kserve_go_back_one_too_far(
    rollout: Rollout, knative: FakeKnative
) -> None:
    rollout.promote("b", "00002")
    with knative.frozen():
        rollout.apply("c", 0)
        rollout.comes_to(wanted={"latest": 0, "00002": 100})
        # As when Knative's route controller has seen the change and its configuration controller has not yet.
        name = "fraud-predictor-00002"
        traffic = [
            {"revisionName": name, "latestRevision": True, "percent": 0},
            {"revisionName": name, "latestRevision": False, "percent": 100, "tag": "prev"},
        ]
        patch = json.dumps({"status": {"traffic": traffic}})
        rollout.kubectl(
            "patch",
            "services.serving.knative.dev",
            "fraud-predictor",
            "--subresource=status",
            "--type=merge",
            f"--patch={patch}",
        )
        rollout.comes_to(wanted={"latest": 0, "00001": 100}, rolled_out="00001")


def test_the_deployment_mode_cannot_be_changed(rollout: Rollout) -> None:
    with pytest.raises(LocalClusterError, match="deploymentMode cannot be changed from 'Knative' to 'Standard'"):
        rollout.apply("a", annotations={"serving.kserve.io/deploymentMode": "Standard"})
