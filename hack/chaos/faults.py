"""Everything that can go wrong in a campaign. A fault is a context: it begins when it is entered and ends after it.

`kills_requests`: it takes away what answers users, so that what is lost while it lasts is its doing and nobody else's.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from chaos import clocks, hands
from chaos.api_faults import Trouble
from chaos.full_disk import alarm
from chaos.hands import Happen
from chaos.processes import Process, stopped
from chaos.schedule import Round
from chaos.stage import ChaosStage, Missed, SourceType, Stuck

_HOUR = 3600


@dataclass(frozen=True)
class Fault:
    """`may_end`: outcomes that are right with this fault besides those of the release.

    `source`: where the counts of its rounds come from. `edits_route`: it writes weights itself, whatever they sum to.
    """

    name: str
    happen: Happen
    lasts: bool = False
    kills_requests: bool = False
    edits_route: bool = False
    may_end: frozenset[str] = frozenset()
    source: SourceType = "Scrape"


def _killing(victims: Callable[[ChaosStage], list[Process]]) -> Happen:
    @contextmanager
    def happen(stage: ChaosStage, _round: Round) -> Iterator[None]:
        for victim in victims(stage):
            victim.send(signal.SIGKILL)
        yield

    return happen


def _stopping(victims: Callable[[ChaosStage], list[Process]]) -> Happen:
    @contextmanager
    def happen(stage: ChaosStage, _round: Round) -> Iterator[None]:
        with stopped(victims(stage)):
            yield

    return happen


def _in_trouble(trouble: Trouble) -> Happen:
    @contextmanager
    def happen(stage: ChaosStage, _round: Round) -> Iterator[None]:
        pods = [process.host for process in stage.programs("operator")]
        try:
            for pod in pods:
                stage.insist("the trouble", lambda pod=pod: stage.proxied.trouble(pod, trouble))  # type: ignore[misc]
            yield
        finally:
            for pod in pods:
                stage.insist("the end of the trouble", lambda pod=pod: stage.proxied.trouble(pod, None))  # type: ignore[misc]

    return happen


def _cut_off() -> Happen:
    @contextmanager
    def happen(stage: ChaosStage, _round: Round) -> Iterator[None]:
        (leader,) = stage.operators(leader=True)
        stage.insist("the partition", lambda: stage.proxied.trouble(leader.host, Trouble.PARTITION))
        try:
            yield
        finally:
            stage.insist("the end of the partition", lambda: stage.proxied.trouble(leader.host, None))

    return happen


def _crash(*, after: bool) -> Happen:
    """SIGKILL of the leader at its n-th write from now on: not done yet, or done and not answered."""

    @contextmanager
    def happen(stage: ChaosStage, round_: Round) -> Iterator[None]:
        (leader,) = stage.operators(leader=True)
        write = 1 + int(round_.delay * 2)
        stage.insist("the hold", lambda: stage.proxied.hold(leader.host, write=write, after=after))
        try:
            try:
                stage.wait("the write to die at", lambda: stage.proxied.reached(leader.host), seconds=30)
            except Stuck as error:
                raise Missed("the rollout has no such write any more") from error
            leader.send(signal.SIGKILL)
            yield
        finally:
            stage.insist("the release", lambda: stage.proxied.release(leader.host))

    return happen


@contextmanager
def _lost_machine(stage: ChaosStage, _round: Round) -> Iterator[None]:
    """The leader stands still until another one leads, and then goes on: it must not write any more."""
    (leader,) = stage.operators(leader=True)
    with stopped([leader]):
        began = time.time()
        stage.wait("another leader", lambda: stage.bench.leader() != leader.host, seconds=60)
        taken_over = stage.insist("since when", stage.acquired)
        stage.takeovers.append(round(taken_over - began, 1))
    yield
    writes = stage.insist("its writes", lambda: stage.proxied.state(leader.host))["writes"]
    late = [write for write in writes if write[0] > taken_over]
    if late and stage.insist("who leads", stage.bench.leader) != leader.host:
        stage.violations.append(f"an operator that led no more wrote {late[0][1]} {late[0][2]}")


@contextmanager
def _full_disk(stage: ChaosStage, _round: Round) -> Iterator[None]:
    (etcd,) = stage.programs("etcd")
    stage.insist("the alarm", lambda: alarm(etcd.pid, on=True))
    try:
        yield
    finally:
        stage.insist("the end of the alarm", lambda: alarm(etcd.pid, on=False))


def _wrong_clock(seconds: int) -> Happen:
    @contextmanager
    def happen(stage: ChaosStage, _round: Round) -> Iterator[None]:
        if clocks.library() is None:
            raise Missed("this machine has no libfaketime")
        (leader,) = stage.operators(leader=True)
        clocks.jump(stage.cluster, leader.host, seconds)
        try:
            yield
        finally:
            clocks.jump(stage.cluster, leader.host, 0)

    return happen


def _programs(name: str) -> Callable[[ChaosStage], list[Process]]:
    return lambda stage: stage.programs(name)


def _servers(part: str) -> Callable[[ChaosStage], list[Process]]:
    return lambda stage: stage.servers(part)


def _operators(*, leader: bool) -> Callable[[ChaosStage], list[Process]]:
    return lambda stage: stage.operators(leader=leader)


_COMPONENTS = {
    "etcd": _programs("etcd"),
    "API server": _programs("kube-apiserver"),
    "controller manager": _programs("kube-controller-manager"),
    "KServe": _programs("kserve-controller"),
    "Contour": _programs("contour"),
    "Envoy": _programs("envoy"),
    "node": _programs("node"),
    "leader": _operators(leader=True),
    "standby": _operators(leader=False),
    "stable model server": _servers("stable"),
    "candidate's model server": _servers("candidate"),
}
# What answers users, and what runs it: a node that is killed takes its pods with it.
_ANSWERING = frozenset({"Envoy", "stable model server", "candidate's model server"})


def _all() -> Iterator[Fault]:
    for name, victims in _COMPONENTS.items():
        answering = name in _ANSWERING
        yield Fault(f"kill {name}", _killing(victims), kills_requests=answering or name == "node")
        yield Fault(f"stop {name}", _stopping(victims), lasts=True, kills_requests=answering)
    for trouble in Trouble:
        if trouble is not Trouble.PARTITION:
            yield Fault(f"API {trouble.value}", _in_trouble(trouble), lasts=True)
    for name, happen, lasts in (("kill", _killing, False), ("stop", _stopping, True)):
        yield Fault(f"{name} Prometheus", happen(_programs("prometheus")), lasts=lasts, source="Prometheus")
    yield Fault("disk of etcd full", _full_disk, lasts=True)
    yield Fault("clock of the leader an hour ahead", _wrong_clock(_HOUR), lasts=True)
    yield Fault("clock of the leader an hour behind", _wrong_clock(-_HOUR), lasts=True)
    yield Fault("machine of the leader lost", _lost_machine, lasts=True)
    yield Fault("API partition of the leader", _cut_off(), lasts=True)
    yield Fault("crash before a write", _crash(after=False))
    yield Fault("crash after a write", _crash(after=True))
    yield Fault("hand: route deleted", hands.deleted_route, kills_requests=True)
    yield Fault("hand: route edited", hands.edited_route, edits_route=True)
    for part in ("stable", "candidate"):
        yield Fault(f"hand: InferenceService of the {part} deleted", hands.deleted_service(part), kills_requests=True)
        yield Fault(f"hand: InferenceService of the {part} edited", hands.edited_service(part), kills_requests=True)
        yield Fault(f"hand: pods of the {part} deleted", hands.deleted_pods(part), kills_requests=True)
    yield Fault("burst of revisions", hands.burst)
    yield Fault("deployment deleted and made again", hands.made_again, kills_requests=True)
    yield Fault("two people at once", hands.two_people, may_end=frozenset({"Aborted"}))
    yield Fault("namespace deleted", hands.deleted_namespace)


FAULTS = {fault.name: fault for fault in _all()}
