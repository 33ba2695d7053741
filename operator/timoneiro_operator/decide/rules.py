"""The rules of a rollout: what ends it at once, what freezes it, what a step waits for. Each a pure question."""

from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.duration import format_duration
from timoneiro_operator.api.status import Phase, Revision, Status, to_seconds
from timoneiro_operator.decide.lifecycle import requests_of
from timoneiro_operator.decide.observation import Observation, Workload
from timoneiro_operator.decide.text import name_of


def rejection(status: Status, wanted: str) -> str | None:
    """Why the wanted revision must not be rolled out again; None when nothing speaks against it."""
    entry = next((entry for entry in reversed(status.rejected) if entry.revision == wanted), None)
    if entry is None:
        return None
    return f"{name_of(entry.revision, entry.version)} was rolled back: {entry.reason}"


def hard_failure(status: Status, candidate: Revision, workload: Workload, replicas: int, now: float) -> str | None:
    """A failure of the candidate that needs no statistics; None while there is none."""
    failure = workload.failure
    if failure is not None and failure.final:
        return f"{failure.reason}: {failure.message}"
    if status.step is not None and status.step.weight > 0:
        if workload.serving:
            return None
        return "LostReadiness: the candidate had traffic and has no ready replica any more"
    late = candidate.progress_deadline is not None and now >= to_seconds(candidate.progress_deadline)
    if late and not workload.has(replicas):
        detail = f" ({failure.reason}: {failure.message})" if failure else ""
        ready = f"{workload.ready_replicas} of {replicas} replicas ready"
        return f"ProgressDeadlineExceeded: the candidate did not become ready in time, {ready}{detail}"
    return None


def reason_to_freeze(stable: Revision, seen: Observation) -> str | None:
    """Why nothing can be known now, so that the weight stays where it is; None when it can."""
    if not seen.workload(stable.inference_service).serving:
        return "the stable model has no ready replica: nothing to compare with"
    if seen.metrics.problem is not None:
        return f"the weight is frozen: {seen.metrics.problem[1]}"
    return None


def reason_to_wait(deployment: ModelDeployment, status: Status, now: float) -> tuple[Phase, str] | None:
    """Why the step does not end yet; None when its schedule is done."""
    step, needed = status.step, deployment.spec.analysis.min_requests
    if step is None or step.not_before is None:
        return "Progressing", "waiting for the step to begin"
    if step.weight == 0:
        listed = now >= to_seconds(step.not_before)
        return None if listed else ("Progressing", "the candidate is in the route and gets its first traffic soon")
    if now < to_seconds(step.not_before):
        return "Progressing", f"{step.weight} % of the traffic for at least {format_duration(step.seconds)}"
    requests = requests_of(status) - step.requests_before
    if requests < needed:
        return "Holding", f"waiting for requests: {requests} of {needed} in this step"
    return None


def past_deadline(status: Status, now: float) -> bool:
    return bool(status.candidate and status.candidate.deadline and now >= to_seconds(status.candidate.deadline))
