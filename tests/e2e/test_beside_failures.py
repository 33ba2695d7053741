"""What our own model server counts beside failed requests, on the local cluster: its answers, and whole sessions."""

from collections.abc import Callable
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
}
ROLLOUT = {"canary": {"steps": [{"weight": 40, "for": "1h"}]}, "holdback": 0, "scaleDownDelay": "3s"}
ERRORS: dict[str, Any] = {"name": "errors", "negligible": 0.01}
ANSWERS: dict[str, Any] = {"name": "answers", "type": "Outputs", "role": "Required"}
SESSIONS: dict[str, Any] = {"name": "sessions", "type": "Errors", "unit": "Session", "negligible": 0.05}


def behaving(name: str, *metrics: dict[str, Any]) -> dict[str, Any]:
    """The spec of a model server that behaves like that, and of what is compared."""
    env = {"ODD_BEHAVIOUR": name, "TIMONEIRO_SESSION_HEADER": USER_HEADER}
    return {
        "predictor": {
            "serviceAccountName": "models",
            "runtime": RUNTIME,
            "env": [{"name": key, "value": value} for key, value in env.items()],
        },
        "rollout": ROLLOUT,
        "analysis": {**ANALYSIS, "metrics": list(metrics)},
    }


@pytest.fixture(scope="module")
def bench(platform: Cluster, open_bench: Callable[..., Bench]) -> Bench:
    install_runtime(platform)
    return open_bench("beside", **behaving("well", ERRORS))


def rolled_back(bench: Bench, name: str, *metrics: dict[str, Any]) -> str:
    """Why the server that behaves like that was rolled back."""
    known = len(bench.status()["history"])
    bench.configure(**behaving(name, *metrics))
    # A session counts a minute after its last request.
    entry = bench.wait(f"the end of: {name}", lambda: bench.status()["history"][known:], seconds=240)[0]
    assert entry["outcome"] == "RolledBack", entry
    return str(entry["reason"])


def test_a_model_that_answers_nonsense_without_a_failure_is_rolled_back_by_its_answers(bench: Bench) -> None:
    before = bench.sent
    assert rolled_back(bench, "answers everything as the first request", ERRORS, ANSWERS).startswith("answers: ")
    assert bench.tally(since=before).failed_by_model == 0


def test_a_model_that_spoils_more_sessions_is_rolled_back_by_the_count_of_sessions(bench: Bench) -> None:
    reason = rolled_back(bench, "fails on 30 %", SESSIONS)
    assert (reason.startswith("sessions"), " sessions: worse" in reason) == (True, True), reason
    (metric,) = bench.status()["analysis"]["metrics"]
    # A user asks more than once: there are fewer of them than requests, and more of them fail.
    assert metric["candidate"]["events"] > 0.3 * metric["candidate"]["requests"], metric
