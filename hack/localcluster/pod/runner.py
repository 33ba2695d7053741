"""Keeps one container of a pod going: start, probe, restart with back-off, stop.

Guarantees: `facts` always tells the truth about the container's present and last run; a container that is asked to
stop is not started again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

import httpx

from ..api.jsontypes import Json
from ..api.times import now
from ..build.images import Image, find_image, read_images
from ..container.backoff import Backoff
from ..container.environment import ImageProcess, MissingReferenceError, resolve_argv, resolve_environment
from ..container.memory_limit import enforce, memory_limit
from ..container.probe_check import check
from ..container.rules import ContainerRole, named_ports, restarts_after, role_of, termination_message, volume_mounts
from ..container.run import Container, ContainerSpecification, StartError, VolumeMount
from .probes import ProbeReactions, run_probes
from .sandbox import Sandbox
from .status import ContainerFacts, ContainerState, Running, Terminated, Waiting, ended_before
from .volumes import VolumeError

_RETRY_SECONDS = 1.0
_MAXIMUM_HOOK_SECONDS = 30.0


class ContainerRunner:
    """One container of one pod."""

    def __init__(
        self,
        container: Json,
        *,
        is_init: bool,
        waiting: str,
        previous: Json | None,
        changed: Callable[[], None],
    ) -> None:
        self._container = container
        self._role = role_of(container, is_init=is_init)
        self._changed = changed
        self._stopping = asyncio.Event()
        self._running: Container | None = None
        self._state: ContainerState = Waiting(waiting)
        # A container that ran under an earlier node process died with it: its next run is a restart.
        self._last = ended_before(previous, now()) if previous else None
        self._runs = previous["restartCount"] + 1 if previous and self._last else 0
        self._ready = False
        self._started = False

    @property
    def role(self) -> ContainerRole:
        """What it is to its pod."""
        return self._role

    @property
    def facts(self) -> ContainerFacts:
        """Its state for the pod's status."""
        succeeded = isinstance(self._state, Terminated) and self._state.exit_code == 0
        return ContainerFacts(
            name=self._container["name"],
            image=self._container["image"],
            state=self._state,
            last=self._last,
            restarts=max(self._runs - 1, 0),
            ready=succeeded if self._role is ContainerRole.INIT else self._ready,
            started=self._started,
            sidecar=self._role is ContainerRole.SIDECAR,
        )

    async def run(self, sandbox: Sandbox) -> None:
        """Runs the container until it has ended for good or was stopped."""
        done = self._last is not None and not restarts_after(self._last.exit_code, self._role, sandbox.restart_policy)
        if self._last is not None and done and self._role is ContainerRole.MAIN:
            self._show(self._last)
            return
        backoff = Backoff(sandbox.restart_base)
        policy = sandbox.restart_policy
        while not self._stopping.is_set():
            terminated = await self._run_once(sandbox)
            if terminated is None:
                return
            self._ready = self._started = False
            self._show(terminated)
            if self._stopping.is_set() or not restarts_after(terminated.exit_code, self._role, policy):
                return
            ran_for = (terminated.finished_at - terminated.started_at).total_seconds()
            delay, backoff = backoff.after_exit(ran_for)
            if delay:
                self._last = terminated
                message = f"back-off {delay:g}s restarting failed container={self._container['name']}"
                self._show(Waiting("CrashLoopBackOff", message))
                sandbox.warn("BackOff", message)
                await self._pause(delay)
                if self._stopping.is_set():
                    self._show(terminated)
            self._last = terminated

    async def stop(self, sandbox: Sandbox | None, grace: float) -> None:
        """Ends the container within the grace period (seconds) and keeps it ended."""
        self._stopping.set()
        if self._running is not None and sandbox is not None:
            await self._kill(sandbox, self._running, grace)

    async def _run_once(self, sandbox: Sandbox) -> Terminated | None:
        specification = await self._specify(sandbox)
        if specification is None:
            return None
        name = self._container["name"]
        number = self._runs
        log = sandbox.log_folder / name / f"{number}.log"
        identity = f"process://{sandbox.pod['metadata']['uid']}/{name}/{number}"
        started = now()
        try:
            container = await Container.start(specification, sandbox.folder / f"{name}.json", log)
        except StartError as failure:
            self._runs += 1
            sandbox.warn("Failed", f"Error: {failure}")
            return Terminated(128, "StartError", str(failure), started, now(), identity)
        self._runs += 1
        self._running = container
        self._show(Running(started, identity))
        sandbox.note("Started", f"Started container {name}")
        reactions = self._reactions(sandbox, container)
        limit = memory_limit(self._container)
        guards = [asyncio.create_task(run_probes(self._container, sandbox, container, reactions))]
        if limit is not None:
            guards.append(asyncio.create_task(enforce(container, limit)))
        try:
            if self._stopping.is_set():
                await container.stop(0)
            code = await container.wait()
            out_of_memory = limit is not None and guards[-1].done()
        finally:
            self._running = None
            for guard in guards:
                guard.cancel()
            await asyncio.gather(*guards, return_exceptions=True)
        reason = "OOMKilled" if out_of_memory else "Completed" if code == 0 else "Error"
        policy = self._container.get("terminationMessagePolicy", "File")
        message = termination_message(self._message_file(sandbox).read_bytes(), log.read_bytes(), policy, code)
        return Terminated(code, reason, message, started, now(), identity)

    def _message_file(self, sandbox: Sandbox) -> Path:
        return sandbox.folder / f"{self._container['name']}.message"

    async def _specify(self, sandbox: Sandbox) -> ContainerSpecification | None:
        """What to start, waiting for what is missing; None when stopped before that."""
        refused = 0
        while not self._stopping.is_set():
            image = find_image(read_images(sandbox.images), self._container["image"])
            if image is None:
                message = f'image "{self._container["image"]}" is not known to this node'
                self._wait_for_start(sandbox, "ErrImagePull" if refused == 0 else "ImagePullBackOff", message)
                refused += 1
            else:
                try:
                    return await self._specification(sandbox, image)
                except (MissingReferenceError, VolumeError, ValueError, KeyError) as failure:
                    self._wait_for_start(sandbox, "CreateContainerConfigError", str(failure))
                except httpx.TransportError as failure:
                    self._wait_for_start(sandbox, "CreateContainerConfigError", f"no answer from the API: {failure}")
            await self._pause(_RETRY_SECONDS)
        return None

    def _wait_for_start(self, sandbox: Sandbox, reason: str, message: str) -> None:
        self._show(Waiting(reason, message))
        sandbox.warn("Failed", f"Error: {reason}: {message}")

    async def _specification(self, sandbox: Sandbox, image: Image) -> ContainerSpecification:
        sources = await sandbox.volume_manager.env_sources(sandbox.env, self._container)
        base = {**image.environment, **sandbox.base_environment}
        environment = resolve_environment(self._container, base, sources)
        message_file = self._message_file(sandbox)
        message_file.write_bytes(b"")
        message_file.chmod(0o666)
        read_only = frozenset(
            volume["name"]
            for volume in sandbox.pod["spec"].get("volumes") or []
            if "emptyDir" not in volume and "hostPath" not in volume
        )
        mounts = volume_mounts(self._container, sandbox.volumes, read_only, environment)
        for mount in mounts:
            if not mount.source.exists():
                mount.source.mkdir(parents=True)
        message_path = self._container.get("terminationMessagePath", "/dev/termination-log")
        return ContainerSpecification(
            argv=resolve_argv(self._container, ImageProcess(image.entrypoint, image.command), environment),
            environment=environment,
            working_dir=self._container.get("workingDir") or "/",
            hostname=sandbox.base_environment["HOSTNAME"],
            network_namespace=sandbox.network_namespace,
            mounts=[
                VolumeMount(sandbox.folder / "hosts", "/etc/hosts", True),
                VolumeMount(sandbox.folder / "resolv.conf", "/etc/resolv.conf", True),
                *mounts,
                VolumeMount(message_file, message_path, False),
            ],
            visible=image.visible,
        )

    def _reactions(self, sandbox: Sandbox, container: Container) -> ProbeReactions:
        def started() -> None:
            self._started = True
            self._changed()

        def ready(value: bool) -> None:
            self._ready = value
            self._changed()

        async def unhealthy(kind: str, grace: float) -> None:
            if not self._stopping.is_set():
                name = self._container["name"]
                sandbox.note("Killing", f"Container {name} failed {kind} probe, will be restarted")
                await self._kill(sandbox, container, grace)

        return ProbeReactions(started, ready, unhealthy)

    async def _kill(self, sandbox: Sandbox, container: Container, grace: float) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace
        hook = (self._container.get("lifecycle") or {}).get("preStop")
        if hook and grace > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self._pre_stop(hook, sandbox, container, grace)
        # Like a kubelet: a hook that took all the time still leaves the program two seconds.
        await container.stop(max(deadline - loop.time(), 2.0) if grace > 0 else 0.0)

    async def _pre_stop(self, hook: Json, sandbox: Sandbox, container: Container, grace: float) -> None:
        if "sleep" in hook:
            await asyncio.sleep(hook["sleep"]["seconds"])
            return
        ports = named_ports([self._container])
        limit = min(grace, _MAXIMUM_HOOK_SECONDS)
        passed, why = await check({**hook, "timeoutSeconds": limit}, ports, sandbox.env.pod_ip, container)
        if not passed:
            sandbox.warn("FailedPreStopHook", f"PreStopHook failed: {why}")

    def _show(self, state: ContainerState) -> None:
        self._state = state
        self._changed()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
