"""How long until a decision, if candidate, stable model and traffic stay as they have been so far.

By Wald's approximation: what evidence is missing, divided by how fast it grows on average. No promise, and not used
for any decision.
"""

import math
from dataclasses import dataclass

from timoneiro_judge.comparison import Comparison

# Without failures nobody knows the ratio; then the candidate is taken to be as good as the stable model.
_UNKNOWN_RATIO = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Seconds until each verdict; None where the counts so far do not lead there."""

    worse: float | None
    not_worse: float | None


def forecast(
    comparison: Comparison,
    *,
    share: float,
    requests_per_second: float,
    false_rollback: float,
    false_promotion: float,
) -> Forecast:
    """Both times for one metric. `share`: of the candidate in the requests of both arms, 0 < share < 1."""
    if requests_per_second <= 0:
        return Forecast(worse=None, not_worse=None)
    limits = comparison.limits
    base = comparison.stable.events / comparison.stable.requests if comparison.stable.requests else 0.0
    theta = comparison.estimate or _UNKNOWN_RATIO
    rate = comparison.candidate.events / comparison.candidate.requests if comparison.candidate.requests else 0.0
    events_per_second = requests_per_second * (share * rate + (1.0 - share) * base)

    def growth_of_ratio(reference: float) -> float:
        return events_per_second * _divergence(_of_candidate(share, theta), _of_candidate(share, reference))

    growth_of_rate = requests_per_second * share * _divergence(rate, limits.negligible)
    tolerated, margin = 1.0 + limits.tolerance, 1.0 + limits.margin
    worse = 0.0
    if theta > tolerated and rate > limits.negligible:
        worse = min(growth_of_ratio(tolerated), growth_of_rate)
    not_worse = max(
        growth_of_ratio(margin) if theta < margin else 0.0,
        growth_of_rate if rate < limits.negligible else 0.0,
    )
    return Forecast(
        worse=_seconds(math.log(1.0 / false_rollback) - comparison.log_worse, worse),
        not_worse=_seconds(math.log(1.0 / false_promotion) - comparison.best_log_not_worse, not_worse),
    )


def _seconds(missing: float, growth: float) -> float | None:
    if missing <= 0:
        return 0.0
    return missing / growth if growth > 0 else None


def _of_candidate(share: float, theta: float) -> float:
    """Probability that an event is the candidate's at rate ratio `theta`."""
    return share * theta / (share * theta + 1.0 - share)


def _divergence(p: float, q: float) -> float:
    """Kullback-Leibler divergence of two Bernoulli distributions; 0 < q < 1."""
    first = p * math.log(p / q) if p > 0 else 0.0
    second = (1.0 - p) * math.log((1.0 - p) / (1.0 - q)) if p < 1 else 0.0
    return first + second
