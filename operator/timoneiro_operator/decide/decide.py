"""One decision: from what is wanted, what was seen and the time, to what is to be done.

`decide` is idempotent and keeps nothing: a crash between any two writes, a restart or a second pass leads to the
same place. It never gives weight to a revision that is not serving, and never removes one that has weight.
"""

import dataclasses

import msgspec

from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.scaling import replicas_wanted, rescaled
from timoneiro_operator.api.status import (
    STEPS,
    AnyRevision,
    Candidate,
    Direct,
    Phase,
    Snapshot,
    Stable,
    Status,
    Step,
)
from timoneiro_operator.api.times import Moment, clock
from timoneiro_operator.decide.capacity import lacks_replicas, replicas, with_capacity
from timoneiro_operator.decide.commands import carry_out
from timoneiro_operator.decide.consequences import conclude
from timoneiro_operator.decide.decision import Decision
from timoneiro_operator.decide.first_revision import first_revision
from timoneiro_operator.decide.given import Given
from timoneiro_operator.decide.holdback import held_back
from timoneiro_operator.decide.lifecycle import adopt, begin, leave, spared, wanted_snapshot
from timoneiro_operator.decide.observation import Observation, Workload
from timoneiro_operator.decide.promotion import promote
from timoneiro_operator.decide.reasons import (
    is_over,
    reason_to_freeze,
    reason_to_leave,
    reason_to_wait,
    rejection,
)
from timoneiro_operator.decide.renewal import renewed
from timoneiro_operator.decide.rest import at_rest, rolled_back
from timoneiro_operator.decide.routing import routing_of, settled
from timoneiro_operator.decide.set_back import set_back
from timoneiro_operator.decide.size_limit import lacks_room
from timoneiro_operator.decide.steps import (
    entry,
    following,
    promotion,
    start_clock,
    takes_all,
    waits_for_a_person,
)
from timoneiro_operator.decide.text import (
    known_so_far,
    not_ready,
    paused_by,
    revision_name,
    route_wait,
    say,
    served_text,
    share_text,
)
from timoneiro_operator.decide.weighing import weighed

replace = msgspec.structs.replace


def decide(deployment: ModelDeployment, seen: Observation, now: Moment) -> Decision:
    """What to do for `deployment` at `now`, having seen `seen`."""
    deployment = replace(deployment, status=set_back(deployment.status, now))
    given, fault = Given(deployment=deployment, seen=seen, now=now), None
    if seen.missing is not None:
        status = say(deployment.status, "Degraded", seen.missing[1])
    else:
        given, status, fault = weighed(given)
        status = carry_out(given, status)
        status = _as_wanted(deployment, status)
        status = _next(given, status)
    return dataclasses.replace(conclude(given, status), fault=fault)


def _as_wanted(deployment: ModelDeployment, status: Status) -> Status:
    """Versions are names for people, and replicas are numbers: an edit of them rolls nothing out.

    By the numbers that the spec had last for it a revision serves on when the spec goes on to another autoscaler.
    """

    def named(part: AnyRevision | None) -> AnyRevision | None:
        if part is None or deployment.spec.model is None or part.revision != deployment.revision:
            return part
        return replace(part, version=deployment.spec.model.version)

    spec = deployment.spec

    def numbered(known: Snapshot) -> Snapshot:
        known = replace(known, predictor=rescaled(known.predictor, spec.predictor))
        if known.transformer is None or spec.transformer is None:
            return known
        return replace(known, transformer=rescaled(known.transformer, spec.transformer))

    revisions = tuple(numbered(known) for known in status.revisions)
    return replace(status, stable=named(status.stable), candidate=named(status.candidate), revisions=revisions)


def _next(given: Given, status: Status) -> Status:
    """Where the deployment goes from here."""
    deployment, seen = given.deployment, given.seen
    wanted = deployment.revision
    candidate = status.candidate
    if status.stable is None and candidate is None and deployment.spec.adopt is not None:
        if seen.held is not None:
            return say(status, "Pending", seen.held)
        if isinstance(seen.adoption, str):
            return say(status, "Pending", seen.adoption)
        return say(adopt(status, seen.adoption, given.now), "Pending", route_wait(seen))
    if candidate is not None:
        leaving = reason_to_leave(given, status, candidate)
        if leaving is not None:
            status = leave(given, status, candidate, leaving)
            if status.candidate is not None:
                words = f"it keeps its traffic until the stable model has a ready replica: {leaving.reason}"
                return say(status, "RollingBack", f"{revision_name(status.candidate)} must be removed; {words}")
    status = held_back(given, status)
    if status.candidate is None:
        rejected = rejection(status, wanted)
        if wanted is None or (status.stable is not None and wanted == status.stable.revision):
            return at_rest(given, status)
        if status.stable is not None and rejected is not None:
            return rolled_back(given, status, rejected)
        if seen.held is not None:
            return say(status, status.phase or "Pending", seen.held)
        too_large = lacks_room(deployment, status, wanted_snapshot(deployment, wanted))
        if too_large is not None:
            return say(status, "Degraded", too_large)
        status = _start(given, status, wanted)
    candidate, stable = status.candidate, status.stable
    assert candidate is not None
    if stable is None:
        return first_revision(given, status, candidate)
    return _roll_out(given, status, stable, candidate)


def _start(given: Given, status: Status, wanted: str) -> Status:
    """The wanted revision becomes the candidate. A former stable model that is still warm needs no steps.

    Unless it has lost its place by evidence: who publishes it again may not know that, and has the evidence against it.
    """
    deployment, seen = given.deployment, given.seen
    was_stable = any(i.revision == wanted and i.was == "Stable" and not i.outdone for i in status.retiring)
    warm = was_stable and seen.workload(wanted).has(replicas_wanted(deployment.spec))
    way = Direct("it was stable before and is still warm") if warm and status.stable is not None else STEPS
    snapshot = wanted_snapshot(deployment, wanted)
    if seen.workload(wanted).serving:
        # What was adopted and is still there serves as it did; after that it is made as the spec says it.
        snapshot = replace(snapshot, adopted=deployment.adopted(wanted))
    return begin(given, status, snapshot, way=way)


def _roll_out(given: Given, status: Status, stable: Stable, candidate: Candidate) -> Status:
    """One pass of a rollout that may go on: capacity, routing, people, evidence, time."""
    seen = given.seen
    if status.step is None or seen.held is not None:
        return _wait_for_candidate(given, status, stable, candidate)
    if not settled(routing_of(given, status), seen):
        phase: Phase = "Promoting" if status.step.kind == "Promotion" else "Progressing"
        return say(status, phase, route_wait(seen))
    if status.step.kind == "Promotion":
        status = promote(given, status, candidate)
        return say(status, "Healthy", f"{revision_name(candidate)} was promoted and {served_text(status)}")

    status = start_clock(status, given.now)
    step = status.step
    assert step is not None
    if status.paused is not None:
        return say(status, "Paused", paused_by(status.paused))
    if isinstance(candidate.way, Direct):
        return _go_directly(given, status, step, candidate.way.reason)
    return _go_by_steps(given, status, step, stable, candidate)


def _go_directly(given: Given, status: Status, step: Step, reason: str) -> Status:
    """Neither the time of a step, nor evidence, nor the lack of it keeps the candidate from all traffic."""
    waiting = reason_to_wait(given, status, step) if step.kind == "Listed" else None
    if waiting is not None:
        return say(status, *waiting)
    lacking = lacks_replicas(given, status, step)
    if lacking is not None:
        return say(status, "Holding", lacking)
    promoted = promotion(given.deployment.spec.rollout)
    return _go(given, status, promoted, f"going to all traffic: {reason}")


def _go_by_steps(given: Given, status: Status, step: Step, stable: Stable, candidate: Candidate) -> Status:
    """On to the next step when this one has had its time, its requests and its evidence."""
    if waits_for_a_person(step):
        return say(status, "Paused", "the schedule pauses here until a person resumes or promotes")
    frozen = reason_to_freeze(status, stable, given.seen)
    if frozen is not None:
        return say(status, "Holding", frozen)
    if is_over(given, status, candidate):
        return _inconclusive(given, status, step, candidate)
    waiting = reason_to_wait(given, status, step)
    if waiting is not None:
        return say(status, *waiting)
    lacking = lacks_replicas(given, status, step)
    if lacking is not None:
        return say(status, "Holding", lacking)
    next_step = following(given.deployment.spec.rollout, step)
    if takes_all(next_step) and step.weight < 100 and not _may_take_all(given, status):
        until = f", until {clock(candidate.deadline)}" if candidate.deadline else ""
        return say(status, "Holding", f"more evidence of 'not worse' is needed{until}: {known_so_far(status)}")
    return _go(given, status, next_step, f"the next step is {share_text(next_step)}")


def _may_take_all(given: Given, status: Status) -> bool:
    """It is not worse, by the evidence. With NoHarm it is enough that there is no evidence against it.

    What would show in at most one of 1/falsePromotion harmless rollouts does, though it is too little for a rollback.
    """
    analysis = given.deployment.spec.analysis
    against = status.analysis.worse if status.analysis is not None else None
    quiet = against is None or against < 1.0 / analysis.false_promotion
    return (analysis.promotion == "NoHarm" and quiet) or given.verdict(status) == "NotWorse"


def _go(given: Given, status: Status, step: Step, message: str) -> Status:
    """On to `step`, as soon as the replicas that it needs are ready."""
    status = with_capacity(status, step, given.seen)
    lacking = lacks_replicas(given, status, step)
    if lacking is not None:
        return say(status, "Holding", lacking)
    rollout = given.deployment.spec.rollout
    if not takes_all(step) and takes_all(following(rollout, step)):
        status = renewed(given.deployment.spec.analysis, status, step)
    return say(replace(status, step=step), "Promoting" if step.kind == "Promotion" else "Progressing", message)


def _wait_for_candidate(given: Given, status: Status, stable: Stable, candidate: Candidate) -> Status:
    """Capacity before traffic: the first step begins when all replicas of the candidate are ready."""
    deployment, seen = given.deployment, given.seen
    if seen.held is not None:
        return say(status, "Holding", seen.held)
    rollout, workload = deployment.spec.rollout, seen.workload(candidate.revision)
    if not workload.reusable:
        workload = Workload()
    way = candidate.way
    first = promotion(rollout) if isinstance(way, Direct) else following(rollout, entry(rollout))
    status = with_capacity(status, first, seen)
    candidate = status.candidate or candidate
    if not workload.has(replicas(deployment, status, candidate)):
        message = not_ready(candidate, workload.failure)
        if workload.failure is not None and workload.failure.no_room:
            # It starts by itself when there is room, and that it could not before is nothing against it.
            return say(replace(status, candidate=spared(deployment, candidate, given.now)), "Holding", message)
        return say(status, "Progressing", message)
    listed = seen.route is not None and candidate.revision in seen.route.routing.weights
    if not workload.known and not listed:
        # Where the controllers are behind so is the gateway, and it would fail what it were to send there.
        message = "the candidate is ready; it enters the route as soon as the cluster's controllers have noticed it"
        if workload.failure is not None:
            message = not_ready(candidate, workload.failure)
        return say(status, "Progressing", message)
    status = replace(status, candidate=replace(candidate, ready=True, backend=workload.backend))
    if status.paused is not None:
        return say(status, "Paused", paused_by(status.paused))
    if isinstance(way, Direct) and listed:
        return say(replace(status, step=promotion(rollout)), "Promoting", f"going to all traffic: {way.reason}")
    if not isinstance(way, Direct) and not seen.workload(stable.revision).serving:
        return say(status, "Holding", "the stable model has no ready replica: nothing to compare with")
    return say(replace(status, step=entry(rollout)), "Progressing", "the candidate is ready and enters the route")


def _inconclusive(given: Given, status: Status, step: Step, candidate: Candidate) -> Status:
    """The time is over without evidence that the candidate is as good, and the spec does not roll it back for that."""
    if given.deployment.spec.rollout.on_inconclusive == "Promote":
        reason = f"inconclusive at the deadline: {known_so_far(status)}"
        return _go_directly(given, replace(status, candidate=candidate.directly(reason)), step, reason)
    return say(status, "Holding", f"inconclusive at the deadline, holding: {known_so_far(status)}")
