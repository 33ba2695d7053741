"""Autoscaling on the local cluster: the real autoscaler of Kubernetes, real KServe, and a load that the test says."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from localcluster.cluster import Cluster
from support.bench import Bench
from support.fake_metrics_api import Usage

pytestmark = pytest.mark.usefixtures("nothing_is_lost_and_no_rule_is_broken")

# Half of what a pod of the runtime requests is 50m, so that this load needs three pods.
BUSY, IDLE = 150, 10
PREDICTOR = {"serviceAccountName": "models", "minReplicas": 1, "maxReplicas": 4, "scaleTarget": 50}
COMMON = {"progressDeadline": "240s", "keepStable": "8s", "scaleDownDelay": "1s"}
ROLLOUT = {**COMMON, "canary": {"steps": [{"weight": 50, "for": "1s"}]}}
HELD = {**COMMON, "canary": {"steps": [{"weight": 50, "for": "1h"}]}}
ANALYSIS = {
    "interval": "1s",
    "warmUp": "0s",
    "minRequests": 5,
    "promotion": "NoHarm",
    "metrics": [{"name": "errors", "negligible": 0.01}],
}


@pytest.fixture(scope="module")
def usage(platform: Cluster) -> Iterator[Usage]:
    made = Usage(platform)
    yield made
    made.close()


@pytest.fixture(scope="module")
def bench(usage: Usage, open_bench: Callable[..., Bench]) -> Bench:
    return open_bench("scaled", predictor=PREDICTOR, rollout=HELD, analysis=ANALYSIS)


def serving(bench: Bench) -> str:
    """Name of the InferenceService of the stable model."""
    return str(bench.status()["stable"]["inferenceService"])


def ready_pods(bench: Bench) -> dict[str, int]:
    """Restarts by uid of the pods of the stable model, all of which are ready, or none."""
    pods = bench.cluster.get("pods", "-l", f"serving.kserve.io/inferenceservice={serving(bench)}")["items"]
    conditions = [{c["type"]: c["status"] for c in pod["status"].get("conditions") or []} for pod in pods]
    return bench.stable_pods() if all(c.get("Ready") == "True" for c in conditions) else {}


def busy(bench: Bench, usage: Usage) -> dict[str, int]:
    """The stable model gets a load that needs three pods, and has them."""
    usage.say(f"{serving(bench)}-predictor", BUSY)
    pods: dict[str, int] = bench.wait("three ready pods", lambda: len(p := ready_pods(bench)) == 3 and p)
    return pods


def autoscaler(bench: Bench, name: str) -> dict[str, Any]:
    found: dict[str, Any] = bench.cluster.get("hpa", f"{name}-predictor")
    return found


def is_held_by_its_minimum(bench: Bench, name: str) -> bool:
    """The autoscaler has seen that fewer pods would do."""
    conditions = autoscaler(bench, name)["status"].get("conditions") or []
    return any(c["type"] == "ScalingLimited" and c["reason"] == "TooFewReplicas" for c in conditions)


def test_an_abort_finds_the_pods_that_the_stable_model_had_and_its_autoscaler_gets_its_choice_back(
    bench: Bench, usage: Usage
) -> None:
    name, before = serving(bench), busy(bench, usage)
    bench.release("good")
    bench.wait("half of the traffic on the candidate", lambda: (bench.status().get("step") or {}).get("weight") == 50)
    candidate = bench.status()["candidate"]["revision"]
    usage.say(f"{name}-predictor", IDLE)
    bench.wait("the autoscaler would take pods away", lambda: is_held_by_its_minimum(bench, name))
    assert bench.timoneiro("abort", bench.name).returncode == 0
    bench.wait("all traffic on the stable model", lambda: bench.outside.routes()[-1].get(candidate, 0) == 0)
    assert bench.stable_pods() == before
    assert [(weight, ready >= 2) for weight, ready in bench.outside.given(candidate)] == [(50, True)]
    # Pods that the autoscaler takes away under load are nothing that a rollout does.
    usage.say(f"{name}-predictor", BUSY)
    bench.wait("its own minimum", lambda: autoscaler(bench, name)["spec"]["minReplicas"] == 1)
    assert bench.stable_pods() == before


def test_a_candidate_has_the_pods_of_the_stable_model_before_it_gets_all_its_traffic_and_loses_them_afterwards(
    bench: Bench, usage: Usage
) -> None:
    busy(bench, usage)
    bench.configure(predictor=PREDICTOR, rollout=ROLLOUT, analysis=ANALYSIS)
    version = bench.release("good")
    bench.wait("the promotion", lambda: (bench.outcome(version) or {}).get("outcome") == "Promoted")
    name = serving(bench)
    usage.say(f"{name}-predictor", BUSY)
    pods = bench.stable_pods()
    assert autoscaler(bench, name)["spec"]["minReplicas"] == 3
    revision = bench.status()["stable"]["revision"]
    assert bench.wait("its share in the route", lambda: dict(bench.outside.given(revision)).get(90)) >= 3
    bench.wait("its own minimum", lambda: autoscaler(bench, name)["spec"]["minReplicas"] == 1)
    assert bench.stable_pods() == pods
