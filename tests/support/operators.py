"""The operator's pods on the local cluster."""

from typing import Any

from demo.platform import SYSTEM_NAMESPACE
from localcluster.cluster import Cluster
from support.waiting import wait

SELECTOR = "app.kubernetes.io/component=operator"


def operators(cluster: Cluster) -> list[dict[str, Any]]:
    """Those that are not on their way out."""
    pods = cluster.get("-n", SYSTEM_NAMESPACE, "pods", "-l", SELECTOR)["items"]
    return [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]


def restarts(cluster: Cluster) -> list[int]:
    """How often each of them was started again in its place."""
    statuses = [status for pod in operators(cluster) for status in pod["status"].get("containerStatuses") or []]
    return [status["restartCount"] for status in statuses]


def ready(cluster: Cluster) -> int:
    """How many of them are ready."""
    conditions = [c for pod in operators(cluster) for c in pod["status"].get("conditions") or []]
    return sum(1 for c in conditions if (c["type"], c["status"]) == ("Ready", "True"))


def start_anew(cluster: Cluster) -> None:
    """Other pods in the place of those that there are, whether they become ready or not."""
    cluster.kubectl("-n", SYSTEM_NAMESPACE, "delete", "pods", "-l", SELECTOR, "--wait=true")
    wait("two operators", lambda: len(operators(cluster)) == 2 and len(restarts(cluster)) == 2)
