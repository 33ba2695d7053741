"""One metric of one rollout: all counts so far, folded into evidence.

A `Comparison` is frozen; `observe` returns the next one. It is exact under replay, and the text that
`timoneiro_judge.text` makes of it is the same to the last bit, so that it can live in the status of the
ModelDeployment.
"""

from dataclasses import dataclass, replace
from functools import cached_property

from timoneiro_judge.counts import Counts, Dispersion, Limits, Spread, Weighed, Window
from timoneiro_judge.evidence import (
    LOG_GRID,
    higher_rates,
    log_likelihood,
    not_worse_ratios,
    single,
    worse_ratios,
)
from timoneiro_judge.fresh import Fresh
from timoneiro_judge.interval import confidence_bounds, most_likely_ratio
from timoneiro_judge.restarted import Restarted, stake
from timoneiro_judge.usual import Usual

CONFIDENCE_ALPHA = 0.05
_BY_ITSELF = Dispersion()


# Without slots, for what is worked out once of each and asked for again and again.
@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Evidence of one metric.

    `likelihood`: S(theta) on the grid, over all windows. `weighed`: the candidate's counts, divided by the dispersion
    that each window had. `windows`: those in which the candidate had requests. `higher_ratio` and `higher_rate` are
    evidence for "worse"; "not worse" is what is `fresh`.
    """

    limits: Limits
    likelihood: tuple[float, ...]
    candidate: Counts
    stable: Counts
    weighed: Weighed
    spread: Spread
    usual: Usual
    windows: int
    higher_ratio: Restarted
    higher_rate: Restarted
    fresh: Fresh

    @classmethod
    def begun(cls, limits: Limits) -> "Comparison":
        """Before the first window."""
        return cls(
            limits=limits,
            likelihood=(0.0,) * len(LOG_GRID),
            candidate=Counts(),
            stable=Counts(),
            weighed=Weighed(),
            spread=Spread(),
            usual=Usual(),
            windows=0,
            higher_ratio=Restarted.begun(worse_ratios(limits.tolerance).log_weights),
            higher_rate=Restarted.begun(higher_rates(limits.negligible).log_weights),
            fresh=Fresh.begun(limits),
        )

    def observe(self, window: Window, dispersion: Dispersion = _BY_ITSELF) -> "Comparison":
        """The comparison with one more window. A window in which an arm had no requests says nothing of the ratio."""
        c, s, spread = window.candidate, window.stable, self.spread.after(window.spread, dispersion)
        factor = dispersion.of(spread)
        weight = self.usual.weight(window) / factor
        before = self._restarted(window) if c.requests else self
        worse, not_worse = worse_ratios(self.limits.tolerance), not_worse_ratios(self.limits.margin)
        likelihood, higher_ratio, lower = before.likelihood, before.higher_ratio, []
        if c.requests and s.requests and c.events + s.events:
            candidate, stable = window.traffic
            *gains, at_tolerance, at_margin = (
                weight
                * log_likelihood(
                    x, candidate_events=c.events, events=c.events + s.events, share=candidate / (candidate + stable)
                )
                for x in (*LOG_GRID, worse.log_reference, not_worse.log_reference)
            )
            likelihood = single([old + gain for old, gain in zip(likelihood, gains, strict=True)])
            higher_ratio = higher_ratio.grown([gain - at_tolerance for gain in gains[worse.part]])
            lower = [gain - at_margin for gain in gains[not_worse.part]]
        rates = higher_rates(self.limits.negligible)
        return replace(
            before,
            likelihood=likelihood,
            candidate=self.candidate.plus(c),
            stable=self.stable.plus(s),
            weighed=self.weighed.plus(c, 1.0 / factor),
            spread=spread,
            usual=self.usual.after(s),
            higher_ratio=higher_ratio,
            higher_rate=before.higher_rate.grown(rates.gains(requests=weight * c.requests, events=weight * c.events)),
            fresh=self.fresh.after(self.limits, gains=lower, candidate=c, weight=weight, aligned=window.aligned),
        )

    def _restarted(self, window: Window) -> "Comparison":
        """With what is staked before this window."""
        amount, after = stake(self.windows), replace(self, windows=self.windows + 1)
        # What was not read at the same moment may still have the candidate's part of an outage to come, and a stake
        # that is laid between the two parts would take it for the candidate's own.
        if not self.windows or not amount or (self.usual.exceeded and not window.aligned):
            return after
        limits = self.limits
        return replace(
            after,
            higher_ratio=self.higher_ratio.staked(amount, worse_ratios(limits.tolerance).log_weights),
            higher_rate=self.higher_rate.staked(amount, higher_rates(limits.negligible).log_weights),
        )

    def renewed(self) -> "Comparison":
        """The same, with evidence for "not worse" that begins now."""
        return replace(self, fresh=Fresh.begun(self.limits))

    @cached_property
    def log_worse(self) -> float:
        """ln E against "harmless": both the ratio and the absolute rate have to speak."""
        return min(self.higher_ratio.log_e, self.higher_rate.log_e)

    @property
    def log_not_worse(self) -> float:
        """ln E against "harmful", the highest since it has begun."""
        return self.fresh.best

    @property
    def ratio(self) -> tuple[float | None, float | None, float | None]:
        """Rate ratio candidate / stable: estimate, lower and upper end of its 95 % confidence sequence."""
        if not self.candidate.events + self.stable.events:
            return None, None, None
        lower, upper = confidence_bounds(self.likelihood, alpha=CONFIDENCE_ALPHA)
        return self.estimate, lower, upper

    @property
    def estimate(self) -> float | None:
        """The most likely rate ratio candidate / stable; None while there are no events, and at an end of the grid."""
        if not self.candidate.events + self.stable.events:
            return None
        return most_likely_ratio(self.likelihood)

    @property
    def difference(self) -> float:
        """Rate of the candidate less rate of the stable model; an arm without requests has the rate 0."""

        def rate(counts: Counts) -> float:
            return counts.events / counts.requests if counts.requests else 0.0

        return rate(self.candidate) - rate(self.stable)
