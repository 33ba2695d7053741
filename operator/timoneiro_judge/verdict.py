"""From evidence to a verdict, with the two error probabilities that the user has stated."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from timoneiro_judge.comparison import Comparison
from timoneiro_judge.evidence import log_e_rate_above, log_sum_exp
from timoneiro_judge.shape import Shape

Verdict = Literal["Worse", "NotWorse", "Undecided"]
# Of one metric: evidence about a shape is two-sided, and does not know what is worse.
MetricVerdict = Verdict | Literal["Differs"]

# Three times as likely if the candidate is worse: too little for a rollback, and enough to wait.
VETO = math.log(3.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """An absolute limit on the candidate's rate, whatever the stable model does: a contract."""

    of: Comparison
    limit: float

    @property
    def log_worse(self) -> float:
        """ln E against "the candidate's rate is at most the limit"."""
        return log_e_rate_above(requests=self.of.weighed.requests, events=self.of.weighed.events, rate=self.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One metric as it is weighed. What is not `required` is shown and decides nothing.

    Below `min_events` of the candidate, or below `min_difference` of the rates, there is no evidence of "worse":
    both only take evidence away, so that its error probability holds.
    """

    evidence: Comparison | Guard | Shape
    weight: float = 1.0
    required: bool = True
    min_events: int = 0
    min_difference: float = 0.0

    @property
    def counts(self) -> Comparison | Shape:
        """Where its counts are."""
        return self.evidence.of if isinstance(self.evidence, Guard) else self.evidence

    @property
    def log_worse(self) -> float:
        """ln E for "worse" as it counts; of a shape for "different"."""
        if isinstance(self.evidence, Shape):
            log_worse, enough = self.evidence.log_differs, True
        else:
            log_worse, enough = self.evidence.log_worse, self.counts.candidate.events >= self.min_events
        if not isinstance(self.evidence, Guard) and self.min_difference > 0:
            enough = enough and self.evidence.difference >= self.min_difference
        return log_worse if enough else min(log_worse, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdict on the whole candidate, and on each metric. `log_worse`: ln E of all that decides."""

    verdict: Verdict
    metrics: Mapping[str, MetricVerdict]
    log_worse: float


def _is_not_worse(evidence: Comparison, bound: float) -> bool:
    """What was proven once is believed only while there is no beginning of evidence for the contrary."""
    return evidence.log_not_worse >= bound and evidence.log_worse < VETO


def judge(parts: Mapping[str, Part], *, false_rollback: float, false_promotion: float) -> Judgement:
    """Judge a candidate by all metrics together.

    Worse: the weighted mean of the evidence over the required metrics has reached 1 / false_rollback (a mean of
    e-values is one, however the metrics depend on each other). NotWorse: every required comparison by itself has
    reached 1 / false_promotion at some time (intersection-union: no correction needed). Otherwise Undecided. A guard
    and a shape only speak for "worse": no promotion waits for them.
    """
    logs = {name: part.log_worse for name, part in parts.items()}
    deciding = {name: part for name, part in parts.items() if part.required}
    mean = log_sum_exp(math.log(part.weight) + logs[name] for name, part in deciding.items())
    mean -= math.log(sum(part.weight for part in deciding.values())) if deciding else 0.0
    bound_worse, bound_not_worse = math.log(1.0 / false_rollback), math.log(1.0 / false_promotion)
    worse = mean >= bound_worse
    # The sum may pass its bound before any of its parts does: then it is the strongest that is named.
    highest = max((logs[name] for name in deciding), default=-math.inf)
    metrics: dict[str, MetricVerdict] = {}
    for name, part in parts.items():
        bound = min(highest, bound_worse) if worse and part.required else bound_worse
        if logs[name] >= bound and (worse or not part.required):
            metrics[name] = "Differs" if isinstance(part.evidence, Shape) else "Worse"
        elif isinstance(part.evidence, Comparison) and _is_not_worse(part.evidence, bound_not_worse):
            metrics[name] = "NotWorse"
        else:
            metrics[name] = "Undecided"
    compared = [metrics[name] for name, part in deciding.items() if isinstance(part.evidence, Comparison)]
    if worse:
        verdict: Verdict = "Worse"
    elif compared and all(value == "NotWorse" for value in compared):
        verdict = "NotWorse"
    else:
        verdict = "Undecided"
    return Judgement(verdict=verdict, metrics=metrics, log_worse=mean)
