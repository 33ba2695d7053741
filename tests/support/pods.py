"""Pods as Kubernetes makes them for the Deployment of a revision."""

from typing import Any

TEMPLATE = "5d4f8c7b9"


def pod_of(workload: str, *, name: str = "p", labels: dict[str, str] | None = None, **status: Any) -> dict[str, Any]:
    """A pod of the Deployment `workload`, with the labels of its template besides `labels`."""
    owner = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": f"{workload}-{TEMPLATE}",
        "uid": f"uid-of-{workload}",
        "controller": True,
        "blockOwnerDeletion": True,
    }
    metadata = {
        "name": name,
        "uid": f"uid-{name}",
        "labels": {**(labels or {}), "pod-template-hash": TEMPLATE},
        "ownerReferences": [owner],
    }
    return {"metadata": metadata, "status": status}
