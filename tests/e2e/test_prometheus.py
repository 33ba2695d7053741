"""Counts from a real Prometheus: a good model is promoted, a bad one rolled back, and `check-metrics` says why."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcluster.cluster import Cluster
from support.bench import Bench

OWN = 'request_predict_seconds_{part}{{revision="{{{{revision}}}}"{more}}}'
METRICS: list[dict[str, Any]] = [
    {"name": "errors", "negligible": 0.01},
    {"name": "slow", "type": "Latency", "threshold": "2s", "negligible": 0.01},
    {"name": "limit", "type": "Guard", "of": "errors", "max": 0.3},
    {
        "name": "quick",
        "type": "Ratio",
        "role": "Inform",
        "events": OWN.format(part="bucket", more=',le="0.005"'),
        "total": OWN.format(part="count", more=""),
    },
]


@pytest.fixture(scope="module")
def bench(watched: Cluster, packages: dict[str, Path]) -> Iterator[Bench]:
    source = {"type": "Prometheus", "url": watched.description.cluster_prometheus}
    analysis = {"interval": "2s", "warmUp": "0s", "minRequests": 40, "source": source, "metrics": METRICS}
    made = Bench(watched, packages, name="measured", analysis=analysis)
    made.release("good")
    made.wait("the first model goes live", lambda: made.status().get("phase") == "Healthy")
    made.start_load()
    yield made
    made.close()


def test_a_good_model_is_promoted_and_every_metric_was_counted(bench: Bench) -> None:
    version = bench.release("good")
    entry = bench.wait(f"the end of version {version}", lambda: bench.outcome(version))
    assert entry["outcome"] == "Promoted"
    metrics = {metric["name"]: metric for metric in bench.status()["analysis"]["promotedBy"]["metrics"]}
    assert set(metrics) == {"errors", "slow", "limit", "quick"}
    assert {name for name, metric in metrics.items() if metric["candidate"]["requests"] > 100} == set(metrics)
    assert (metrics["slow"]["bound"], metrics["quick"]["role"]) == (2.5, "Inform")


def test_a_bad_model_is_rolled_back_by_the_evidence(bench: Bench) -> None:
    version = bench.release("bad")
    entry = bench.wait(f"the end of version {version}", lambda: bench.outcome(version))
    assert (entry["outcome"], "worse" in entry["reason"]) == ("RolledBack", True)


def test_check_metrics_shows_what_was_found_for_every_metric(bench: Bench, watched: Cluster) -> None:
    answer = bench.timoneiro("check-metrics", bench.name, "--url", str(watched.prometheus), "-o", "json")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    findings = {finding["metric"]: finding for finding in json.loads(answer.stdout)["findings"]}
    assert set(findings) == {"errors", "slow", "quick", "limit"}
    assert all(findings[name]["counts"]["requests"] > 0 for name in ("errors", "slow", "quick"))
