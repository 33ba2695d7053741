"""What a pass wants: which revisions are served, which traffic, which status, and when to look again."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from timoneiro_operator.api.status import Snapshot, Status, Weights
from timoneiro_operator.decide.observation import Observation, Routing


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Carried out in this order: ensure, scale, routing, delete. Everything is named by revision.

    `ensure`: what has to be made, or made anew because somebody has edited it.
    `scale`: number of replicas, where it is to change.
    `routing`: who gets the traffic; without weights the route is left alone.
    `delete`: what is not needed any more; never one with traffic.
    `look_again`: seconds until the next pass even if nothing happens; None: only when something changes.
    """

    status: Status
    ensure: tuple[Snapshot, ...] = ()
    scale: Mapping[str, int] = field(default_factory=dict)
    routing: Routing = field(default_factory=Routing)
    delete: tuple[str, ...] = ()
    look_again: float | None = None


def on_record(old: Status, new: Status) -> bool:
    """Whether the status that was read knows already who serves and in which step, so that a crash undoes nothing."""
    return (old.stable, old.candidate, old.step) == (new.stable, new.candidate, new.step)


def with_refusal(status: Status, reason: str, refused: str, seen: Observation) -> Status:
    """The status with what the API server did not take, where people look for why nothing happens.

    And with where the traffic is meanwhile: not where it is wanted, and that is not the gateway's doing.
    """
    routed = _routed(status, seen) if reason == "Refused" else None
    if routed is not None:
        refused = f"{refused}; the traffic stays at {routed.stable} % stable, {routed.candidate} % candidate"
    conditions = tuple(
        msgspec.structs.replace(c, reason=reason, message=refused) if c.type == "Progressing" else c
        for c in status.conditions
    )
    phase = "Holding" if status.stable is not None and status.phase in ("Progressing", "Promoting") else status.phase
    return msgspec.structs.replace(status, phase=phase, message=refused, routed=routed, conditions=conditions)


def _routed(status: Status, seen: Observation) -> Weights | None:
    """Percent in the route, where they are others than those that are wanted; None where they are not."""
    if seen.route is None or status.traffic is None or status.stable is None:
        return None
    has = seen.route.routing.weights
    stable = has.get(status.stable.revision, 0)
    # Of a candidate that was dismissed the route has the share that it is still to give up.
    share = sum(has.values()) - stable if status.candidate is None else has.get(status.candidate.revision, 0)
    routed = Weights(stable=stable, candidate=share)
    return routed if routed != status.traffic.desired else None
