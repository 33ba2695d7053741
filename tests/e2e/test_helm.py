"""Upgrade, rollback, uninstall and reinstallation of the chart while a candidate has traffic: nobody notices."""

from collections.abc import Callable
from typing import Any

import pytest

from demo.platform import SYSTEM_NAMESPACE, install
from support.bench import Bench

HELD = {"canary": {"steps": [{"weight": 40, "for": "1h"}]}, "progressDeadline": "240s", "scaleDownDelay": "2s"}
ANALYSIS = {
    "interval": "1s",
    "warmUp": "0s",
    "minRequests": 20,
    "promotion": "NoHarm",
    "metrics": [{"name": "errors", "negligible": 0.01}],
}
# So many that both models have answered some of them.
ENOUGH = 120


@pytest.fixture(scope="module")
def bench(open_bench: Callable[..., Bench]) -> Bench:
    return open_bench("helm", rollout=HELD, analysis=ANALYSIS)


def upgrade(bench: Bench) -> None:
    install(bench.cluster, "--set", "operator.logLevel=DEBUG")


def rollback(bench: Bench) -> None:
    bench.cluster.helm("rollback", "timoneiro", "--namespace", SYSTEM_NAMESPACE, "--wait", "--timeout", "120s")


def uninstall(bench: Bench) -> None:
    bench.cluster.helm("uninstall", "timoneiro", "--namespace", SYSTEM_NAMESPACE, "--wait", "--timeout", "90s")


def reinstall(bench: Bench) -> None:
    install(bench.cluster)


def pods(bench: Bench) -> dict[str, int]:
    """Restarts by uid of the pods of both models."""
    found = bench.cluster.get("pods", "-l", f"timoneiro.dev/model-deployment={bench.name}")["items"]
    return {pod["metadata"]["uid"]: sum(c["restartCount"] for c in pod["status"]["containerStatuses"]) for pod in found}


def step(bench: Bench) -> Any:
    """The step that the rollout is in, once it counts."""
    found = bench.status().get("step") or {}
    return found.get("kind") == "Weight" and found.get("startedAt") and found


@pytest.mark.usefixtures("nothing_is_lost_and_no_rule_is_broken")
def test_a_rollout_goes_on_through_everything_that_helm_does_to_the_operator(bench: Bench) -> None:
    version = bench.release("good")
    began = bench.wait("a step", lambda: step(bench))
    before = pods(bench)
    for happens in (upgrade, rollback, uninstall, reinstall):
        happens(bench)
        sent = bench.sent
        bench.wait(f"requests after {happens.__name__}", lambda sent=sent: bench.sent >= sent + ENOUGH)
        assert bench.tally(since=sent).failed_by_rollout == 0, happens.__name__
        assert (pods(bench), step(bench)) == (before, began), happens.__name__
    answer = bench.timoneiro("promote", bench.name, "--full", "--timeout", "90s")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    ended = bench.wait("the promotion", lambda: bench.outcome(version))
    assert ended["outcome"] == "Promoted"


@pytest.mark.usefixtures("nothing_is_lost_and_no_rule_is_broken")
def test_a_model_that_turns_out_bad_while_there_is_no_operator_goes_back_when_there_is_one_again(bench: Bench) -> None:
    bench.wait("rest", lambda: bench.status()["phase"] == "Healthy")
    uninstall(bench)
    version = bench.release("bad")
    reinstall(bench)
    ended = bench.wait("the rollback", lambda: bench.outcome(version))
    assert ended["outcome"] == "RolledBack"
