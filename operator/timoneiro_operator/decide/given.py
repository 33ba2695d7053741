"""What one decision is made from. It stays as it is while the decision takes its status from state to state."""

from dataclasses import dataclass
from functools import cached_property

from timoneiro_judge import Verdict
from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.status import Status
from timoneiro_operator.api.times import Moment
from timoneiro_operator.decide.analysis import verdict_of
from timoneiro_operator.decide.observation import Observation


# Without slots, for what is judged once, and only where somebody asks.
@dataclass(frozen=True, kw_only=True)
class Given:
    """What is wanted and was on record before (`deployment`), what was seen, and the time.

    What is still to be decided is a status of its own, beside it. `judged`: what the judge has said when the counts of
    this pass were folded; None where there was no pair to count.
    """

    deployment: ModelDeployment
    seen: Observation
    now: Moment
    judged: Verdict | None = None

    def verdict(self, status: Status) -> Verdict:
        """What the judge says of the evidence in `status`: that of this pass, unless it was dropped meanwhile."""
        return self._verdict if status.analysis is not None else "Undecided"

    @cached_property
    def _verdict(self) -> Verdict:
        if self.judged is not None:
            return self.judged
        return verdict_of(self.deployment.spec.analysis, self.deployment.status.analysis)
