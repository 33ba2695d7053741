"""A model server that fails at first and is well then, and one that fails all the time, while they warm up."""

from collections.abc import Callable
from typing import Any

import pytest

from chaos.table import RUNTIME, install_runtime
from localcluster.cluster import Cluster
from support.bench import Bench

ROLLOUT = {
    "canary": {"steps": [{"weight": 20, "for": "10s"}, {"weight": 50, "for": "5s"}]},
    "keepStable": "5s",
    "holdback": 0,
}
ANALYSIS = {
    "interval": "2s",
    "minRequests": 40,
    # Counts what has ended, and exactly: to the KServe profile a request that is in flight at two looks has failed.
    "source": {"profile": "Timoneiro"},
    "metrics": [{"name": "errors", "negligible": 0.02}],
}

pytestmark = pytest.mark.usefixtures("nothing_is_lost_and_no_rule_is_broken")


def behaving(name: str, *, warm_up: str = "25s") -> dict[str, Any]:
    """The spec of a model server that behaves like that."""
    return {
        "rollout": ROLLOUT,
        "analysis": {**ANALYSIS, "warmUp": warm_up},
        "predictor": {
            "serviceAccountName": "models",
            "runtime": RUNTIME,
            # The server does not read the second one: a revision that was rejected is not rolled out again.
            "env": [{"name": "ODD_BEHAVIOUR", "value": name}, {"name": "ODD_WARM_UP", "value": warm_up}],
        },
    }


@pytest.fixture(scope="module")
def bench(platform: Cluster, open_bench: Callable[..., Bench]) -> Bench:
    install_runtime(platform)
    return open_bench("starts", **behaving("well"))


def rolled_out(bench: Bench, name: str, **how: str) -> dict[str, Any]:
    """How the rollout of a server that behaves like that has ended; its failures were its own."""
    known, before = len(bench.status()["history"]), bench.sent
    bench.configure(**behaving(name, **how))
    entry: dict[str, Any] = bench.wait(f"the end of the server that {name}", lambda: bench.status()["history"][known:])[
        0
    ]
    assert bench.tally(since=before).failed_by_model > 0
    return entry


def test_a_server_that_fails_on_30_percent_at_first_is_promoted(bench: Bench) -> None:
    entry = rolled_out(bench, "fails on 30 % at first")
    analysis = bench.status()["analysis"]
    assert entry["outcome"] == "Promoted", entry
    assert analysis["warmUp"]["candidate"]["events"] > 0
    assert analysis["metrics"][0]["candidate"]["events"] == 0


def test_without_a_warm_up_the_same_server_is_rolled_back(bench: Bench) -> None:
    entry = rolled_out(bench, "fails on 30 % at first", warm_up="0s")
    assert (entry["outcome"], "worse" in entry["reason"]) == ("RolledBack", True)


def test_a_server_that_fails_on_every_request_goes_back_while_it_warms_up(bench: Bench) -> None:
    entry = rolled_out(bench, "fails on all")
    assert entry["outcome"] == "RolledBack"
    assert "requests failed while it warmed up (100 %), at most 50 % may" in entry["reason"]
    assert bench.status()["analysis"]["metrics"][0]["candidate"]["requests"] == 0
