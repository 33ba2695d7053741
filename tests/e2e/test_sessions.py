"""Sessions instead of requests, on the local cluster: our model server counts them by a header."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chaos.table import RUNTIME, install_runtime
from demo.load import USER_HEADER
from localcluster.cluster import Cluster
from support.bench import Bench

pytestmark = pytest.mark.usefixtures("nothing_is_lost_and_no_rule_is_broken")

ANALYSIS: dict[str, Any] = {
    "interval": "1s",
    "warmUp": "0s",
    "minRequests": 20,
    # The runtime is one of the tests, and the server in it our own.
    "source": {"profile": "Timoneiro"},
    "metrics": [{"name": "sessions", "type": "Errors", "unit": "Session", "negligible": 0.05}],
}
ROLLOUT = {"canary": {"steps": [{"weight": 40, "for": "1h"}]}, "progressDeadline": "90s", "scaleDownDelay": "3s"}


def configure(bench: Bench, behaviour: str) -> None:
    env = [
        {"name": "ODD_BEHAVIOUR", "value": behaviour},
        {"name": "TIMONEIRO_SESSION_HEADER", "value": USER_HEADER},
    ]
    bench.configure(
        predictor={"serviceAccountName": "models", "runtime": RUNTIME, "env": env}, rollout=ROLLOUT, analysis=ANALYSIS
    )


@pytest.fixture(scope="module")
def bench(platform: Cluster, packages: dict[str, Path]) -> Iterator[Bench]:
    install_runtime(platform)
    made = Bench(platform, packages, name="by-session")
    configure(made, "well")
    made.release("good")
    made.wait("the first model goes live", lambda: made.status().get("phase") == "Healthy")
    made.start_load()
    yield made
    made.close()


def test_a_model_that_spoils_more_sessions_is_rolled_back_by_the_count_of_sessions(bench: Bench) -> None:
    configure(bench, "fails on 30 %")
    version = bench.release("good")
    # A session counts a minute after its last request.
    entry = bench.wait("the rollback", lambda: bench.outcome(version), seconds=180)
    assert (entry["outcome"], entry["reason"].startswith("sessions")) == ("RolledBack", True), entry
    (metric,) = bench.status()["analysis"]["metrics"]
    # A user asks more than once: there are fewer of them than requests, and more of them fail.
    assert metric["candidate"]["events"] > 0.3 * metric["candidate"]["requests"], metric
