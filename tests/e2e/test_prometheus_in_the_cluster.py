"""Prometheus in the local cluster: what it has read from a pod is there raw, and known by pod and revision."""

import json
from typing import Any

import httpx

from localcluster.cluster import Cluster
from support.waiting import wait

# It calls itself something else, as a server may.
SERVER = """
import http.server
answered = 0
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global answered
        answered += 1
        body = f'# TYPE answers_total counter\\nanswers_total{{namespace="mine",uid="0"}} {answered}\\n'.encode()
        self.send_response(200 if self.path == "/metrics" else 404)
        self.send_header("content-type", "text/plain; version=0.0.4")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
http.server.HTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"""


def pod(name: str, code: str, labels: dict[str, str]) -> dict[str, Any]:
    container = {
        "name": "main",
        "image": "localhost/python:1",
        "command": ["python", "-u", "-c", code],
        # Discovery finds the pod once for each of them.
        "ports": [{"containerPort": 8080, "name": "http"}, {"containerPort": 8081, "name": "other"}],
    }
    spec = {"containers": [container], "terminationGracePeriodSeconds": 1, "restartPolicy": "Never"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}


def start(cluster: Cluster, name: str, code: str, **labels: str) -> None:
    cluster.kubectl("-n", "models", "apply", "-f", "-", stdin=json.dumps(pod(name, code, labels)))


def get(cluster: Cluster, name: str) -> dict[str, Any]:
    return cluster.get("-n", "models", "pod", name)


def query(cluster: Cluster, expression: str) -> list[dict[str, Any]]:
    assert cluster.prometheus is not None
    answer = httpx.get(f"{cluster.prometheus}/api/v1/query", params={"query": expression}, trust_env=False)
    answer.raise_for_status()
    result: list[dict[str, Any]] = answer.json()["data"]["result"]
    return result


def log(cluster: Cluster) -> str:
    return (cluster.folder / "logs" / "prometheus.log").read_text()


def test_raw_samples_of_a_pod_are_known_by_its_uid_namespace_and_revision(watched: Cluster) -> None:
    labels = {"serving.kserve.io/inferenceservice": "fraud-abc", "timoneiro.dev/revision": "abc"}
    start(watched, "fraud-1", SERVER, **labels)

    def raw() -> list[dict[str, Any]]:
        found = query(watched, "answers_total[1m]")
        return found if found and len(found[0]["values"]) >= 3 else []

    [series] = wait("three samples", raw, state=lambda: f"{log(watched)}\n{get(watched, 'fraud-1')['status']}")
    expected = {
        "__name__": "answers_total",
        "job": "inferenceservices",
        "instance": f"{get(watched, 'fraud-1')['status']['podIP']}:8080",
        "namespace": "models",
        "pod": "fraud-1",
        "uid": get(watched, "fraud-1")["metadata"]["uid"],
        "inferenceservice": "fraud-abc",
        "revision": "abc",
        "exported_namespace": "mine",
        "exported_uid": "0",
    }
    assert series["metric"] == expected
    # Its counter counts how often it was asked: that these follow each other says that nobody asked in between.
    counts = [int(value) for _, value in series["values"]]
    assert counts == list(range(counts[0], counts[0] + len(counts)))


def test_a_pod_reaches_prometheus_at_its_address_in_the_cluster(watched: Cluster) -> None:
    address = watched.description.cluster_prometheus
    start(watched, "client", f"import urllib.request; urllib.request.urlopen('{address}/-/ready')")
    phase = wait(
        "the client has ended",
        lambda: (p := get(watched, "client")["status"].get("phase")) in ("Succeeded", "Failed") and p,
    )
    assert phase == "Succeeded"


def test_what_it_may_see_is_all_that_it_asks_for(watched: Cluster) -> None:
    assert "forbidden" not in log(watched)
