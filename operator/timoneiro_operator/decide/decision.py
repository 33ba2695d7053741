"""What a pass wants: which revisions are served, which traffic, which status, and when to look again."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from timoneiro_operator.api.status import Snapshot, Status
from timoneiro_operator.decide.observation import Routing


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


def with_refusal(status: Status, refused: str | None) -> Status:
    """The status with what the API server did not take, where people look for why nothing happens."""
    if refused is None:
        return status
    conditions = tuple(
        msgspec.structs.replace(c, reason="Refused", message=refused) if c.type == "Progressing" else c
        for c in status.conditions
    )
    return msgspec.structs.replace(status, message=refused, conditions=conditions)
