"""Kubernetes events from the node. Guarantees: the same thing about the same pod is said once, and never in vain:
a refused event is logged and does not disturb the pod."""

from __future__ import annotations

import asyncio
import logging

import httpx

from ..api.client import ApiError, KubeApi
from ..api.jsontypes import Json
from ..api.times import now, timestamp

_log = logging.getLogger(__name__)


class EventRecorder:
    """Writes events in the background."""

    def __init__(self, api: KubeApi, node: str) -> None:
        self._api = api
        self._node = node
        self._said: set[tuple[str, str, str]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def record(self, pod: Json, kind: str, reason: str, message: str) -> None:
        """Says something about a pod; kind is Normal or Warning."""
        key = (pod["metadata"]["uid"], reason, message)
        if key in self._said:
            return
        self._said.add(key)
        task = asyncio.get_running_loop().create_task(self._send(pod, kind, reason, message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def forget(self, pod: Json) -> None:
        """Frees what is kept about a pod that is gone."""
        uid = pod["metadata"]["uid"]
        self._said = {key for key in self._said if key[0] != uid}

    async def _send(self, pod: Json, kind: str, reason: str, message: str) -> None:
        metadata = pod["metadata"]
        moment = timestamp(now())
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{metadata['name']}.", "namespace": metadata["namespace"]},
            "involvedObject": {
                "apiVersion": "v1",
                "kind": "Pod",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
            "type": kind,
            "reason": reason,
            "message": message[:1024],
            "firstTimestamp": moment,
            "lastTimestamp": moment,
            "count": 1,
            "source": {"component": "localcluster-node", "host": self._node},
            "reportingComponent": "localcluster-node",
        }
        try:
            await self._api.create(f"/api/v1/namespaces/{metadata['namespace']}/events", body)
        except (ApiError, httpx.TransportError) as failure:
            _log.info("event %s for %s was refused: %s", reason, metadata["name"], failure)
