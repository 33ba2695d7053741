"""The node: registers itself, keeps its lease, and runs the pods that are bound to it as processes.

It stands for a kubelet where no container engine is. It has the identity of a node (system:nodes, checked by the Node
authorizer) and, for binding pods, that of the scheduler; nothing here is an administrator.

Usage: python -m localcluster.node CLUSTER_FOLDER
"""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import sys
from pathlib import Path

import httpx

from ..api.client import ApiError, Credentials, KubeApi
from ..api.jsontypes import Json
from ..api.times import micro_timestamp, now, timestamp
from ..container.backoff import LOCAL_BASE_SECONDS
from ..layout import API_PORT, BRIDGE_ADDRESS, NODE_NAME, Layout
from ..pod.events import EventRecorder
from ..pod.network import PodNetworks
from ..pod.worker import NodeContext, PodWorker
from .scheduler import schedule
from .watching import follow

_log = logging.getLogger(__name__)
_LEASE_SECONDS = 40
_HEARTBEAT_SECONDS = 10.0
_CONFLICT = 409
_FINISHED = frozenset({"Succeeded", "Failed"})


def node_status(moment: str) -> Json:
    """A node's status: ready, with the capacity of this machine."""
    capacity = _capacity()
    healthy = {"lastHeartbeatTime": moment, "lastTransitionTime": moment}
    pressures = ("MemoryPressure", "DiskPressure", "PIDPressure")
    return {
        "capacity": capacity,
        "allocatable": capacity,
        "addresses": [
            {"type": "InternalIP", "address": BRIDGE_ADDRESS},
            {"type": "Hostname", "address": NODE_NAME},
        ],
        "nodeInfo": {
            "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine()),
            "bootID": "",
            "containerRuntimeVersion": "process://1",
            "kernelVersion": platform.release(),
            "kubeProxyVersion": "",
            "kubeletVersion": "v1.34.4",
            "machineID": "",
            "operatingSystem": "linux",
            "osImage": "the host",
            "systemUUID": "",
        },
        "conditions": [
            {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "running processes", **healthy},
            *(
                {"type": kind, "status": "False", "reason": "NotMeasured", "message": "", **healthy}
                for kind in pressures
            ),
        ],
    }


def _capacity() -> dict[str, str]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024
    return {"cpu": str(os.cpu_count() or 1), "memory": f"{memory}Ki", "pods": "250", "ephemeral-storage": "100Gi"}


class Node:
    """All pods of this node."""

    def __init__(self, context: NodeContext) -> None:
        self._context = context
        self._workers: dict[str, PodWorker] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def register(self) -> None:
        """Creates the Node object, or refreshes the one of an earlier process."""
        body = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": NODE_NAME,
                "labels": {"kubernetes.io/hostname": NODE_NAME, "kubernetes.io/os": "linux"},
            },
        }
        try:
            await self._context.api.create("/api/v1/nodes", body)
        except ApiError as failure:
            if failure.status != _CONFLICT:
                raise
        await self._context.api.patch(f"/api/v1/nodes/{NODE_NAME}/status", {"status": node_status(timestamp(now()))})

    async def keep_lease(self) -> None:
        """Renews the lease by which the control plane knows that the node is alive."""
        collection = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
        while True:
            spec = {
                "holderIdentity": NODE_NAME,
                "leaseDurationSeconds": _LEASE_SECONDS,
                "renewTime": micro_timestamp(now()),
            }
            body = {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": NODE_NAME, "namespace": "kube-node-lease"},
                "spec": spec,
            }
            try:
                await self._context.api.patch(f"{collection}/{NODE_NAME}", {"spec": spec})
            except ApiError:
                try:
                    await self._context.api.create(collection, body)
                except ApiError as failure:
                    _log.warning("lease: %s", failure)
            except httpx.TransportError as failure:
                _log.warning("lease: %s", failure)
            await asyncio.sleep(_HEARTBEAT_SECONDS)

    async def run_pods(self) -> None:
        """Runs every pod that is bound to this node."""
        selector = f"spec.nodeName={NODE_NAME}"
        async for uid, pod in follow(self._context.api, "/api/v1/pods", fieldSelector=selector):
            worker = self._workers.get(uid)
            if pod is None:
                if worker is not None:
                    worker.removed()
            elif worker is not None:
                worker.update(pod)
            elif _needs_worker(pod):
                self._start(pod)

    def _start(self, pod: Json) -> None:
        worker = PodWorker(self._context, pod)
        worker.update(pod)
        self._workers[worker.uid] = worker
        task = asyncio.create_task(worker.run())
        self._tasks.add(task)

        def ended(done: asyncio.Task[None]) -> None:
            self._tasks.discard(done)
            self._workers.pop(worker.uid, None)
            if not done.cancelled() and done.exception() is not None:
                _log.error("pod %s: %s", pod["metadata"]["name"], done.exception(), exc_info=done.exception())

        task.add_done_callback(ended)


def _needs_worker(pod: Json) -> bool:
    """A pod that finished under an earlier node process only needs one when it is being deleted."""
    finished = (pod.get("status") or {}).get("phase") in _FINISHED
    return not finished or bool(pod["metadata"].get("deletionTimestamp"))


async def _main(folder: Path, *, services: bool) -> None:
    layout = Layout(folder)
    server = f"https://{BRIDGE_ADDRESS}:{API_PORT}"
    api = KubeApi(Credentials(server, layout.authority, *layout.pair("node")))
    binder = KubeApi(Credentials(server, layout.authority, *layout.pair("scheduler")))
    networks = PodNetworks(services=services)
    await networks.remove_all()
    context = NodeContext(
        api=api,
        events=EventRecorder(api, NODE_NAME),
        networks=networks,
        state=folder,
        images=layout.images,
        host_ip=BRIDGE_ADDRESS,
        allocatable=_capacity(),
        # Most clusters have no kube-proxy, and hence no cluster IP: pods reach the API server at its own address.
        base_environment={"KUBERNETES_SERVICE_HOST": BRIDGE_ADDRESS, "KUBERNETES_SERVICE_PORT": str(API_PORT)},
        restart_base=LOCAL_BASE_SECONDS,
        nameserver=BRIDGE_ADDRESS if services else None,
    )
    node = Node(context)
    await node.register()
    async with asyncio.TaskGroup() as group:
        group.create_task(node.keep_lease())
        group.create_task(node.run_pods())
        group.create_task(schedule(binder, NODE_NAME))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # One line for every request would bury the rest.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    asyncio.run(_main(Path(sys.argv[1]), services="--services" in sys.argv[2:]))
