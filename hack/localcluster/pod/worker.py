"""One pod on this node from its binding to its end.

Guarantees: init containers run one after the other before the main ones; the status that the API server holds follows
the facts and is written only when it changes; a pod that is deleted is gone from the API only after all its processes
are gone.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from ..api.client import ApiError, KubeApi
from ..api.jsontypes import Json
from ..api.times import now, parse
from ..container.environment import EnvSources
from ..container.rules import ContainerRole
from .dns import resolv_conf
from .events import EventRecorder
from .network import NetworkError, PodNetworks, namespace_path
from .runner import ContainerRunner
from .sandbox import Sandbox
from .status import PodFacts, build_status, replacing_addresses
from .volume_manager import VolumeManager
from .volumes import VolumeError

_log = logging.getLogger(__name__)
_RETRY_SECONDS = 1.0
_REFRESH_SECONDS = 60.0
_GONE = frozenset({404, 409})


@dataclass(frozen=True)
class NodeContext:
    """What all pods of the node share."""

    api: KubeApi
    events: EventRecorder
    networks: PodNetworks
    state: Path
    images: Path
    host_ip: str
    allocatable: Mapping[str, str]
    base_environment: Mapping[str, str]
    restart_base: float
    # Where cluster DNS is; None in a cluster without.
    nameserver: str | None = None


class PodWorker:
    """Runs one pod."""

    def __init__(self, node: NodeContext, pod: Json) -> None:
        self._node = node
        self._pod = pod
        metadata = pod["metadata"]
        self._path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        self._uid = metadata["uid"]
        self._folder = node.state / "pods" / self._uid
        self._log_folder = node.state / "pods" / f"{metadata['namespace']}_{metadata['name']}_{self._uid}"
        self._deleted = asyncio.Event()
        self._removed = False
        self._dirty = asyncio.Event()
        self._sandbox: Sandbox | None = None
        self._network: tuple[str, str] | None = None
        self._address = ""
        status = pod.get("status") or {}
        self._started_at = parse(status["startTime"]) if status.get("startTime") else now()
        self._written: Json | None = None
        waiting = "PodInitializing" if pod["spec"].get("initContainers") else "ContainerCreating"
        self._init = self._runners("initContainers", "initContainerStatuses", waiting)
        self._main = self._runners("containers", "containerStatuses", waiting)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def uid(self) -> str:
        """The pod's uid."""
        return str(self._uid)

    def update(self, pod: Json) -> None:
        """Takes in a newer version of the pod."""
        self._pod = pod
        if pod["metadata"].get("deletionTimestamp"):
            self._deleted.set()

    def removed(self) -> None:
        """The pod is gone from the API: end without saying anything more about it."""
        self._removed = True
        self._deleted.set()

    async def run(self) -> None:
        """Everything, until the pod is gone."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._folder.chmod(0o711)
        writer = asyncio.create_task(self._write_status())
        life = asyncio.create_task(self._live())
        self._dirty.set()
        try:
            await self._deleted.wait()
            await self._stop_containers()
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        await self._tear_down()
        if not self._removed:
            await self._finish()
        self._node.events.forget(self._pod)

    def _runners(self, field: str, status_field: str, waiting: str) -> list[ContainerRunner]:
        before = {entry["name"]: entry for entry in (self._pod.get("status") or {}).get(status_field) or []}
        return [
            ContainerRunner(
                container,
                is_init=field == "initContainers",
                waiting=waiting,
                previous=before.get(container["name"]),
                changed=self._dirty.set,
            )
            for container in self._pod["spec"].get(field) or []
        ]

    async def _live(self) -> None:
        try:
            sandbox = await self._set_up()
            self._sandbox = sandbox
            refresh = asyncio.create_task(self._refresh_volumes(sandbox))
            try:
                await self._run_containers(sandbox)
            finally:
                refresh.cancel()
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(refresh, *self._tasks, return_exceptions=True)
        except Exception:
            _log.exception("pod %s", self._path)
            raise

    async def _run_containers(self, sandbox: Sandbox) -> None:
        sidecars = []
        for runner in self._init:
            if runner.role is ContainerRole.SIDECAR:
                sidecars.append(runner)
                self._tasks.append(asyncio.create_task(runner.run(sandbox)))
                await self._until_started(runner)
            else:
                await runner.run(sandbox)
                # It ended for good; when that was a failure, the pod has failed.
                if not runner.facts.ready:
                    break
        else:
            async with asyncio.TaskGroup() as group:
                for runner in self._main:
                    group.create_task(runner.run(sandbox))
        if not self._deleted.is_set():
            grace = sandbox.termination_grace
            await asyncio.gather(*(runner.stop(sandbox, grace) for runner in sidecars))

    async def _until_started(self, runner: ContainerRunner) -> None:
        while not runner.facts.started:
            await asyncio.sleep(_RETRY_SECONDS / 10)

    async def _set_up(self) -> Sandbox:
        metadata = self._pod["metadata"]
        while True:
            try:
                self._network = await self._node.networks.create()
                break
            except NetworkError as failure:
                self._warn("FailedCreatePodSandBox", str(failure))
                await asyncio.sleep(_RETRY_SECONDS)
        namespace, self._address = self._network
        self._dirty.set()
        hosts = f"127.0.0.1 localhost\n{self._address} {metadata['name']}\n"
        for alias in self._pod["spec"].get("hostAliases") or []:
            hosts += f"{alias['ip']} {' '.join(alias['hostnames'])}\n"
        (self._folder / "hosts").write_text(hosts)
        (self._folder / "resolv.conf").write_text(resolv_conf(self._pod, self._node.nameserver))
        volumes = VolumeManager(self._node.api, self._pod, self._folder / "volumes")
        env = EnvSources(
            pod=self._pod,
            pod_ip=self._address,
            host_ip=self._node.host_ip,
            allocatable=self._node.allocatable,
        )
        return Sandbox(
            pod=self._pod,
            folder=self._folder,
            log_folder=self._log_folder,
            network_namespace=namespace_path(namespace),
            env=env,
            base_environment={**self._node.base_environment, "HOSTNAME": metadata["name"]},
            volumes=await self._mount(volumes, env),
            volume_manager=volumes,
            images=self._node.images,
            events=self._node.events,
            restart_base=self._node.restart_base,
        )

    async def _mount(self, volumes: VolumeManager, env: EnvSources) -> Mapping[str, Path]:
        while True:
            try:
                return await volumes.mount(env)
            except VolumeError as failure:
                self._warn("FailedMount", str(failure))
            except httpx.TransportError as failure:
                _log.info("mounting volumes of %s: %s", self._path, failure)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _refresh_volumes(self, sandbox: Sandbox) -> None:
        while True:
            await asyncio.sleep(_REFRESH_SECONDS)
            await self._mount(sandbox.volume_manager, sandbox.env)

    async def _stop_containers(self) -> None:
        grace = self._pod["metadata"].get("deletionGracePeriodSeconds")
        seconds = float(30 if grace is None else grace) if not self._removed else 0.0
        await asyncio.gather(*(runner.stop(self._sandbox, seconds) for runner in self._main))
        await asyncio.gather(*(runner.stop(self._sandbox, seconds) for runner in self._init))

    async def _tear_down(self) -> None:
        if self._network is not None:
            await self._node.networks.remove(*self._network)
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _finish(self) -> None:
        """Says how the containers ended, then lets the API server forget the pod."""
        while True:
            try:
                await self._write_status_once()
                await self._node.api.delete(self._path, {"gracePeriodSeconds": 0, "preconditions": {"uid": self._uid}})
                return
            except ApiError as failure:
                if failure.status in _GONE:
                    return
                _log.warning("deleting %s: %s", self._path, failure)
            except httpx.TransportError as failure:
                _log.warning("deleting %s: %s", self._path, failure)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _write_status(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            try:
                await self._write_status_once()
            except ApiError as failure:
                if failure.status in _GONE:
                    continue
                _log.warning("status of %s: %s", self._path, failure)
                self._dirty.set()
                await asyncio.sleep(_RETRY_SECONDS)
            except httpx.TransportError as failure:
                _log.warning("status of %s: %s", self._path, failure)
                self._dirty.set()
                await asyncio.sleep(_RETRY_SECONDS)

    async def _write_status_once(self) -> None:
        facts = PodFacts(
            init=[runner.facts for runner in self._init],
            main=[runner.facts for runner in self._main],
            pod_ip=self._address,
            host_ip=self._node.host_ip,
            started_at=self._started_at,
        )
        status = build_status(self._pod, facts, now())
        if status == self._written:
            return
        patch = {"metadata": {"uid": self._uid}, "status": replacing_addresses(status)}
        answer = await self._node.api.patch(f"{self._path}/status", patch)
        self._written = status
        # The conditions' times must be those of the last write, which the watch may bring only later.
        if int(answer["metadata"]["resourceVersion"]) > int(self._pod["metadata"]["resourceVersion"]):
            self.update(answer)

    def _warn(self, reason: str, message: str) -> None:
        self._node.events.record(self._pod, "Warning", reason, message)
