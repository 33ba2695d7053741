"""A model that answers nonsense with status 200, on the local cluster: no count of failures would ever see it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chaos.table import RUNTIME, install_runtime
from localcluster.cluster import Cluster
from support.bench import Bench

pytestmark = pytest.mark.usefixtures("nothing_is_lost_and_no_rule_is_broken")

ANALYSIS: dict[str, Any] = {
    "interval": "1s",
    "warmUp": "0s",
    "minRequests": 40,
    # The runtime is one of the tests, and the server in it our own.
    "source": {"profile": "Timoneiro"},
    "metrics": [{"name": "errors", "negligible": 0.01}, {"name": "answers", "type": "Outputs", "role": "Required"}],
}
ROLLOUT = {"canary": {"steps": [{"weight": 20, "for": "1h"}]}, "holdback": 0, "scaleDownDelay": "3s"}


def configure(bench: Bench, behaviour: str) -> None:
    bench.configure(
        predictor={
            "serviceAccountName": "models",
            "runtime": RUNTIME,
            "env": [{"name": "ODD_BEHAVIOUR", "value": behaviour}],
        },
        rollout=ROLLOUT,
        analysis=ANALYSIS,
    )


@pytest.fixture(scope="module")
def bench(platform: Cluster, packages: dict[str, Path]) -> Iterator[Bench]:
    install_runtime(platform)
    made = Bench(platform, packages, name="answers")
    configure(made, "well")
    made.release("good")
    made.wait("the first model goes live", lambda: made.status().get("phase") == "Healthy")
    made.start_load()
    yield made
    made.close()


def test_a_model_that_answers_nonsense_without_a_failure_is_rolled_back_by_its_answers(bench: Bench) -> None:
    before = bench.sent
    configure(bench, "answers everything as the first request")
    version = bench.release("good")
    entry = bench.wait("the rollback", lambda: bench.outcome(version), seconds=180)
    assert (entry["outcome"], entry["reason"].startswith("answers: ")) == ("RolledBack", True), entry
    assert bench.tally(since=before).failed_by_model == 0
