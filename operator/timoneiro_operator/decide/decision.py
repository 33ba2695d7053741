"""What a pass wants: which InferenceServices, which weights, which status, and when to look again."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from timoneiro_operator.api.status import Status
from timoneiro_operator.decide.observation import Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Carried out in this order: ensure, scale, route, delete, status.

    `ensure`: InferenceService that has to exist (None: nothing to make).
    `scale`: number of replicas by InferenceService, where it is to change.
    `weights`: percent by InferenceService name, summing to 100; empty: the route is left alone.
    `delete`: InferenceServices to remove; never one with traffic.
    `look_again`: seconds until the next pass even if nothing happens; None: only when something changes.
    """

    status: Status
    ensure: str | None = None
    scale: Mapping[str, int] = field(default_factory=dict)
    weights: Mapping[str, int] = field(default_factory=dict)
    delete: tuple[str, ...] = ()
    look_again: float | None = None


def takes_traffic_away(decision: Decision, seen: Observation) -> bool:
    """Whether a revision other than the stable one gets less traffic than it has."""
    if seen.route is None or not decision.weights or decision.status.stable is None:
        return False
    stable = decision.status.stable.inference_service
    return any(weight > decision.weights.get(name, 0) for name, weight in seen.route.weights.items() if name != stable)


def with_refusal(status: Status, refused: str | None) -> Status:
    """The status with what the API server did not take, where people look for why nothing happens."""
    if refused is None:
        return status
    conditions = tuple(
        msgspec.structs.replace(c, reason="Refused", message=refused) if c.type == "Progressing" else c
        for c in status.conditions
    )
    return msgspec.structs.replace(status, message=refused, conditions=conditions)
