"""Reads an InferenceService and its pods: does it serve, and if not, why?

`Ready` of an InferenceService is not believed: it stays true through a rolling update, and KServe takes its model
status from the newest pod only. Ready pods are counted instead; one InferenceService has one revision.
"""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from timoneiro_operator.api.kinds import Body
from timoneiro_operator.api.manifests import covers, is_written
from timoneiro_operator.api.scaling import SCALING_FIELDS
from timoneiro_operator.api.times import read_moment
from timoneiro_operator.decide.observation import Failure, Pods, Workload

# Failed starts after which more of them would tell nothing new: a passing fault of the store is survived once.
FINAL_AFTER_RESTARTS = 2

# As KServe calls its components, in names too.
PREDICTOR, TRANSFORMER = "predictor", "transformer"
_READY = {PREDICTOR: "PredictorReady", TRANSFORMER: "TransformerReady"}
# Of a component, what says nothing of its pods.
_HOW_OFTEN = (*SCALING_FIELDS, "canaryTrafficPercent")
_CRASHES = {"CrashLoopBackOff", "RunContainerError", "StartError"}


def read_workload(inference_service: Body, pods: Sequence[Body], built: Body | None = None) -> Workload:
    """State of one InferenceService with the pods that carry its label.

    `built`: what it was built as, when that is known: an edit of what is served is told from it.
    """
    # Requests go to what it was built with, also while somebody has taken that away.
    kinds = dict.fromkeys((*components_of(inference_service), *(components_of(built) if built is not None else ())))
    parts = [_read_part(inference_service, kind, pods) for kind in kinds]
    predictor, transformer = parts[0], next(iter(parts[1:]), None)
    failures = [part.failure for part in parts if part.failure is not None]
    failures.sort(key=lambda failure: not failure.final)
    return Workload(
        ready_replicas=predictor.pods.ready,
        transformer=transformer.pods if transformer is not None else None,
        routable=all(part.announced or part.pods.ready > 0 for part in parts),
        known=all(part.announced for part in parts),
        replicas=predictor.pods.staying,
        as_built=built is None or is_as_built(inference_service, built),
        lacks_pods=tuple(part.name for part in parts if part.lacks_pods),
        failure=next(iter(failures), None),
    )


def components_of(inference_service: Body) -> tuple[str, ...]:
    """Its components, the one that is called last at first."""
    has_transformer = (inference_service.get("spec") or {}).get("transformer") is not None
    return (PREDICTOR, TRANSFORMER) if has_transformer else (PREDICTOR,)


class _Part(NamedTuple):
    """One component. `name`: of its Deployment. `announced`: KServe has seen it ready."""

    name: str
    pods: Pods
    announced: bool
    lacks_pods: bool
    failure: Failure | None


def _read_part(inference_service: Body, kind: str, pods: Sequence[Body]) -> _Part:
    name = f"{inference_service['metadata']['name']}-{kind}"
    pods = [pod for pod in pods if made_by(pod, name)]
    ready = sum(1 for pod in pods if is_ready(pod))
    spec = (inference_service.get("spec") or {}).get(kind) or {}
    staying = [pod for pod in pods if not is_leaving(pod)]
    starting = [pod for pod in staying if not is_ready(pod)]
    failure = _failure(inference_service, kind, starting, serving=ready > 0)
    if failure is not None and kind == TRANSFORMER:
        failure = dataclasses.replace(failure, message=f"in the transformer: {failure.message}")
    return _Part(
        name=name,
        pods=Pods(ready=ready, staying=len(staying)),
        announced=_condition(inference_service, _READY[kind]) == "True",
        lacks_pods=len(staying) < (spec.get("minReplicas") or 1),
        failure=failure,
    )


def is_as_built(inference_service: Body, built: Body) -> bool:
    """Whether it serves what it was built for, however often and with whatever share of the traffic."""
    if is_written(inference_service, built):
        return True
    wanted = {
        kind: {key: value for key, value in part.items() if key not in _HOW_OFTEN}
        for kind, part in built["spec"].items()
    }
    # Its runtime is told by what it was before, too.
    model = wanted[PREDICTOR]["model"]
    wanted[PREDICTOR]["model"] = {key: value for key, value in model.items() if key != "runtime"}
    as_many = components_of(inference_service) == components_of(built)
    return as_many and covers(inference_service.get("spec") or {}, wanted)


def made_by(pod: Body, workload: str) -> bool:
    """Whether the pod is one of the Deployment `workload`: a ReplicaSet that is named after both controls it.

    Labels alone are on whatever somebody copies them to. The name is enough, so that no ReplicaSet has to be watched:
    Kubernetes removes a pod whose owner does not exist.
    """
    metadata = pod["metadata"]
    template = (metadata.get("labels") or {}).get("pod-template-hash")
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{workload}-{template}", "controller": True}
    return any(covers(reference, owner) for reference in metadata.get("ownerReferences") or [])


def is_ready(pod: Body) -> bool:
    """Ready, and neither over nor on its way out."""
    return not pod["metadata"].get("deletionTimestamp") and not _is_over(pod) and _condition(pod, "Ready") == "True"


def ready_since(pod: Body) -> float:
    """Since when it is ready, in seconds since the epoch, by the clock of its node; minus infinity: nobody knows."""
    since = _condition_of(pod, "Ready").get("lastTransitionTime")
    return read_moment(since).timestamp() if since else -math.inf


def ready_pods(pods: Iterable[Body], workload: str) -> list[Body]:
    """The pods of the Deployment `workload` that are ready."""
    return [pod for pod in pods if made_by(pod, workload) and is_ready(pod)]


def _is_over(pod: Body) -> bool:
    """Evicted, or ended with its node: a pod of a Deployment is restarted for ever otherwise, and never over."""
    return (pod.get("status") or {}).get("phase") in ("Failed", "Succeeded")


def is_leaving(pod: Body) -> bool:
    """It is the cluster that ends this pod, or has: how its containers go says nothing about the model."""
    return (
        bool(pod["metadata"].get("deletionTimestamp")) or _is_over(pod) or _condition(pod, "DisruptionTarget") == "True"
    )


def with_cause(workload: Workload, deployment: Body | None) -> Workload:
    """`workload`, which lacks pods, with why Kubernetes makes none, as the Deployment of a component says it.

    A quota is none of the model's doing; a ServiceAccount that does not exist, or what a policy forbids, may be.
    """
    refused = _condition_of(deployment or {}, "ReplicaFailure")
    if workload.failure is not None or refused.get("status") != "True":
        return workload
    message = _one_line(refused.get("message") or "Kubernetes gives no message")
    reason = refused.get("reason") or "ReplicaFailure"
    failure = Failure(reason=reason, message=message, final=False, no_room="exceeded quota" in message)
    return dataclasses.replace(workload, failure=failure)


def _condition(body: Body, kind: str) -> str | None:
    return _condition_of(body, kind).get("status")


def _condition_of(body: Body, kind: str) -> Body:
    conditions = (body.get("status") or {}).get("conditions") or []
    return next((c for c in conditions if c.get("type") == kind), {})


def _failure(inference_service: Body, kind: str, pods: Sequence[Body], *, serving: bool) -> Failure | None:
    """The most telling reason why `pods` are not ready: a container's last words first, KServe's summary after that."""
    found = [failure for pod in pods for status in _containers(pod) if (failure := _container_failure(status))]
    found += [failure for pod in pods if (failure := _unscheduled(pod))]
    found.sort(key=lambda failure: not failure.final)
    refused = _condition_of(inference_service, _READY[kind])
    if not found and refused.get("status") == "False" and refused.get("reason") == "ReconcileFailed":
        # KServe could not make all that it needs: what lacks may be its autoscaler, beside pods that are ready.
        message = _one_line(refused.get("message") or "KServe gives no message")
        return Failure(reason="ReconcileFailed", message=message, final=False)
    if found or serving or kind != PREDICTOR:
        # What follows is about the model.
        return found[0] if found else None
    model_status = (inference_service.get("status") or {}).get("modelStatus") or {}
    transition = model_status.get("transitionStatus")
    if transition in ("BlockedByFailedLoad", "InvalidSpec"):
        info = model_status.get("lastFailureInfo") or {}
        reason = info.get("reason") or transition
        message = _one_line(info.get("message") or "KServe gives no message")
        if reason == "NoSupportingRuntime":
            # KServe does not say which format it was asked for.
            message = f"no serving runtime of the cluster supports {_format_of(inference_service)}"
        return Failure(reason=reason, message=message, final=False)
    return None


def _format_of(inference_service: Body) -> str:
    model = ((inference_service.get("spec") or {}).get("predictor") or {}).get("model") or {}
    wanted = model.get("modelFormat") or {}
    return " ".join(["the format", wanted.get("name", "?"), wanted.get("version") or ""]).strip()


def _containers(pod: Body) -> list[Body]:
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]


def _unscheduled(pod: Body) -> Failure | None:
    """No node takes the pod: for want of room, or of a volume claim that its spec names."""
    condition = _condition_of(pod, "PodScheduled")
    if condition.get("status") != "False" or condition.get("reason") != "Unschedulable":
        return None
    message = _one_line(condition.get("message") or "no node takes the pod")
    return Failure(reason="Unschedulable", message=message, final=False, no_room="persistentvolumeclaim" not in message)


def _container_failure(status: Body) -> Failure | None:
    state = status.get("state") or {}
    waiting, restarts = state.get("waiting") or {}, status.get("restartCount", 0)
    ended = state.get("terminated") or (status.get("lastState") or {}).get("terminated") or {}
    reason = waiting.get("reason", "")
    if ended.get("exitCode"):
        words = _one_line(ended.get("message") or f"exit code {ended['exitCode']}")
        name = "FailedLoad" if status.get("name") == "storage-initializer" else "CrashLoopBackOff"
        if ended.get("reason") == "OOMKilled":
            # Its last words, if it has any, are about what it was doing.
            name, words = "OOMKilled", f"the container {status.get('name')} used more memory than its limit"
        final = restarts >= FINAL_AFTER_RESTARTS and (reason in _CRASHES or bool(state.get("terminated")))
        return Failure(reason=name, message=words, final=final)
    if reason and reason not in ("ContainerCreating", "PodInitializing"):
        return Failure(reason=reason, message=_one_line(waiting.get("message") or reason), final=False)
    return None


def _one_line(text: str) -> str:
    """The last line that says something, at most 500 characters: the end of a traceback is its cause."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return (lines[-1] if lines else text)[:500]
