"""A deployment without a rollout: what is wanted serves, or was rejected, or nothing is wanted."""

import msgspec

from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.status import Phase, Stable, Status
from timoneiro_operator.decide.given import Given
from timoneiro_operator.decide.lifecycle import snapshot_of
from timoneiro_operator.decide.routing import routing_of, settled
from timoneiro_operator.decide.text import not_ready, revision_name, route_wait, say, served_text

replace = msgspec.structs.replace


def rolled_back(given: Given, status: Status, reason: str) -> Status:
    """The wanted revision was rejected; the stable model serves until something else is wanted."""
    seen, stable = given.seen, status.stable
    if stable is not None and not seen.blind and not seen.workload(stable.revision).serving:
        failure = seen.workload(stable.revision).failure
        return say(status, "Degraded", f"{not_ready(stable, failure)}; {reason}")
    there = settled(routing_of(given, status), seen)
    phase: Phase = "RolledBack" if there else "RollingBack"
    if status.phase == "RolledBack" and seen.route is not None and seen.route.reason == "Pending":
        phase = "RolledBack"
    return say(status, phase, reason)


def at_rest(given: Given, status: Status) -> Status:
    """What is wanted is what serves, or nothing is wanted."""
    seen, stable = given.seen, status.stable
    if stable is None:
        return say(status, "Pending", "no model has been published yet")
    if seen.blind and seen.held is not None:
        return say(status, status.phase or "Pending", seen.held)
    workload = seen.workload(stable.revision)
    backend = workload.backend or stable.backend
    status = replace(status, stable=replace(stable, ready=workload.serving, backend=backend))
    if not workload.serving:
        return say(status, "Degraded", not_ready(stable, workload.failure))
    if workload.strayed is not None:
        return say(status, "Degraded", workload.strayed)
    if not settled(routing_of(given, status), seen):
        if seen.route is not None and seen.route.reason != "Pending" and not seen.route.accepted:
            return say(status, "Degraded", seen.route.message)
        if status.phase == "Pending":
            return say(status, "Pending", route_wait(seen))
        if status.phase != "Healthy":
            return say(status, "RollingBack", "all traffic goes back to the stable model")
    waiting = _waiting_runtime(given.deployment, stable)
    return say(status, "Healthy", f"{revision_name(stable)} {served_text(status)}{waiting}")


def _waiting_runtime(deployment: ModelDeployment, stable: Stable) -> str:
    """What is to be said of a serving runtime that has changed, and that nobody is served with yet."""
    if deployment.revision != stable.revision:
        return ""
    known, wanted = snapshot_of(deployment.status, stable.revision), deployment.wanted_runtime
    if known is None or known.runtime is None or wanted is None or known.runtime.digest in ("", wanted.digest):
        return ""
    return f"; the serving runtime {wanted.name} has changed, and the next revision gets it"
