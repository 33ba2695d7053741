"""What a pass wants: which InferenceServices, which weights, which status, and when to look again."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from timoneiro_operator.api.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Carried out in this order: ensure, route, delete, status.

    `ensure`: InferenceService that has to exist as the spec says (None: nothing to make).
    `weights`: percent by InferenceService name, summing to 100; empty: the route is left alone.
    `delete`: InferenceServices to remove; never one with traffic.
    `look_again`: seconds until the next pass even if nothing happens; None: only when something changes.
    """

    status: Status
    ensure: str | None = None
    weights: Mapping[str, int] = field(default_factory=dict)
    delete: tuple[str, ...] = ()
    look_again: float | None = None
