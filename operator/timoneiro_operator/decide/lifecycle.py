"""Changes of the status that end or begin something: each a pure function from status to status."""

from typing import Literal

import msgspec

from timoneiro_operator.api.deployment import ModelDeployment, revision_of
from timoneiro_operator.api.duration import parse_duration
from timoneiro_operator.api.status import (
    HistoryEntry,
    Rejected,
    Retiring,
    Revision,
    Status,
    Step,
    Weights,
    to_seconds,
    to_text,
)
from timoneiro_operator.decide.observation import Observation

replace = msgspec.structs.replace

_KEPT_ENTRIES = 10
# A gateway that is told of a backend and of its weight at once may send requests there before it knows where that is.
_LISTED_SECONDS = 1.0


def begin(deployment: ModelDeployment, status: Status, now: float) -> Status:
    """The wanted revision becomes the candidate, with absolute deadlines; its evidence starts from nothing."""
    model, rollout = deployment.model, deployment.spec.rollout
    wanted = revision_of(model, deployment.spec.predictor)
    candidate = Revision(
        revision=wanted,
        inference_service=deployment.service_name(wanted),
        uri=model.uri,
        version=model.version,
        started_at=to_text(now),
        progress_deadline=to_text(now + parse_duration(rollout.progress_deadline)),
        deadline=to_text(now + parse_duration(rollout.deadline)),
    )
    return replace(
        status,
        candidate=candidate,
        step=None,
        analysis=None,
        verdict="",
        retiring=tuple(item for item in status.retiring if item.revision != wanted),
    )


def dismiss(deployment: ModelDeployment, status: Status, outcome: str, reason: str, now: float) -> Status:
    """The candidate goes: no traffic from now on, its pods after a delay. `RolledBack` also rejects it for good."""
    candidate = status.candidate
    if candidate is None:
        return status
    delay = parse_duration(deployment.spec.rollout.scale_down_delay)
    listed = status.step is not None
    status = _record(replace(status, candidate=None, step=None), candidate, outcome, reason, now)
    status = _retire(status, candidate, "Candidate", now + delay, listed=listed)
    if outcome != "RolledBack":
        return status
    rejected = Rejected(revision=candidate.revision, at=to_text(now), reason=reason, version=candidate.version)
    return replace(status, rejected=(*status.rejected, rejected)[-_KEPT_ENTRIES:])


def promote(deployment: ModelDeployment, status: Status, now: float) -> Status:
    """The candidate, which has all traffic, becomes the stable model; the old one stays warm for a while."""
    candidate, old = status.candidate, status.stable
    if candidate is None:
        return status
    stable = Revision(
        revision=candidate.revision,
        inference_service=candidate.inference_service,
        uri=candidate.uri,
        version=candidate.version,
        ready=True,
        since=to_text(now),
    )
    again = "it was stable before" if old is not None else "first revision"
    reason = status.verdict or again
    status = _record(replace(status, stable=stable, candidate=None, step=None), candidate, "Promoted", reason, now)
    if old is None:
        return status
    keep = parse_duration(deployment.spec.rollout.keep_stable)
    return _retire(status, old, "Stable", now + keep, listed=True)


def _retire(
    status: Status, revision: Revision, was: Literal["Stable", "Candidate"], delete_at: float, *, listed: bool
) -> Status:
    item = Retiring(
        was=was,
        listed=listed,
        revision=revision.revision,
        inference_service=revision.inference_service,
        uri=revision.uri,
        version=revision.version,
        delete_at=to_text(delete_at),
    )
    others = tuple(other for other in status.retiring if other.revision != revision.revision)
    return replace(status, retiring=(*others, item))


def _record(status: Status, revision: Revision, outcome: str, reason: str, now: float) -> Status:
    entry = msgspec.convert(
        {
            "revision": revision.revision,
            "outcome": outcome,
            "reason": reason,
            "startedAt": revision.started_at,
            "endedAt": to_text(now),
            "version": revision.version,
        },
        HistoryEntry,
    )
    return replace(status, history=(*status.history, entry)[-_KEPT_ENTRIES:])


def weights_of(status: Status, seen: Observation, now: float) -> dict[str, int]:
    """The weights that this status stands for, by InferenceService; empty before anything serves.

    A backend enters the route without weight and leaves it without weight: a gateway learns of backends and of weights
    in two ways that overtake each other, and would fail requests in between.
    """
    candidate_weight = status.step.weight if status.step and status.candidate else 0
    weights: dict[str, int] = {}
    if status.stable is not None:
        weights[status.stable.inference_service] = 100 - candidate_weight
    if status.candidate is not None and status.step is not None:
        weights[status.candidate.inference_service] = candidate_weight
    for item in status.retiring if weights else ():
        if item.listed and now < to_seconds(item.delete_at) and seen.workload(item.inference_service).routable:
            weights.setdefault(item.inference_service, 0)
    return weights


def desired_traffic(status: Status) -> Weights:
    candidate_weight = status.step.weight if status.step and status.candidate else 0
    return Weights(stable=100 - candidate_weight if status.stable else 0, candidate=candidate_weight)


def accepted(weights: dict[str, int], seen: Observation) -> bool:
    """The gateway has accepted just these weights."""
    if seen.route is None or not seen.route.accepted or not seen.route.as_built:
        return False
    observed = {name: weight for name, weight in seen.route.weights.items() if weight}
    return weights.keys() <= seen.route.weights.keys() and observed == {n: w for n, w in weights.items() if w}


def enter_route(deployment: ModelDeployment, status: Status) -> Status:
    """The candidate is listed in the route, without traffic."""
    count = len(deployment.spec.rollout.canary.steps)
    return replace(status, step=Step(index=-1, count=count, weight=0, seconds=_LISTED_SECONDS))


def enter_step(deployment: ModelDeployment, status: Status) -> Status:
    """The next step of the canary: the first with a higher weight than now; after the last, all traffic.

    Going by weight rather than by position, an edit of the list in mid-rollout skips nothing and repeats nothing.
    """
    steps = deployment.spec.rollout.canary.steps
    now_at = status.step.weight if status.step else 0
    index = next((i for i, step in enumerate(steps) if step.weight > now_at), len(steps))
    if index == len(steps):
        return enter_promotion(deployment, status)
    step = Step(index=index, count=len(steps), weight=steps[index].weight, seconds=steps[index].seconds)
    return replace(status, step=step)


def enter_promotion(deployment: ModelDeployment, status: Status) -> Status:
    """All traffic to the candidate."""
    count = len(deployment.spec.rollout.canary.steps)
    return replace(status, step=Step(index=count, count=count, weight=100))


def start_clock(status: Status, now: float) -> Status:
    """The gateway has accepted the weight of the step: its time runs from now."""
    step = status.step
    if step is None or step.started_at is not None:
        return status
    return replace(
        status,
        step=replace(
            step,
            started_at=to_text(now),
            not_before=to_text(now + step.seconds),
            requests_before=requests_of(status),
        ),
    )


def requests_of(status: Status) -> int:
    """Requests of the candidate that the analysis has counted so far."""
    if status.analysis is None or not status.analysis.metrics:
        return 0
    return status.analysis.metrics[0].candidate.requests
