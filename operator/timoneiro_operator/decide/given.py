"""What one decision is made from. It stays as it is while the decision takes its status from state to state."""

from dataclasses import dataclass

from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.decide.observation import Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What is wanted and was on record before (`deployment`), what was seen, and the time in seconds since the epoch.

    What is still to be decided is a status of its own, beside it.
    """

    deployment: ModelDeployment
    seen: Observation
    now: float
