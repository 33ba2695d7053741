"""The first revision of a deployment: there is nothing to compare it with, and nothing to lose."""

import msgspec

from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.scaling import replicas_wanted
from timoneiro_operator.api.status import Candidate, Phase, Status
from timoneiro_operator.decide.given import Given
from timoneiro_operator.decide.promotion import promote
from timoneiro_operator.decide.routing import routing_of, settled
from timoneiro_operator.decide.steps import promotion
from timoneiro_operator.decide.text import not_ready, revision_name, route_wait, say, served_text

replace = msgspec.structs.replace


def first_revision(given: Given, status: Status, candidate: Candidate) -> Status:
    """It serves as soon as it is ready."""
    deployment, seen = given.deployment, given.seen
    workload = seen.workload(candidate.revision)
    if seen.held is not None:
        return say(status, "Pending", seen.held)
    late = candidate.progress_deadline is not None and given.now >= candidate.progress_deadline
    if not workload.has(replicas_wanted(deployment.spec)):
        failed = workload.failure is not None and workload.failure.final
        status = replace(status, step=None)
        if not (failed or late) and _is_degraded(deployment, candidate):
            # Between two starts a container that crashes looks as if it were starting.
            failure = workload.failure
            return status if failure is None else say(status, "Degraded", not_ready(candidate, failure))
        phase: Phase = "Degraded" if failed or late else "Pending"
        return say(status, phase, not_ready(candidate, workload.failure))
    if status.step is None:
        status = replace(status, step=promotion(deployment.spec.rollout))
    if settled(routing_of(given, status), seen):
        status = promote(given, status, candidate)
        return say(status, "Healthy", f"{revision_name(candidate)} {served_text(status)}")
    return say(status, "Degraded" if late else "Pending", route_wait(seen))


def _is_degraded(deployment: ModelDeployment, candidate: Candidate) -> bool:
    """It is known that this candidate does not get there, and nothing else was wanted since."""
    before = deployment.status
    known = before.candidate is not None and before.candidate.revision == candidate.revision
    itself = any(c.type == "Ready" and c.reason == "NoStableRevision" for c in before.conditions)
    return known and itself and before.phase == "Degraded" and before.observed_generation == deployment.generation
