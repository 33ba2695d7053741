"""A pod's status, built from what its containers did. Pure.

Follows the pod lifecycle of the Kubernetes documentation: phases, container states and conditions as a kubelet
reports them, so that Deployments, EndpointSlices and people read the same story.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..api.jsontypes import Json
from ..api.times import parse, timestamp


@dataclass(frozen=True)
class Waiting:
    """Not running yet, or between two runs."""

    reason: str
    message: str = ""


@dataclass(frozen=True)
class Running:
    """Started and not ended."""

    started_at: datetime
    container_id: str


@dataclass(frozen=True)
class Terminated:
    """Ended, with the exit code that a container runtime would give."""

    exit_code: int
    reason: str
    message: str
    started_at: datetime
    finished_at: datetime
    container_id: str


ContainerState = Waiting | Running | Terminated


@dataclass(frozen=True)
class ContainerFacts:
    """All that is known about one container at a moment."""

    name: str
    image: str
    state: ContainerState
    last: Terminated | None = None
    restarts: int = 0
    ready: bool = False
    started: bool = False
    sidecar: bool = False


@dataclass(frozen=True)
class PodFacts:
    """All that is known about one pod at a moment. An empty pod_ip means that it has no network (yet)."""

    init: Sequence[ContainerFacts]
    main: Sequence[ContainerFacts]
    pod_ip: str
    host_ip: str
    started_at: datetime


def initialized(init: Sequence[ContainerFacts]) -> bool:
    """Whether the main containers may start."""
    return all(facts.started if facts.sidecar else _succeeded(facts.state) for facts in init)


def phase(pod: Json, init: Sequence[ContainerFacts], main: Sequence[ContainerFacts]) -> str:
    """Pending, Running, Succeeded or Failed."""
    policy = pod["spec"].get("restartPolicy", "Always")
    ordinary = [facts for facts in init if not facts.sidecar]
    if policy == "Never" and any(_failed(facts.state) for facts in ordinary):
        return "Failed"
    if not initialized(init) and not any(isinstance(facts.state, Running | Terminated) for facts in main):
        return "Pending"
    if any(isinstance(facts.state, Waiting) and facts.last is None for facts in main):
        return "Pending"
    if all(isinstance(facts.state, Terminated) for facts in main) and policy != "Always":
        if all(_succeeded(facts.state) for facts in main):
            return "Succeeded"
        if policy == "Never":
            return "Failed"
    return "Running"


def build_status(pod: Json, facts: PodFacts, moment: datetime) -> Json:
    """The complete status; times of conditions that did not change are taken from the pod's present status."""
    current_phase = phase(pod, facts.init, facts.main)
    status: Json = {
        "phase": current_phase,
        "conditions": _conditions(pod, facts, current_phase, moment),
        "hostIP": facts.host_ip,
        "hostIPs": [{"ip": facts.host_ip}],
        "startTime": timestamp(facts.started_at),
        "qosClass": (pod.get("status") or {}).get("qosClass", "BestEffort"),
        "containerStatuses": [_container_status(entry) for entry in facts.main],
    }
    if facts.init:
        status["initContainerStatuses"] = [_container_status(entry) for entry in facts.init]
    if facts.pod_ip:
        status["podIP"] = facts.pod_ip
        status["podIPs"] = [{"ip": facts.pod_ip}]
    return status


def replacing_addresses(status: Json) -> Json:
    """The status as a strategic merge patch whose addresses replace the old ones.

    They are merged by their value otherwise, and a pod that got a new address with its new network would have two.
    """
    lists: Json = {key: [{"$patch": "replace"}, *status[key]] for key in ("podIPs", "hostIPs") if key in status}
    return {**status, **lists}


def ended_before(status: Json, moment: datetime) -> Terminated | None:
    """How the latest run in a container's status ended; one that was running then has been lost since."""
    state = status.get("state") or {}
    ended = state.get("terminated") or (status.get("lastState") or {}).get("terminated")
    if "running" in state:
        return Terminated(
            exit_code=137,
            reason="ContainerStatusUnknown",
            message="The container was gone when the node process started again.",
            started_at=parse(state["running"]["startedAt"]),
            finished_at=moment,
            container_id=status.get("containerID", ""),
        )
    if ended is None:
        return None
    return Terminated(
        exit_code=ended["exitCode"],
        reason=ended.get("reason", ""),
        message=ended.get("message", ""),
        started_at=parse(ended["startedAt"]),
        finished_at=parse(ended["finishedAt"]),
        container_id=ended.get("containerID", ""),
    )


def _succeeded(state: ContainerState) -> bool:
    return isinstance(state, Terminated) and state.exit_code == 0


def _failed(state: ContainerState) -> bool:
    return isinstance(state, Terminated) and state.exit_code != 0


def _state(state: ContainerState | None) -> Json:
    match state:
        case Waiting():
            return {"waiting": {"reason": state.reason} | ({"message": state.message} if state.message else {})}
        case Running():
            return {"running": {"startedAt": timestamp(state.started_at)}}
        case Terminated():
            return {
                "terminated": {
                    "exitCode": state.exit_code,
                    "reason": state.reason,
                    "startedAt": timestamp(state.started_at),
                    "finishedAt": timestamp(state.finished_at),
                    "containerID": state.container_id,
                }
                | ({"message": state.message} if state.message else {})
            }
        case None:
            return {}


def _container_status(facts: ContainerFacts) -> Json:
    # The API server compares runs by containerID, so it must be that of the latest run.
    latest = facts.last if isinstance(facts.state, Waiting) else facts.state
    return {
        "name": facts.name,
        "image": facts.image,
        "imageID": f"process://{facts.image}" if latest else "",
        "state": _state(facts.state),
        "lastState": _state(facts.last),
        "ready": facts.ready,
        "started": facts.started,
        "restartCount": facts.restarts,
    } | ({"containerID": latest.container_id} if latest else {})


def _unready_message(what: str, unready: Sequence[ContainerFacts]) -> str:
    return f"containers with {what} status: [{' '.join(entry.name for entry in unready)}]"


def _conditions(pod: Json, facts: PodFacts, current_phase: str, moment: datetime) -> list[Json]:
    present = {entry["type"]: entry for entry in (pod.get("status") or {}).get("conditions") or []}
    unready = [entry for entry in facts.main if not entry.ready]
    finished = current_phase in {"Succeeded", "Failed"}
    init_done = initialized(facts.init) or current_phase == "Succeeded"
    pending_init = [e for e in facts.init if not (e.started if e.sidecar else _succeeded(e.state))]
    gates = [gate["conditionType"] for gate in pod["spec"].get("readinessGates") or []]
    closed = [gate for gate in gates if present.get(gate, {}).get("status") != "True"]

    init_reason = "" if init_done else "ContainersNotInitialized"
    init_message = "" if init_done else _unready_message("incomplete", pending_init)
    if finished:
        ready_reason = "PodCompleted" if current_phase == "Succeeded" else "PodFailed"
        ready_message = ""
    else:
        ready_reason = "ContainersNotReady" if unready else ""
        ready_message = _unready_message("unready", unready) if unready else ""
    containers_ready = not unready and not finished
    ready = containers_ready and not closed
    if containers_ready and closed:
        gate_reason, gate_message = "ReadinessGatesNotReady", f"pod readiness gate(s) {closed} are not True"
    else:
        gate_reason, gate_message = ready_reason, ready_message
    wanted = (
        ("PodReadyToStartContainers", bool(facts.pod_ip) and not finished, "", ""),
        ("Initialized", init_done, init_reason, init_message),
        ("Ready", ready, gate_reason, gate_message),
        ("ContainersReady", containers_ready, ready_reason, ready_message),
        ("PodScheduled", True, "", ""),
    )
    return [_condition(present, kind, value, reason, message, moment) for kind, value, reason, message in wanted]


def _condition(
    present: Mapping[str, Json], kind: str, value: bool, reason: str, message: str, moment: datetime
) -> Json:
    status = "True" if value else "False"
    before = present.get(kind, {})
    since = before.get("lastTransitionTime") if before.get("status") == status else None
    return {
        "type": kind,
        "status": status,
        "lastTransitionTime": since or timestamp(moment),
        # Explicit nulls: a merge patch would otherwise keep the reason of the condition's earlier state.
        "reason": reason or None,
        "message": message or None,
    }
