"""Runs a container's startup, readiness and liveness probes for as long as it runs.

Guarantees: readiness and liveness are not asked before the startup probe has passed; a verdict is passed on when it
changes, not with every result.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ..api.jsontypes import Json
from ..container.probe import ProbeSettings, ProbeState
from ..container.probe_check import check
from ..container.rules import named_ports
from ..container.run import Container
from .sandbox import Sandbox


@dataclass(frozen=True)
class ProbeReactions:
    """What to do about verdicts: it has started, its readiness changed, it failed and must die in so many seconds."""

    started: Callable[[], None]
    ready: Callable[[bool], None]
    unhealthy: Callable[[str, float], Awaitable[None]]


async def run_probes(specification: Json, sandbox: Sandbox, container: Container, reactions: ProbeReactions) -> None:
    """Ends when the container was found unhealthy; otherwise runs until it is cancelled."""
    probes = _Probes(specification, sandbox, container)
    if "startupProbe" in specification:
        startup = await probes.until_verdict("startupProbe", awaited=None)
        if not startup.passing:
            await reactions.unhealthy("startup", _grace(startup.settings, sandbox))
            return
    reactions.started()
    async with asyncio.TaskGroup() as group:
        if "readinessProbe" in specification:
            group.create_task(_watch_readiness(probes, reactions))
        else:
            reactions.ready(True)
        if "livenessProbe" in specification:
            group.create_task(_watch_liveness(probes, sandbox, reactions))


async def _watch_readiness(probes: _Probes, reactions: ProbeReactions) -> None:
    passing = False
    while True:
        state = await probes.until_verdict("readinessProbe", awaited=not passing)
        passing = bool(state.passing)
        reactions.ready(passing)


async def _watch_liveness(probes: _Probes, sandbox: Sandbox, reactions: ProbeReactions) -> None:
    state = await probes.until_verdict("livenessProbe", awaited=False)
    await reactions.unhealthy("liveness", _grace(state.settings, sandbox))


def _grace(settings: ProbeSettings, sandbox: Sandbox) -> float:
    return sandbox.termination_grace if settings.grace_period is None else settings.grace_period


class _Probes:
    """The probes of one run of a container and their states."""

    def __init__(self, specification: Json, sandbox: Sandbox, container: Container) -> None:
        self._specification = specification
        self._sandbox = sandbox
        self._container = container
        self._states: dict[str, ProbeState] = {}
        self._ports = named_ports([specification])

    async def until_verdict(self, kind: str, awaited: bool | None) -> ProbeState:
        """Probes until the verdict is the awaited one; None awaits any verdict."""
        state = self._states.get(kind)
        if state is None:
            state = ProbeState(ProbeSettings.of(self._specification[kind]))
            pause = state.settings.initial_delay
        else:
            pause = state.settings.period
        while True:
            await asyncio.sleep(pause)
            state = state.after(await self._check(kind))
            self._states[kind] = state
            if state.passing is not None and awaited in {None, state.passing}:
                return state
            pause = state.settings.period

    async def _check(self, kind: str) -> bool:
        address = self._sandbox.env.pod_ip
        passed, why = await check(self._specification[kind], self._ports, address, self._container)
        if not passed:
            label = kind.removesuffix("Probe").capitalize()
            self._sandbox.warn("Unhealthy", f"{label} probe failed: {why}")
        return passed
