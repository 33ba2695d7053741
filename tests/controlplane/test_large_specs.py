"""Releases of a spec of 240 kB on a real API server: all are seen, commands are answered, and it stays small enough."""

import json
from collections.abc import Callable
from typing import Any

from localcluster.cluster import Cluster
from support.asking import ask
from support.unserved import unserved
from support.waiting import wait

Get = Callable[..., dict[str, Any]]
# What etcd takes.
LARGEST = 1_572_864


def released(namespace: str, number: int) -> dict[str, Any]:
    body = unserved(namespace)
    body["spec"]["model"]["version"] = str(number)
    body["spec"]["predictor"] = {"args": [f"--release={number}", *["x" * 4_000] * 60]}
    return body


def test_each_of_many_large_releases_is_seen_and_commands_are_answered(
    platform: Cluster, namespace: str, get: Get
) -> None:
    def status() -> dict[str, Any]:
        found: dict[str, Any] = get("md", "fraud").get("status") or {}
        return found

    for number in range(1, 9):
        text = json.dumps(released(namespace, number))
        platform.kubectl("-n", namespace, "apply", "--server-side", "--force-conflicts", "-f", "-", stdin=text)
        wait("the candidate", lambda number=number: (status().get("candidate") or {}).get("version") == str(number))
    ask(platform, namespace, "promote it!")
    wait("an answer", lambda: status().get("commands"))
    path = f"/apis/timoneiro.dev/v1alpha1/namespaces/{namespace}/modeldeployments/fraud"
    body = json.loads(platform.kubectl("get", "--raw", path))
    fields = len(json.dumps(body["metadata"]["managedFields"], separators=(",", ":")))
    assert fields < 65_536
    assert len(json.dumps(body, separators=(",", ":"))) < LARGEST - 262_144
