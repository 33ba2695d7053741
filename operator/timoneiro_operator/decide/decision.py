"""What a pass wants: which revisions are served, which traffic, which status, and when to look again."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from timoneiro_operator.api.scaling import Replicas
from timoneiro_operator.api.status import Snapshot, Status
from timoneiro_operator.decide.observation import Observation, Routing


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Carried out in this order: ensure, scale, routing, delete. Everything is named by revision.

    `ensure`: what has to be made, or made anew because somebody has edited it.
    `scale`: how many replicas each revision is to have that serves or is about to.
    `routing`: who gets the traffic; without weights the route is left alone.
    `delete`: what is not needed any more; never one with traffic.
    `look_again`: seconds until the next pass even if nothing happens; None: only when something changes.
    `fault`: a fault of ours that kept the counts of this pass from being weighed; for the log.
    """

    status: Status
    ensure: tuple[Snapshot, ...] = ()
    scale: Mapping[str, Replicas] = field(default_factory=dict)
    routing: Routing = field(default_factory=Routing)
    delete: tuple[str, ...] = ()
    look_again: float | None = None
    fault: Exception | None = None


def on_record(old: Status, new: Status) -> bool:
    """Whether the status that was read knows already who serves and in which step, so that a crash undoes nothing."""
    return (old.stable, old.candidate, old.step) == (new.stable, new.candidate, new.step)


def only_counted(old: Status, new: Status) -> bool:
    """Whether only counts are new: they were weighed in this pass, and without others the next comes to the same."""
    counted = msgspec.structs.replace(
        old, analysis=new.analysis, verdict=new.verdict, message=new.message, conditions=new.conditions
    )
    return counted == new


def with_refusal(status: Status, reason: str, refused: str, seen: Observation) -> Status:
    """The status with what the API server did not take, where people look for why nothing happens.

    And with where the traffic is meanwhile: not where it is wanted, and that is not the gateway's doing.
    """
    weight = _weight(status, seen) if reason == "Refused" else status.weight
    if weight is not None and weight != status.weight:
        refused = f"{refused}; the traffic stays at {100 - weight} % stable, {weight} % candidate"
    conditions = tuple(
        msgspec.structs.replace(c, reason=reason, message=refused) if c.type == "Progressing" else c
        for c in status.conditions
    )
    phase = "Holding" if status.stable is not None and status.phase in ("Progressing", "Promoting") else status.phase
    return msgspec.structs.replace(status, phase=phase, message=refused, weight=weight, conditions=conditions)


def _weight(status: Status, seen: Observation) -> int | None:
    """Percent in the route that are not the stable model's; what is wanted where there is no such split.

    Of a candidate that was dismissed it is the share that it has still to give up.
    """
    has = seen.route.routing.weights if seen.route is not None else {}
    if status.stable is None or sum(has.values()) != 100:
        return status.weight
    former = has.get(status.former.revision, 0) if status.former is not None else 0
    return 100 - former - has.get(status.stable.revision, 0)
