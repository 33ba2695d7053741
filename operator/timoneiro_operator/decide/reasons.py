"""The rules of a rollout: why a candidate has to go, what freezes it, what a step waits for. Each a pure question."""

from timoneiro_judge.routing import ALPHA
from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.duration import format_duration
from timoneiro_operator.api.status import Candidate, Direct, Leaving, Phase, Stable, Status, Step
from timoneiro_operator.api.times import Moment, clock
from timoneiro_operator.decide.capacity import replicas
from timoneiro_operator.decide.given import Given
from timoneiro_operator.decide.lifecycle import is_adopted, rejection_entry
from timoneiro_operator.decide.observation import Observation, Workload
from timoneiro_operator.decide.steps import requests_of, waits_for_a_person
from timoneiro_operator.decide.text import because, given_text, known_so_far, name_of, time_of_day
from timoneiro_operator.decide.warm_up import warms_up_until

# A model that needs up to this for an answer is not taken for one that gives none.
SILENCE_SECONDS = 60.0
# Fewer requests than these may have met with something else.
LEAST_REQUESTS = 3


def rejection(status: Status, wanted: str | None) -> str | None:
    """Why the wanted revision must not be rolled out again; None when it may be."""
    entry = rejection_entry(status, wanted)
    if entry is None:
        return None
    return f"{name_of(entry.revision, entry.version)} is not rolled out again: {entry.reason}"


def reason_to_leave(given: Given, status: Status, candidate: Candidate) -> Leaving | None:
    """Why the candidate has to go; None while it may stay. What was decided once stays decided."""
    if candidate.leaving is not None:
        return candidate.leaving
    unwanted = _unwanted(given.deployment, status, candidate)
    if unwanted is not None or status.stable is None:
        return unwanted
    harm = _hard_failure(given, status, candidate) if not given.seen.blind else None
    if harm is None and given.verdict(status) == "Worse":
        harm = status.verdict
    if harm is None and _gives_up(given, status, candidate):
        # Needs neither counts nor the gateway's word: a rollback waits for nobody.
        harm = f"inconclusive at the deadline: {known_so_far(status)}"
    return Leaving(outcome="RolledBack", reason=harm) if harm is not None else None


def _unwanted(deployment: ModelDeployment, status: Status, candidate: Candidate) -> Leaving | None:
    """The spec asks for something else. What a person asked for goes on until the spec brings something new."""
    wanted, stable = deployment.revision, status.stable
    if wanted == candidate.revision:
        return None
    rejected = rejection(status, wanted) is not None
    was_there = wanted is None or rejected or (stable is not None and wanted == stable.revision)
    if candidate.asked and was_there:
        return None
    if wanted is None:
        return Leaving(outcome="Withdrawn", reason="the spec names no model any more")
    if stable is not None and wanted == stable.revision:
        return Leaving(outcome="Withdrawn", reason="the spec went back to the stable model")
    if rejected:
        return Leaving(outcome="Superseded", reason="the spec went back to a rejected model")
    return Leaving(outcome="Superseded", reason=f"{name_of(wanted, deployment.model.version)} is wanted")


def _hard_failure(given: Given, status: Status, candidate: Candidate) -> str | None:
    """A failure of the candidate that needs no statistics; None while there is none."""
    workload, now = given.seen.workload(candidate.revision), given.now
    failure = workload.failure
    if status.step is not None and status.step.kind != "Listed":
        return failure_in_traffic(workload, status, now)
    if failure is not None and failure.final:
        return f"{failure.reason}: {failure.message}"
    late = candidate.progress_deadline is not None and now >= candidate.progress_deadline
    # What was ready once is not late: it may wait for people or for the stable model with a replica missing.
    needed = replicas(given.deployment, status, candidate)
    whole = workload.has(needed) and (workload.known or failure is None)
    enough = workload.serving if candidate.ready else whole
    if late and not enough and not (failure is not None and failure.no_room):
        ready = f"{workload.replicas_text(needed)} ready{because(failure)}"
        return f"ProgressDeadlineExceeded: the candidate did not become ready in time, {ready}"
    return None


def failure_in_traffic(workload: Workload, status: Status, now: Moment) -> str | None:
    """A failure of what is being tested and has had traffic, which needs no statistics; None while there is none."""
    failure = workload.failure
    if failure is not None and failure.final:
        return f"{failure.reason}: {failure.message}"
    if workload.serving:
        return silence(status, now)
    whose = "the candidate" if status.former is None else "it"
    return f"LostReadiness: {whose} has no ready replica any more{because(failure)}"


def reason_to_freeze(status: Status, stable: Stable, seen: Observation) -> str | None:
    """Why nothing can be known now, so that the weight stays where it is; None when it can."""
    if not seen.workload(stable.revision).serving:
        return "the stable model has no ready replica: nothing to compare with"
    strayed = seen.workload(stable.revision).strayed
    if strayed is not None:
        return f"the weight is frozen: {strayed}"
    mismatch = routing_mismatch(status)
    if mismatch is not None:
        return f"the weight is frozen: {mismatch}"
    if seen.metrics.problem is not None:
        return f"the weight is frozen: {seen.metrics.problem[1]}"
    return None


def routing_mismatch(status: Status) -> str | None:
    """A sentence when it is certain that the gateway splits otherwise than it has accepted; None while it is not."""
    share = status.analysis.share if status.analysis else None
    if share is None or status.step is None or share.weight != status.step.weight or share.mismatch < 1.0 / ALPHA:
        return None
    if has_other_clients(status):
        return None
    requests = max(1, share.candidate + share.stable)
    got = 100.0 * share.candidate / requests
    return f"the candidate got {got:.1f} % of {requests:,} requests, although the gateway has accepted {share.weight} %"


def has_other_clients(status: Status) -> bool:
    """Whether the older model answers requests past the route, too: KServe's own addresses of what was adopted stay."""
    older = status.former or status.stable
    return older is not None and is_adopted(status, older.revision)


def silence(status: Status, now: Moment) -> str | None:
    """A sentence when it is certain that the candidate answers nothing although it should; None while it is not.

    If it did as the stable model does, the chance that all these answers came from the other one were at most ALPHA.
    """
    share, step = status.analysis.share if status.analysis else None, status.step
    if share is None or step is None or step.started_at is None or share.weight != step.weight or share.answered:
        return None
    # Where one of them gets a copy, each has as much to answer as the other.
    part = share.weight / 100 if step.kind in ("Weight", "Pause", "Holdback") else 0.5
    if (now - step.started_at).total_seconds() < SILENCE_SECONDS or (1 - part) ** max(0, share.stable_answered) > ALPHA:
        return None
    whose, other = ("the candidate", "stable") if status.former is None else ("it", "former")
    others = f"while the {other} model has answered {share.stable_answered:,}"
    if not share.begun:
        if has_other_clients(status):
            # What the stable model answers says nothing of what the candidate should have got.
            return None
        either = "either it hangs, or the gateway sends it nothing: these metrics count a request when it has ended"
        return f"AnswersNothing: {whose} has answered no request, {others}; {either}"
    if share.candidate < LEAST_REQUESTS:
        # They do not arrive: that is the gateway's doing.
        return None
    return f"AnswersNothing: {whose} has answered none of {share.candidate:,} requests well, {others}"


def reason_to_wait(given: Given, status: Status, step: Step) -> tuple[Phase, str] | None:
    """Why the step, whose time runs, does not end yet; None when its schedule is done."""
    early = step.not_before is not None and given.now < step.not_before
    length = format_duration(step.seconds or 0.0)
    if step.kind == "Listed":
        return ("Progressing", "the candidate is in the route and gets its first traffic soon") if early else None
    if step.kind == "Pause":
        if step.not_before is None or not early:
            return None
        return "Paused", f"the schedule pauses for {length}, until {clock(step.not_before)}"
    warming = _warming_up(given, status)
    if early:
        more = f"; {warming}" if warming else ""
        return "Progressing", f"{given_text(step)} for at least {length}{more}"
    if warming is not None:
        return "Progressing", warming
    requests, needed = requests_of(status) - step.requests_before, given.deployment.spec.analysis.min_requests
    if requests < needed:
        return "Holding", f"waiting for requests: {requests} of {needed} in this step"
    return None


def _warming_up(given: Given, status: Status) -> str | None:
    """A sentence while the candidate warms up, so that nothing of it can be compared; None before and after it."""
    analysis = given.deployment.spec.analysis
    until = warms_up_until(status, analysis)
    if until is None or given.now >= until:
        return None
    length = format_duration(analysis.warm_up)
    return f"it warms up until {time_of_day(until)}: its pods count from {length} after they are ready and get traffic"


def _gives_up(given: Given, status: Status, candidate: Candidate) -> bool:
    """The rollout is over without the evidence, and then the candidate goes back."""
    wish = given.deployment.spec.rollout.on_inconclusive
    return status.step is not None and wish == "Rollback" and is_over(given, status, candidate)


def is_over(given: Given, status: Status, candidate: Candidate) -> bool:
    """The time for the rollout is over without the evidence. It stands still while it is people who have it paused."""
    waits = isinstance(candidate.way, Direct) or status.paused is not None or waits_for_a_person(status.step)
    past = candidate.deadline is not None and given.now >= candidate.deadline
    return not waits and past and given.verdict(status) != "NotWorse"
