"""Binds pods that no node runs yet to the one node there is. Needs no resources to be free: limits are not enforced."""

from __future__ import annotations

import logging

from ..api.client import ApiError, KubeApi
from ..api.jsontypes import Json
from .watching import follow

_log = logging.getLogger(__name__)
_SETTLED = frozenset({404, 409})


async def schedule(api: KubeApi, node: str) -> None:
    """Binds every pod as soon as it appears; runs until it is cancelled."""
    async for _, pod in follow(api, "/api/v1/pods", fieldSelector="spec.nodeName=,status.phase=Pending"):
        if pod is not None:
            await _bind(api, pod, node)


async def _bind(api: KubeApi, pod: Json, node: str) -> None:
    metadata = pod["metadata"]
    if pod["spec"].get("nodeName") or metadata.get("deletionTimestamp") or pod["spec"].get("schedulingGates"):
        return
    body = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": metadata["name"], "uid": metadata["uid"]},
        "target": {"apiVersion": "v1", "kind": "Node", "name": node},
    }
    try:
        await api.create(f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/binding", body)
    except ApiError as failure:
        if failure.status not in _SETTLED:
            _log.warning("binding %s/%s: %s", metadata["namespace"], metadata["name"], failure)
