"""Metadata of what belongs to a ModelDeployment: labels by which it is found, and who owns it."""

from collections.abc import Mapping
from typing import Any

from timoneiro_operator.api import names
from timoneiro_operator.api.deployment import ModelDeployment


def is_owned(deployment: ModelDeployment, body: Mapping[str, Any]) -> bool:
    """Whether `body` goes when its ModelDeployment goes. What was released goes with nobody, whatever its labels."""
    return any(reference.get("uid") == deployment.uid for reference in body["metadata"].get("ownerReferences") or [])


def owned_metadata(
    deployment: ModelDeployment, *, name: str, labels: Mapping[str, str], annotations: Mapping[str, str]
) -> dict[str, Any]:
    """Metadata of a child in the namespace of its ModelDeployment.

    The owner reference lets Kubernetes' own garbage collection remove it: no finalizer, nothing that can hang.
    """
    return {
        "name": name,
        "namespace": deployment.namespace,
        "labels": {
            names.LABEL_DEPLOYMENT: deployment.name,
            names.LABEL_MANAGED_BY: names.MANAGED_BY,
            **labels,
        },
        "annotations": dict(annotations),
        "ownerReferences": [
            {
                "apiVersion": names.API_VERSION,
                "kind": names.KIND,
                "name": deployment.name,
                "uid": deployment.uid,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
