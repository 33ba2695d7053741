"""Counts of the gateway itself: what hangs is a failure when its time is out, whatever the model server counts."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from chaos.releases import BLUE_GREEN, CANARY
from chaos.table import RUNTIME, install_runtime
from localcluster.cluster import Cluster
from support.bench import Bench
from support.waiting import wait

NAMESPACE = "projectcontour"
ANALYSIS: dict[str, Any] = {
    "interval": "1s",
    "warmUp": "0s",
    "minRequests": 40,
    "source": {"type": "Gateway"},
    "metrics": [
        {"name": "errors", "negligible": 0.03},
        {"name": "slow", "type": "Latency", "threshold": "2s", "negligible": 0.03},
    ],
}


def configure(bench: Bench, behaviour: str, rollout: dict[str, Any]) -> None:
    env = [{"name": "ODD_BEHAVIOUR", "value": behaviour}]
    bench.configure(
        analysis=ANALYSIS,
        rollout=rollout,
        predictor={"serviceAccountName": "models", "runtime": RUNTIME, "env": env},
        route={"hostnames": [bench.host], "timeouts": {"request": "3s"}},
    )


@pytest.fixture(scope="module")
def envoy(platform: Cluster) -> Iterator[None]:
    """A pod that stands for Envoy: in the local cluster it runs beside the pods, at an address that they reach."""
    address = urlsplit(platform.s3.cluster_endpoint).hostname
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "envoy", "namespace": NAMESPACE, "labels": {"app": "envoy"}},
        "spec": {
            "schedulingGates": [{"name": "timoneiro.dev/runs-beside-the-pods"}],
            "containers": [{"name": "envoy", "image": "envoy"}],
        },
    }
    status = {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    wait(
        "the default ServiceAccount is there",
        lambda: "default" in platform.kubectl("-n", NAMESPACE, "get", "serviceaccounts", "-o", "name"),
    )
    platform.kubectl("apply", "-f", "-", stdin=json.dumps(body))
    patch = json.dumps({"status": status})
    platform.kubectl("-n", NAMESPACE, "patch", "pod", "envoy", "--subresource=status", "--type=merge", "-p", patch)
    yield
    platform.kubectl("-n", NAMESPACE, "delete", "pod", "envoy")


@pytest.fixture(scope="module")
def bench(platform: Cluster, envoy: None, packages: dict[str, Path]) -> Iterator[Bench]:
    install_runtime(platform)
    # Few enough for a slow machine to answer in time: what is too late is a failure here.
    made = Bench(platform, packages, name="outside", rate=30)
    configure(made, "well", BLUE_GREEN)
    made.release("good")
    made.wait("the first model goes live", lambda: made.status().get("phase") == "Healthy")
    made.start_load()
    yield made
    made.close()


def test_a_good_model_is_promoted_by_what_the_gateway_counts_of_mirrored_requests_too(bench: Bench) -> None:
    version = bench.release("good")
    entry = bench.wait("the end of the rollout", lambda: bench.outcome(version))
    assert entry["outcome"] == "Promoted"
    # By what it was promoted: in the bake they are counted anew.
    metrics = {metric["name"]: metric for metric in bench.status()["analysis"]["promotedBy"]["metrics"]}
    assert {name for name, metric in metrics.items() if metric["candidate"]["requests"] > 100} == {"errors", "slow"}


def test_a_model_that_hangs_on_some_requests_is_rolled_back_by_what_the_gateway_counts(bench: Bench) -> None:
    configure(bench, "hangs on 30 %", CANARY)
    version = bench.release("good")
    entry = bench.wait("the end of the rollout", lambda: bench.outcome(version))
    assert (entry["outcome"], "worse" in entry["reason"]) == ("RolledBack", True), entry
    answer = bench.timoneiro("check-metrics", bench.name, "--gateway-pods", f"{NAMESPACE}/app=envoy", "-o", "json")
    findings = {finding["metric"]: finding for finding in json.loads(answer.stdout)["findings"]}
    assert (answer.returncode, findings["errors"]["counts"]["requests"] > 100) == (0, True), answer.stdout
