"""The traffic that a status stands for, and whether the cluster has it."""

from datetime import timedelta

import msgspec

from timoneiro_operator.api.status import (
    Candidate,
    Mirrored,
    Restored,
    Status,
    StepKind,
    Traffic,
    Weights,
)
from timoneiro_operator.decide.given import Given
from timoneiro_operator.decide.lifecycle import is_adopted
from timoneiro_operator.decide.observation import Observation, Routing

_MIRRORED: dict[StepKind, Mirrored] = {"Mirror": "Candidate", "Bake": "Stable"}
# Somebody who edits again and again is reported once a minute.
_REPORTED_FOR = timedelta(minutes=1)


def routing_of(given: Given, status: Status) -> Routing:
    """Who gets the traffic while `status` holds; without weights before anything serves.

    A backend enters the route without weight and leaves it without weight: a gateway learns of backends and of weights
    in two ways that overtake each other, and would fail requests in between.
    """
    stable, candidate, seen, now = status.stable, status.candidate, given.seen, given.now
    former, step = status.former, status.step if candidate is not None else None
    weights: dict[str, int] = {}
    if stable is not None:
        weights[stable.revision] = 100 - (step.weight if step else 0)
    if candidate is not None and step is not None:
        weights[candidate.revision] = step.weight
    elif candidate is not None and stable is not None and _is_listed(candidate, seen):
        weights[candidate.revision] = 0
    if former is not None and stable is not None and status.step is not None:
        weights = {stable.revision: status.step.weight, former.revision: 100 - status.step.weight}
    for item in status.retiring if weights else ():
        if item.listed and now < item.delete_at and seen.workload(item.revision).routable:
            weights.setdefault(item.revision, 0)
    copied = {"Candidate": candidate, "Stable": stable, "Former": former}.get(_mirrored(status))
    previewed = candidate if step is not None and given.deployment.spec.route.preview is not None else None
    return Routing(
        weights=weights,
        mirror=copied.revision if copied else None,
        preview=previewed.revision if previewed else None,
    )


def _is_listed(candidate: Candidate, seen: Observation) -> bool:
    """The route names it already, as a former model that is wanted again: it stays there, without weight."""
    named = seen.route is not None and candidate.revision in seen.route.routing.weights
    return named and seen.workload(candidate.revision).routable


def _mirrored(status: Status) -> Mirrored:
    """Who gets a copy of the traffic."""
    kind = status.step.kind if status.step is not None else None
    if kind == "Bake" and status.former is not None:
        return "Former"
    # A bake that an older version has begun comes before the promotion.
    return _MIRRORED.get(kind, "None") if kind is not None and status.candidate is not None else "None"


def settled(wanted: Routing, seen: Observation) -> bool:
    """The gateway has accepted just this routing."""
    route = seen.route
    if route is None or not route.accepted or not route.as_built:
        return False
    return wanted.weights.keys() <= route.routing.weights.keys() and wanted.shares() == route.routing.shares()


def without_loss(wanted: Routing, seen: Observation) -> Routing:
    """`wanted`, unless it takes traffic from a revision that serves and gives it to one that does not: that waits.

    Whatever a crash, a race or somebody's edit has led to, the way back must not lose requests either.
    """
    has = dict(seen.route.routing.weights) if seen.route is not None else {}
    ours = wanted.weights.keys() | seen.workloads.keys()
    if not wanted.weights or has.keys() - ours or sum(has.values()) != 100:
        return wanted
    changes = {revision: wanted.weights.get(revision, 0) - has.get(revision, 0) for revision in ours}
    dead_gains = any(change > 0 and not seen.workload(revision).serving for revision, change in changes.items())
    live_loses = any(change < 0 and seen.workload(revision).serving for revision, change in changes.items())
    if dead_gains and live_loses:
        kept = {**dict.fromkeys(wanted.weights, 0), **has}
        return Routing(weights=kept, mirror=wanted.mirror, preview=wanted.preview)
    return wanted


def without_more(wanted: Routing, status: Status, seen: Observation) -> Routing:
    """`wanted`, unless it gives what is tested more than it has while nothing may go forward: the route stays as it is.

    A process that could not put on record that a candidate was rolled back may have been before this one.
    """
    tested, route = status.stable if status.former is not None else status.candidate, seen.route
    if seen.held is None or tested is None or route is None:
        return wanted
    revision = tested.revision
    more = wanted.weights.get(revision, 0) > route.routing.weights.get(revision, 0)
    return Routing() if more else wanted


def traffic_of(status: Status, routing: Routing, seen: Observation) -> Traffic | None:
    """What people read of the routing; None before anything serves."""
    if not routing.weights:
        return None
    step, former = status.step, status.former
    share = step.weight if status.candidate is not None and step else 0
    kept = routing.weights[former.revision] if former is not None else 0
    return Traffic(
        desired=Weights(stable=100 - share - kept if status.stable else 0, candidate=share, former=kept),
        accepted=settled(routing, seen),
        mirror=_mirrored(status),
    )


def with_restored(given: Given, status: Status, routing: Routing) -> Status:
    """The status with what somebody else has edited or deleted in it, since this pass puts it back."""
    if given.seen.held is not None:
        return status
    what = _edited_route(given, routing) or _edited_service(status, given.seen)
    if what is None:
        return status
    known = status.restored
    if known is not None and known.what == what and given.now - known.at < _REPORTED_FOR:
        return status
    return msgspec.structs.replace(status, restored=Restored(what=what, at=given.now))


def _edited_route(given: Given, routing: Routing) -> str | None:
    """The route was accepted as it was wanted, and now is neither that nor what is wanted now."""
    deployment, seen = given.deployment, given.seen
    before = deployment.status
    if before.traffic is None or not before.traffic.accepted:
        return None
    if seen.route is None:
        return f"the route of {deployment.name} was deleted"
    was = routing_of(given, before).shares()
    if seen.route.as_built and seen.route.routing.shares() in (was, routing.shares()):
        return None
    return f"the route of {deployment.name} was edited"


def _edited_service(status: Status, seen: Observation) -> str | None:
    for part in (status.stable, status.candidate):
        if part is None or is_adopted(status, part.revision):
            continue
        if not seen.workload(part.revision).as_built:
            return f"InferenceService {part.inference_service} was edited"
        if part.ready and part.revision not in seen.workloads:
            return f"InferenceService {part.inference_service} was deleted"
    return None
