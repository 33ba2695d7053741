"""How long until a decision: if all stays as it has been so far, and before anything was counted at all.

The first by Wald's approximation: what evidence is missing, divided by how fast it grows on average. The second from
the counts that are expected: where the evidence in them reaches its bound. No promises, and not used for any decision.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from timoneiro_judge.comparison import Comparison
from timoneiro_judge.counts import Limits
from timoneiro_judge.evidence import (
    LOG_GRID,
    Ratios,
    log_e_rate_above,
    log_e_rate_below,
    log_sum_exp,
    not_worse_ratios,
    worse_ratios,
)
from timoneiro_judge.restarted import AT_ONCE

# Without failures nobody knows the ratio; then the candidate is taken to be as good as the stable model.
_UNKNOWN_RATIO = 1.0
_AMPLE = 2.0


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
        not_worse=_seconds(math.log(1.0 / false_promotion) - comparison.log_not_worse, not_worse),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stretch of a rollout: requests a second to both models, above 0, and its length in seconds."""

    candidate: float
    stable: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """Until a verdict: requests to the candidate, and seconds."""

    requests: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """What a comparison needs before anything was counted.

    `not_worse`: to tell of a candidate as good as the stable model that it is not worse. `worse`: to tell of one that
    is worse by the margin that it is worse.
    """

    not_worse: Needed
    worse: Needed


# Longer than any rollout; beyond it nothing is looked for.
_LONGEST_SECONDS = 1e12
# Of a time, which is a guess.
_PRECISION = 0.005


def preflight(
    limits: Limits,
    *,
    rate: float,
    stages: Sequence[Stage],
    false_rollback: float,
    false_promotion: float,
    dispersion: float = 1.0,
) -> Preflight:
    """About what a rollout needs whose stable model has this `rate` of events, in stages that follow each other.

    The last stage lasts until a verdict is there, whatever it says. `dispersion`: evidence counts 1 / dispersion.
    About the mean of all rollouts: most take a little less, and some much longer.
    """
    stages = [*stages[:-1], Stage(candidate=stages[-1].candidate, stable=stages[-1].stable, seconds=_LONGEST_SECONDS)]
    bad = min(1.0, (1.0 + limits.margin) * max(rate, limits.negligible))

    def not_worse(good: _Expected) -> float:
        ratio = good.log_e_ratio(not_worse_ratios(limits.margin))
        below = log_e_rate_below(requests=good.requests, events=good.requests * rate, rate=limits.negligible)
        return log_sum_exp((ratio, below)) - math.log(2.0)

    def worse(harmful: _Expected) -> float:
        ratio = harmful.log_e_ratio(worse_ratios(limits.tolerance))
        above = log_e_rate_above(requests=harmful.requests, events=harmful.requests * bad, rate=limits.negligible)
        return min(ratio, above)

    def needed(evidence: Callable[[_Expected], float], candidate: float, bound: float) -> Needed:
        def reached(seconds: float) -> bool:
            return evidence(_Expected.of(stages, seconds, candidate, rate, dispersion)) >= bound

        latest = 1.0
        while not reached(latest) and latest < _LONGEST_SECONDS:
            latest *= 2.0
        earliest = latest / 2.0
        while latest - earliest > _PRECISION * latest:
            middle = (earliest + latest) / 2.0
            earliest, latest = (earliest, middle) if reached(middle) else (middle, latest)
        return Needed(requests=sum(stage.candidate * spent for stage, spent in _spent(stages, latest)), seconds=latest)

    return Preflight(
        not_worse=needed(not_worse, rate, math.log(1.0 / false_promotion)),
        # Of what is staked at once: what is staked later comes too late for it.
        worse=needed(worse, bad, -math.log(AT_ONCE * false_rollback)),
    )


def _spent(stages: Iterable[Stage], seconds: float) -> Iterable[tuple[Stage, float]]:
    """The stages that have begun after so many seconds, and how much of them is over."""
    for stage in stages:
        if seconds <= 0:
            return
        yield stage, min(stage.seconds, seconds)
        seconds -= stage.seconds


@dataclass(frozen=True, slots=True)
class _Expected:
    """What is expected after some time, divided by the dispersion.

    `arms`: of each stage the candidate's events, the stable model's, and the candidate's share of the requests.
    """

    requests: float
    arms: tuple[tuple[float, float, float], ...]

    @classmethod
    def of(
        cls, stages: Iterable[Stage], seconds: float, candidate: float, stable: float, dispersion: float
    ) -> "_Expected":
        """`candidate`, `stable`: their rates of events."""
        requests, arms = 0.0, []
        for stage, spent in _spent(stages, seconds):
            counted = spent / dispersion
            requests += stage.candidate * counted
            share = stage.candidate / (stage.candidate + stage.stable)
            arms.append((stage.candidate * counted * candidate, stage.stable * counted * stable, share))
        return cls(requests, tuple(arms))

    def log_likelihood(self, log_theta: float) -> float:
        return sum(c * log_theta - (c + s) * math.log1p(share * math.expm1(log_theta)) for c, s, share in self.arms)

    def log_e_ratio(self, ratios: Ratios) -> float:
        """ln E of the mean over these ratios."""
        mean = log_sum_exp(
            weight + self.log_likelihood(x) for x, weight in zip(LOG_GRID[ratios.part], ratios.log_weights, strict=True)
        )
        return mean - self.log_likelihood(ratios.log_reference)


def is_soon_proven(limits: Limits, *, base: float, share: float, requests: float, false_promotion: float) -> bool:
    """Whether so many requests to both arms prove "not worse" of a candidate that is as good as the stable model.

    `base`: rate of the stable model. With a margin of two: chance must not decide, nor the prior.
    """
    by_ratio = base * _divergence(share, _of_candidate(share, 1.0 + limits.margin))
    by_rate = share * _divergence(base, limits.negligible) if base < limits.negligible else 0.0
    return requests * max(by_ratio, by_rate) >= _AMPLE * math.log(2.0 / false_promotion)
