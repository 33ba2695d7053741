"""A model that answers nonsense with status 200, on the local cluster: no count of failures would ever see it."""

from collections.abc import Callable
from typing import Any

import pytest

from chaos.table import RUNTIME, install_runtime
from localcluster.cluster import Cluster
from support.bench import Bench

pytestmark = pytest.mark.usefixtures("nothing_is_lost_and_no_rule_is_broken")

ANALYSIS: dict[str, Any] = {
    "interval": "1s",
    "warmUp": "0s",
    "minRequests": 20,
    # The runtime is one of the tests, and the server in it our own.
    "source": {"profile": "Timoneiro"},
}
ROLLOUT = {"canary": {"steps": [{"weight": 40, "for": "1h"}]}, "holdback": 0, "scaleDownDelay": "3s"}
METRICS = [{"name": "errors", "negligible": 0.01}, {"name": "answers", "type": "Outputs", "role": "Required"}]


def behaving(name: str) -> dict[str, Any]:
    """The spec of a model server that behaves like that."""
    return {
        "predictor": {
            "serviceAccountName": "models",
            "runtime": RUNTIME,
            "env": [{"name": "ODD_BEHAVIOUR", "value": name}],
        },
        "rollout": ROLLOUT,
        "analysis": {**ANALYSIS, "metrics": METRICS},
    }


@pytest.fixture(scope="module")
def bench(platform: Cluster, open_bench: Callable[..., Bench]) -> Bench:
    install_runtime(platform)
    return open_bench("answers", **behaving("well"))


def test_a_model_that_answers_nonsense_without_a_failure_is_rolled_back_by_its_answers(bench: Bench) -> None:
    known, before = len(bench.status()["history"]), bench.sent
    bench.configure(**behaving("answers everything as the first request"))
    entry = bench.wait("the rollback", lambda: bench.status()["history"][known:])[0]
    assert (entry["outcome"], entry["reason"].startswith("answers: ")) == ("RolledBack", True), entry
    assert bench.tally(since=before).failed_by_model == 0
