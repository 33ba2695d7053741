"""Driver Knative: the operator and the real KServe controller in Knative mode; Knative itself is played by FakeKnative.

No pods are served, so that there is nothing to measure: the schedule alone promotes.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from localcluster.cluster import Cluster
from support.asking import ask
from support.fake_knative import SERVICE, FakeKnative
from support.versions import Versions
from support.waiting import wait
from timoneiro_operator.api.command import Command, encode_command

_SOURCE = "internal.serving.kserve.io/storage-initializer-sourceuri"
STEPS = [{"weight": 20, "for": "2s"}, {"weight": 50, "for": "2s"}]


class Deployment:
    """A ModelDeployment `fraud` with driver Knative, and everything that its Knative Service was told to split."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._versions = Versions(cluster.kubeconfig, namespace=namespace, kinds={"Service": SERVICE})

    def close(self) -> None:
        self._versions.close()

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self._cluster.kubectl("-n", self._namespace, *arguments, stdin=stdin)

    def release(self, number: int, **rollout: Any) -> None:
        body = {
            "apiVersion": "timoneiro.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": "fraud"},
            "spec": {
                "model": {
                    "format": {"name": "sklearn", "version": "1"},
                    "uri": f"s3://models/fraud/{number}/",
                    "version": str(number),
                },
                "route": {"driver": "Knative"},
                "rollout": {"canary": {"steps": STEPS}, "keepStable": "1s", "scaleDownDelay": "1s", **rollout},
                "analysis": {"interval": "1s", "warmUp": "0s", "minRequests": 0, "promotion": "NoHarm"},
            },
        }
        self.kubectl(
            "apply", "--server-side", "--force-conflicts", "--field-manager=people", "-f", "-", stdin=json.dumps(body)
        )

    def ask(self, command: Command) -> None:
        ask(self._cluster, self._namespace, encode_command(command))

    def get(self, kind: str, name: str) -> dict[str, Any]:
        return self._cluster.get("-n", self._namespace, kind, name)

    def status(self) -> dict[str, Any]:
        return self.get("md", "fraud").get("status") or {}

    def knative(self) -> dict[str, Any]:
        return self.get("services.serving.knative.dev", "fraud-predictor")

    def wait(self, what: str, phase: str, *, stable: str) -> dict[str, Any]:
        """The status once its phase and the version of its stable model are these."""

        def there() -> dict[str, Any] | None:
            status = self.status()
            fits = status.get("phase") == phase and (status.get("stable") or {}).get("version") == stable
            return status if fits else None

        found: dict[str, Any] = wait(what, there, state=lambda: json.dumps(self.status(), indent=1))
        return found

    def shares(self) -> dict[str, int]:
        """Percent by Knative's revision, as it is carried out."""
        shares: dict[str, int] = {}
        for target in self.knative()["status"].get("traffic") or []:
            shares[target["revisionName"]] = shares.get(target["revisionName"], 0) + target.get("percent", 0)
        return {name: share for name, share in shares.items() if share}

    def splits(self) -> list[tuple[str, int]]:
        """Version of the model in the template and percent of the latest revision, at each write that changed them."""
        found: list[tuple[str, int]] = []
        for spec in (seen.body["spec"] for seen in self._versions.ordered() if not seen.gone):
            uri = spec["template"]["metadata"]["annotations"][_SOURCE]
            latest = sum(target.get("percent", 0) for target in spec["traffic"] if target.get("latestRevision"))
            split = (uri.rstrip("/").rsplit("/", 1)[1], latest)
            if not found or found[-1] != split:
                found.append(split)
        return found

    def was_split(self, *splits: tuple[str, int]) -> None:
        """Waits for the watch to have brought just these, the first ones first."""
        wait("the splits", lambda: self.splits()[: len(splits)] == list(splits), state=lambda: str(self.splits()))


@pytest.fixture
def knative(platform: Cluster, namespace: str) -> Iterator[FakeKnative]:
    with FakeKnative(platform.kubeconfig, namespace) as fake:
        yield fake


@pytest.fixture
def fraud(platform: Cluster, namespace: str, knative: FakeKnative) -> Iterator[Deployment]:
    """The first model is live."""
    deployment = Deployment(platform, namespace)
    deployment.release(1)
    deployment.wait("the first model", "Healthy", stable="1")
    yield deployment
    deployment.close()


def test_the_first_model_gets_all_traffic_of_one_knative_service(fraud: Deployment) -> None:
    assert fraud.shares() == {"fraud-predictor-00001": 100}
    stable = fraud.status()["stable"]
    assert (stable["inferenceService"], stable["backend"]) == ("fraud", "fraud-predictor-00001")


def test_a_canary_gets_its_share_by_canary_traffic_percent_step_by_step(fraud: Deployment) -> None:
    fraud.release(2)
    status = fraud.wait("the promotion", "Healthy", stable="2")
    fraud.was_split(("1", 100), ("2", 0), ("2", 20), ("2", 50), ("2", 90), ("2", 100))
    wait("the end of the holdback", lambda: fraud.shares() == {"fraud-predictor-00002": 100})
    assert [entry["outcome"] for entry in status["history"]] == ["Promoted", "Promoted"]


def test_without_a_holdback_a_promotion_gives_everything_to_the_new_model(fraud: Deployment) -> None:
    fraud.release(2, holdback=0)
    fraud.wait("the promotion", "Healthy", stable="2")
    fraud.was_split(("1", 100), ("2", 0), ("2", 20), ("2", 50), ("2", 100))


def test_an_abort_in_a_holdback_gives_everything_back_to_the_former_model(fraud: Deployment) -> None:
    fraud.release(2, keepStable="1h")
    status = fraud.wait("the promotion", "Healthy", stable="2")
    assert status["traffic"]["desired"] == {"stable": 90, "candidate": 0, "former": 10}
    fraud.ask(Command(id="1", action="abort", revision=status["stable"]["revision"]))
    fraud.wait("the way back", "RolledBack", stable="1")
    fraud.was_split(("1", 100), ("2", 0), ("2", 20), ("2", 50), ("2", 90), ("2", 0))
    assert fraud.shares() == {"fraud-predictor-00001": 100}


def test_a_new_revision_in_a_holdback_begins_when_the_promoted_one_is_rolled_out(fraud: Deployment) -> None:
    fraud.release(2, keepStable="1h")
    fraud.wait("the promotion", "Healthy", stable="2")
    fraud.release(3, keepStable="1h")
    fraud.wait("the promotion of the third", "Healthy", stable="3")
    fraud.was_split(
        ("1", 100), ("2", 0), ("2", 20), ("2", 50), ("2", 90), ("2", 100), ("3", 0), ("3", 20), ("3", 50), ("3", 90)
    )


def test_a_revision_that_never_becomes_ready_gets_no_traffic_and_is_rolled_back(
    fraud: Deployment, knative: FakeKnative
) -> None:
    knative.fail_next("Container failed with: exit 1")
    fraud.release(2, progressDeadline="3s")
    status = fraud.wait("the rollback", "RolledBack", stable="1")
    assert "Container failed with: exit 1" in status["rejected"][0]["reason"]
    assert fraud.splits() == [("1", 100), ("2", 0)]
    assert fraud.shares() == {"fraud-predictor-00001": 100}


def test_a_new_revision_in_mid_rollout_takes_the_percent_back_in_the_write_that_brings_it(
    fraud: Deployment, knative: FakeKnative
) -> None:
    fraud.release(2, canary={"steps": [{"weight": 20, "for": "1h"}]})
    wait("the step", lambda: (fraud.status().get("step") or {}).get("weight") == 20)
    wait("the share", lambda: fraud.shares().get("fraud-predictor-00002") == 20)
    fraud.release(3)
    fraud.wait("the promotion of the third", "Healthy", stable="3")
    fraud.was_split(("1", 100), ("2", 0), ("2", 20), ("3", 0))


def test_an_abort_leaves_the_revision_at_percent_0_and_the_next_one_starts_from_there(
    fraud: Deployment, platform: Cluster
) -> None:
    fraud.release(2, canary={"steps": [{"weight": 20, "for": "1h"}]})
    wait("the share", lambda: fraud.shares().get("fraud-predictor-00002") == 20)
    command = Command(id="1", action="abort", revision=fraud.status()["candidate"]["revision"])
    fraud.ask(command)
    fraud.wait("the abort", "RolledBack", stable="1")
    assert fraud.shares() == {"fraud-predictor-00001": 100}
    fraud.release(3)
    fraud.wait("the promotion of the third", "Healthy", stable="3")
    fraud.was_split(("1", 100), ("2", 0), ("2", 20), ("2", 0), ("3", 0), ("3", 20), ("3", 50), ("3", 90))


def test_a_rollback_by_command_brings_the_former_model_back_without_steps(fraud: Deployment) -> None:
    fraud.release(2)
    status = fraud.wait("the promotion", "Healthy", stable="2")
    wait("the end of the holdback", lambda: fraud.shares() == {"fraud-predictor-00002": 100})
    fraud.ask(Command(id="1", action="rollback", revision=status["stable"]["revision"]))
    fraud.wait("the way back", "RolledBack", stable="1")
    fraud.was_split(("1", 100), ("2", 0), ("2", 20), ("2", 50), ("2", 90), ("2", 100), ("1", 0), ("1", 100))
    assert fraud.shares() == {"fraud-predictor-00003": 100}


def test_a_rollback_by_command_in_a_holdback_needs_nothing_that_is_not_there(fraud: Deployment) -> None:
    fraud.release(2, keepStable="1h")
    status = fraud.wait("the promotion", "Healthy", stable="2")
    fraud.ask(Command(id="1", action="rollback", revision=status["stable"]["revision"]))
    fraud.wait("the way back", "RolledBack", stable="1")
    wait("the share", lambda: fraud.shares() == {"fraud-predictor-00001": 100}, state=lambda: str(fraud.shares()))


def test_the_former_model_published_again_in_a_holdback_is_made_anew(fraud: Deployment) -> None:
    fraud.release(2, keepStable="1h")
    fraud.wait("the promotion", "Healthy", stable="2")
    fraud.release(1, keepStable="1h")
    fraud.wait("the promotion", "Healthy", stable="1")
    wait("the share", lambda: fraud.shares() == {"fraud-predictor-00003": 100}, state=lambda: str(fraud.shares()))


def test_a_percent_edited_by_hand_is_put_back_and_reported(fraud: Deployment) -> None:
    fraud.release(2, canary={"steps": [{"weight": 20, "for": "1h"}]})
    wait("the share", lambda: fraud.shares().get("fraud-predictor-00002") == 20)
    wait("the acceptance", lambda: fraud.status()["traffic"]["accepted"])
    fraud.kubectl(
        "patch", "inferenceservice", "fraud", "--type=merge", "-p", '{"spec":{"predictor":{"canaryTrafficPercent":90}}}'
    )
    wait("the report", lambda: (fraud.status().get("restored") or {}).get("what"))
    wait("the share again", lambda: fraud.shares().get("fraud-predictor-00002") == 20)
