"""Everything that can go wrong in a campaign. A fault is a context: it begins when it is entered and ends after it.

`kills_requests`: it takes away what answers users, so that what is lost while it lasts is its doing and nobody else's.
"""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from chaos.api_faults import Trouble
from chaos.processes import Process, stopped
from chaos.schedule import Round
from chaos.stage import Missed, Stage, Stuck

Happen = Callable[[Stage, Round], AbstractContextManager[None]]


@dataclass(frozen=True)
class Fault:
    """`may_end`: outcomes that are right with this fault besides those of the release."""

    name: str
    happen: Happen
    lasts: bool = False
    kills_requests: bool = False
    may_end: frozenset[str] = frozenset()


def _killing(victims: Callable[[Stage], list[Process]]) -> Happen:
    @contextmanager
    def happen(stage: Stage, _round: Round) -> Iterator[None]:
        for victim in victims(stage):
            victim.send(signal.SIGKILL)
        yield

    return happen


def _stopping(victims: Callable[[Stage], list[Process]]) -> Happen:
    @contextmanager
    def happen(stage: Stage, _round: Round) -> Iterator[None]:
        with stopped(victims(stage)):
            yield

    return happen


def _in_trouble(trouble: Trouble) -> Happen:
    @contextmanager
    def happen(stage: Stage, _round: Round) -> Iterator[None]:
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
    def happen(stage: Stage, _round: Round) -> Iterator[None]:
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
    def happen(stage: Stage, round_: Round) -> Iterator[None]:
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
def _lost_machine(stage: Stage, _round: Round) -> Iterator[None]:
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


def _programs(name: str) -> Callable[[Stage], list[Process]]:
    return lambda stage: stage.programs(name)


def _servers(part: str) -> Callable[[Stage], list[Process]]:
    return lambda stage: stage.servers(part)


def _operators(*, leader: bool) -> Callable[[Stage], list[Process]]:
    return lambda stage: stage.operators(leader=leader)


@contextmanager
def _deleted_route(stage: Stage, _round: Round) -> Iterator[None]:
    stage.insist("deletion", lambda: stage.cluster.kubectl("delete", "httproute", stage.bench.name))
    yield


@contextmanager
def _edited_route(stage: Stage, _round: Round) -> Iterator[None]:
    """Somebody gives half of the traffic to each backend, or another weight to the only one."""
    route = stage.insist("the route", lambda: stage.cluster.get("httproute", stage.bench.name))
    last = len(route["spec"]["rules"]) - 1
    backends = route["spec"]["rules"][last]["backendRefs"]
    if len(backends) > 1:
        # Weight for a model that is not there yet would be this person's own outage.
        stage.servers("candidate")
    patch = [
        {"op": "replace", "path": f"/spec/rules/{last}/backendRefs/{index}/weight", "value": 50}
        for index in range(len(backends))
    ]
    stage.insist(
        "the edit",
        lambda: stage.cluster.kubectl("patch", "httproute", stage.bench.name, "--type=json", "-p", json.dumps(patch)),
    )
    yield


def _deleted_service(part: str) -> Happen:
    @contextmanager
    def happen(stage: Stage, _round: Round) -> Iterator[None]:
        name = f"{stage.bench.name}-{stage.revision(part)}"
        stage.insist("deletion", lambda: stage.cluster.kubectl("delete", "isvc", name, "--wait=false"))
        yield

    return happen


def _deleted_pods(part: str) -> Happen:
    @contextmanager
    def happen(stage: Stage, _round: Round) -> Iterator[None]:
        pods = stage.pods(part)
        stage.insist("deletion", lambda: stage.cluster.kubectl("delete", "pod", *pods, "--wait=false"))
        yield

    return happen


def _edited_service(part: str) -> Happen:
    @contextmanager
    def happen(stage: Stage, _round: Round) -> Iterator[None]:
        name = f"{stage.bench.name}-{stage.revision(part)}"
        patch = {"spec": {"predictor": {"model": {"args": ["--model_name=edited-by-hand"]}}}}
        stage.insist(
            "the edit",
            lambda: stage.cluster.kubectl("patch", "isvc", name, "--type=merge", "-p", json.dumps(patch)),
        )
        yield

    return happen


@contextmanager
def _burst(stage: Stage, _round: Round) -> Iterator[None]:
    """Three more revisions at once, and then the one that was wanted before."""
    wanted = stage.insist("the spec", lambda: stage.cluster.get("modeldeployment", stage.bench.name))["spec"]["model"]
    for kind in ("bad", "good", "bad"):
        stage.release(kind)
    stage.insist("the spec again", lambda: stage.bench.publish(wanted))
    yield


@contextmanager
def _made_again(stage: Stage, _round: Round) -> Iterator[None]:
    """The ModelDeployment is deleted and made again with another model; then the one that was wanted comes back."""
    spec = stage.insist("the spec", lambda: stage.cluster.get("modeldeployment", stage.bench.name))["spec"]
    stage.insist("deletion", lambda: stage.cluster.kubectl("delete", "modeldeployment", stage.bench.name))
    stage.configure(spec["rollout"])
    stage.release("good")
    stage.wait("its first model", lambda: stage.bench.status().get("phase") == "Healthy", seconds=90)
    stage.insist("the spec again", lambda: stage.bench.publish(spec["model"]))
    yield


@contextmanager
def _two_people(stage: Stage, _round: Round) -> Iterator[None]:
    """One pauses and one aborts at the same time; what is paused afterwards is resumed."""
    commands = [["pause"], ["abort"]]
    threads = [
        threading.Thread(target=stage.bench.timoneiro, args=(c[0], stage.bench.name, "--timeout", "30s"))
        for c in commands
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    yield
    if stage.insist("status", stage.bench.status).get("paused"):
        stage.bench.timoneiro("resume", stage.bench.name, "--timeout", "30s")


@contextmanager
def _deleted_namespace(stage: Stage, round_: Round) -> Iterator[None]:
    """Another deployment, in mid-rollout, with its whole namespace."""
    namespace = f"doomed-{round_.number}"
    body = stage.insist("the deployment", lambda: stage.cluster.get("modeldeployment", stage.bench.name))
    spec = {**body["spec"], "route": {"hostnames": [f"{namespace}.example.com"]}}
    doomed = {
        "apiVersion": body["apiVersion"],
        "kind": body["kind"],
        "metadata": {"name": "doomed", "namespace": namespace},
        "spec": spec,
    }
    stage.cluster.kubectl("create", "namespace", namespace)
    stage.cluster.create_s3_credentials(namespace)
    stage.cluster.kubectl("apply", "-f", "-", stdin=json.dumps(doomed))
    stage.wait("its model", lambda: stage.cluster.get("-n", namespace, "isvc")["items"], seconds=30)
    stage.cluster.kubectl("delete", "namespace", namespace, "--wait=false")
    yield
    stage.wait(
        "the end of the namespace",
        lambda: not stage.cluster.kubectl("get", "namespace", namespace, "--ignore-not-found"),
        seconds=90,
    )


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
    yield Fault("machine of the leader lost", _lost_machine, lasts=True)
    yield Fault("API partition of the leader", _cut_off(), lasts=True)
    yield Fault("crash before a write", _crash(after=False))
    yield Fault("crash after a write", _crash(after=True))
    yield Fault("hand: route deleted", _deleted_route, kills_requests=True)
    yield Fault("hand: route edited", _edited_route)
    for part in ("stable", "candidate"):
        yield Fault(f"hand: InferenceService of the {part} deleted", _deleted_service(part), kills_requests=True)
        yield Fault(f"hand: InferenceService of the {part} edited", _edited_service(part), kills_requests=True)
        yield Fault(f"hand: pods of the {part} deleted", _deleted_pods(part), kills_requests=True)
    yield Fault("burst of revisions", _burst)
    yield Fault("deployment deleted and made again", _made_again, kills_requests=True)
    yield Fault("two people at once", _two_people, may_end=frozenset({"Aborted"}))
    yield Fault("namespace deleted", _deleted_namespace)


FAULTS = {fault.name: fault for fault in _all()}
