"""One decision: from what is wanted, what was seen and the time, to what is to be done.

`decide` is idempotent and keeps nothing: a crash between any two writes, a restart or a second pass leads to the
same place. It never gives weight to a revision that is not serving, and never removes one that has weight.
"""

from typing import NamedTuple

from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.duration import parse_duration
from timoneiro_operator.api.status import Phase, Revision, Status, Traffic, to_seconds
from timoneiro_operator.decide.analysis import comparisons_of, fold, judge_all
from timoneiro_operator.decide.conditions import with_conditions
from timoneiro_operator.decide.decision import Decision
from timoneiro_operator.decide.lifecycle import (
    accepted,
    begin,
    desired_traffic,
    dismiss,
    enter_promotion,
    enter_route,
    enter_step,
    promote,
    replace,
    requests_of,
    start_clock,
    weights_of,
)
from timoneiro_operator.decide.observation import Failure, Observation
from timoneiro_operator.decide.rules import hard_failure, past_deadline, reason_to_freeze, reason_to_wait, rejection
from timoneiro_operator.decide.text import name_of, revision_name, step_text, verdict_sentence


class Arms(NamedTuple):
    """Whose counts are wanted, and at which weight: another weight is another stretch of time."""

    stable: str
    candidate: str
    weight: int


def arms_to_measure(status: Status) -> Arms | None:
    """The pair that is being compared; None while no candidate has accepted weight in a step."""
    if status.stable is None or status.candidate is None or status.step is None:
        return None
    if status.step.started_at is None or not 0 <= status.step.index < status.step.count:
        return None
    return Arms(status.stable.inference_service, status.candidate.inference_service, status.step.weight)


def decide(deployment: ModelDeployment, seen: Observation, now: float) -> Decision:
    """What to do for `deployment` at `now` (seconds since the epoch), having seen `seen`."""
    status = _with_new_counts(deployment, seen)
    stable, candidate, wanted = status.stable, status.candidate, deployment.revision

    if wanted is None:
        status = dismiss(deployment, status, "Withdrawn", "the spec names no model any more", now)
        status = _at_rest(status, seen, now) if stable else _say(status, "Pending", "no model has been published yet")
    elif stable is not None and wanted == stable.revision:
        status = replace(status, stable=replace(stable, version=deployment.model.version))
        status = dismiss(deployment, status, "Withdrawn", "the spec went back to the stable model", now)
        status = _at_rest(status, seen, now)
    elif stable is not None and (rejected := rejection(status, wanted)) is not None:
        status = dismiss(deployment, status, "Superseded", "the spec went back to a rejected model", now)
        status = _rolled_back(status, seen, rejected, now)
    elif candidate is None or candidate.revision != wanted:
        status = _start(deployment, status, wanted, seen, now)
    elif stable is None:
        status = _first_revision(deployment, status, candidate, seen, now)
    else:
        status = _roll_out(deployment, status, stable, candidate, seen, now)
    return _finish(deployment, status, seen, now)


def _with_new_counts(deployment: ModelDeployment, seen: Observation) -> Status:
    """The status with the counts of this pass in it, if they belong to the rollout that is running."""
    status = deployment.status
    if arms_to_measure(status) is None:
        return status
    analysis = fold(status.analysis, deployment.spec.analysis, seen.metrics, status)
    status = replace(status, analysis=analysis)
    if status.step is not None and status.step.requests_before > requests_of(status):
        # The evidence began anew because its limits were edited, and so does the count of requests.
        status = replace(status, step=replace(status.step, requests_before=0))
    return replace(status, verdict=verdict_sentence(status))


def _start(deployment: ModelDeployment, status: Status, wanted: str, seen: Observation, now: float) -> Status:
    """The wanted revision becomes the candidate; whatever was on its way before loses its traffic first."""
    was_stable = any(item.revision == wanted and item.was == "Stable" for item in status.retiring)
    reason = f"{name_of(wanted, deployment.model.version)} is wanted"
    status = begin(deployment, dismiss(deployment, status, "Superseded", reason, now), now)
    warm = seen.workload(deployment.service_name(wanted)).has(deployment.spec.predictor.min_replicas)
    if was_stable and status.stable is not None and warm:
        status = enter_promotion(deployment, status)
        return _say(status, "Promoting", "going back to a model that was stable and is still warm")
    return _wait_for_candidate(deployment, status, seen)


def _first_revision(
    deployment: ModelDeployment, status: Status, candidate: Revision, seen: Observation, now: float
) -> Status:
    """There is nothing to compare with and nothing to lose: serve as soon as it is ready."""
    workload = seen.workload(candidate.inference_service)
    if not workload.has(deployment.spec.predictor.min_replicas):
        failed = workload.failure is not None and workload.failure.final
        late = now >= to_seconds(candidate.progress_deadline or "9999-01-01T00:00:00Z")
        phase: Phase = "Degraded" if failed or late else "Pending"
        return _say(replace(status, step=None), phase, _not_ready(candidate, workload.failure))
    if status.step is None:
        status = enter_promotion(deployment, status)
    if accepted(weights_of(status, seen, now), seen):
        status = promote(deployment, status, now)
        return _say(status, "Healthy", f"{revision_name(candidate)} serves all traffic")
    return _say(status, "Pending", _route_wait(seen))


def _roll_out(
    deployment: ModelDeployment,
    status: Status,
    stable: Revision,
    candidate: Revision,
    seen: Observation,
    now: float,
) -> Status:
    """One pass of a rollout, in the order in which it matters: harm, capacity, routing, evidence, time."""
    analysis, workload = deployment.spec.analysis, seen.workload(candidate.inference_service)
    step = status.step

    replicas = deployment.spec.predictor.min_replicas
    harm = hard_failure(status, candidate, workload, replicas, now)
    if harm is not None:
        return _roll_back(deployment, status, harm, now)
    verdict = judge_all(comparisons_of(status, analysis), analysis).verdict
    if verdict == "Worse":
        return _roll_back(deployment, status, status.verdict, now)

    if step is None:
        return _wait_for_candidate(deployment, status, seen)
    if not accepted(weights_of(status, seen, now), seen):
        phase: Phase = "Promoting" if step.index >= step.count else "Progressing"
        return _say(status, phase, _route_wait(seen))
    if step.index >= step.count:
        status = promote(deployment, status, now)
        return _say(status, "Healthy", f"{revision_name(candidate)} was promoted and serves all traffic")

    status = start_clock(status, now)
    frozen = reason_to_freeze(stable, seen)
    if frozen is not None:
        return _say(status, "Holding", frozen)
    if past_deadline(status, now) and verdict != "NotWorse":
        return _inconclusive(deployment, status, candidate, now)
    waiting = reason_to_wait(deployment, status, now)
    if waiting is not None:
        return _say(status, *waiting)
    if not workload.has(replicas):
        return _say(status, "Holding", f"{workload.ready_replicas} of {replicas} replicas of the candidate are ready")
    next_step = enter_step(deployment, status)
    if next_step.step is not None and next_step.step.index < next_step.step.count:
        return _say(next_step, "Progressing", f"going to {next_step.step.weight} % of the traffic")
    if analysis.promotion == "NoHarm" or verdict == "NotWorse":
        return _say(enter_promotion(deployment, status), "Promoting", "going to all traffic")
    return _inconclusive(deployment, status, candidate, now)


def _inconclusive(deployment: ModelDeployment, status: Status, candidate: Revision, now: float) -> Status:
    """The schedule is done, and it is not known whether the candidate is as good."""
    wish = deployment.spec.rollout.on_inconclusive
    if not past_deadline(status, now):
        until = f", until {candidate.deadline}" if candidate.deadline else ""
        return _say(status, "Holding", f"more evidence of 'not worse' is needed{until}: {status.verdict}")
    if wish == "Rollback":
        return _roll_back(deployment, status, f"inconclusive at the deadline: {status.verdict}", now)
    if wish == "Promote":
        return _say(enter_promotion(deployment, status), "Promoting", "inconclusive at the deadline: promoting")
    return _say(status, "Holding", f"inconclusive at the deadline, holding: {status.verdict}")


def _wait_for_candidate(deployment: ModelDeployment, status: Status, seen: Observation) -> Status:
    """Capacity before traffic: the first step begins when all replicas of the candidate are ready."""
    candidate = status.candidate
    if candidate is None:
        return status
    workload = seen.workload(candidate.inference_service)
    if status.stable is None or not workload.has(deployment.spec.predictor.min_replicas):
        phase: Phase = "Pending" if status.stable is None else "Progressing"
        return _say(status, phase, _not_ready(candidate, workload.failure))
    if not seen.workload(status.stable.inference_service).serving:
        return _say(status, "Holding", "the stable model has no ready replica: nothing to compare with")
    status = enter_route(deployment, replace(status, candidate=replace(candidate, ready=True)))
    return _say(status, "Progressing", "the candidate is ready and enters the route")


def _roll_back(deployment: ModelDeployment, status: Status, reason: str, now: float) -> Status:
    """All traffic to the stable model in this very pass; the pods of the candidate go later."""
    candidate = status.candidate
    name = revision_name(candidate) if candidate else "the candidate"
    status = dismiss(deployment, status, "RolledBack", reason, now)
    return _say(status, "RollingBack", f"{name} is rolled back: {reason}")


def _rolled_back(status: Status, seen: Observation, reason: str, now: float) -> Status:
    """The wanted revision was rejected; the stable model serves until something else is wanted."""
    phase: Phase = "RolledBack" if accepted(weights_of(status, seen, now), seen) else "RollingBack"
    if status.phase == "RolledBack" and seen.route is not None and seen.route.reason == "Pending":
        phase = "RolledBack"
    return _say(status, phase, reason)


def _at_rest(status: Status, seen: Observation, now: float) -> Status:
    """What is wanted is what serves."""
    stable = status.stable
    if stable is None:
        return status
    workload = seen.workload(stable.inference_service)
    status = replace(status, stable=replace(stable, ready=workload.serving))
    if not workload.serving:
        return _say(status, "Degraded", _not_ready(stable, workload.failure))
    if not accepted(weights_of(status, seen, now), seen):
        if seen.route is not None and seen.route.reason != "Pending" and not seen.route.accepted:
            return _say(status, "Degraded", seen.route.message)
        if status.phase != "Healthy":
            return _say(status, "RollingBack", "all traffic goes back to the stable model")
    return _say(status, "Healthy", f"{revision_name(stable)} serves all traffic")


def _not_ready(revision: Revision, failure: Failure | None) -> str:
    name = revision_name(revision)
    return f"{name} is not ready: {failure.reason}: {failure.message}" if failure else f"{name} is not ready yet"


def _route_wait(seen: Observation) -> str:
    if seen.route is None or seen.route.accepted:
        return "waiting for the gateway to take the new weights"
    return f"waiting for the gateway: {seen.route.message}"


def _say(status: Status, phase: Phase, message: str) -> Status:
    return replace(status, phase=phase, message=message)


def _finish(deployment: ModelDeployment, status: Status, seen: Observation, now: float) -> Decision:
    """Everything that follows from the status: weights, clean-up, conditions, when to look again."""
    weights = weights_of(status, seen, now)
    routed = seen.route.weights if seen.route else {}
    settled = accepted(weights, seen)
    due = [item for item in status.retiring if now >= to_seconds(item.delete_at)]
    # Only what the accepted route does not even name may go: traffic before deletion.
    delete = [item for item in due if (settled or seen.route is None) and item.inference_service not in routed]
    gone = [item for item in delete if item.inference_service not in seen.workloads]
    status = replace(
        status,
        retiring=tuple(item for item in status.retiring if item not in gone),
        observed_generation=deployment.generation,
        step_text=step_text(status),
        traffic=Traffic(desired=desired_traffic(status), accepted=settled) if weights else None,
    )
    status = replace(status, conditions=with_conditions(status, deployment, seen, now))
    serves = {part.revision for part in (status.stable, status.candidate) if part is not None}
    wanted = deployment.revision
    return Decision(
        status=status,
        ensure=deployment.service_name(wanted) if wanted is not None and wanted in serves else None,
        weights=weights,
        scale=_to_scale(deployment, status, seen),
        delete=tuple(item.inference_service for item in delete if item not in gone),
        look_again=_look_again(deployment, status, now),
    )


def _to_scale(deployment: ModelDeployment, status: Status, seen: Observation) -> dict[str, int]:
    """Replicas by InferenceService, where it exists and has another number of them."""
    replicas = deployment.spec.predictor.min_replicas
    names = [part.inference_service for part in (status.stable, status.candidate) if part is not None]
    return {name: replicas for name in names if seen.workload(name).min_replicas not in (None, replicas)}


def _look_again(deployment: ModelDeployment, status: Status, now: float) -> float | None:
    """Seconds until the next deadline or measurement; None when only a change can make a difference."""
    times = [to_seconds(item.delete_at) for item in status.retiring]
    candidate, step = status.candidate, status.step
    if candidate is not None:
        limit = candidate.deadline if step else candidate.progress_deadline
        times += [to_seconds(limit)] if limit else []
    if step is not None and step.not_before:
        times.append(to_seconds(step.not_before))
    if arms_to_measure(status) is not None:
        times.append(now + parse_duration(deployment.spec.analysis.interval))
    future = [time - now for time in times if time > now]
    return min(future, default=None)
