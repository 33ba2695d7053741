"""Evidence for "not worse" since some moment.

That the candidate was good an hour ago says little of what it does now. So it begins anew with the last step of a
rollout, where there is traffic enough for that; and reached once since then is reached.
"""

import math
from dataclasses import dataclass

from timoneiro_judge.counts import Counts, Limits, Weighed
from timoneiro_judge.evidence import log_e_rate_below, log_sum_exp, not_worse_ratios, single

_NOTHING = Weighed()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """`logs`: of each ratio below the margin, ln of its likelihood ratio to the margin. `weighed`: of the candidate.

    `best`: the highest evidence so far, in nats.
    """

    logs: tuple[float, ...]
    weighed: Weighed = _NOTHING
    best: float = 0.0

    @classmethod
    def begun(cls, limits: Limits) -> "Fresh":
        """Before the first window."""
        return cls(logs=(0.0,) * len(not_worse_ratios(limits.margin).log_weights))

    def log_e(self, limits: Limits) -> float:
        """ln E against "harmful": the mean of ratio and rate, since under that hypothesis both are e-processes."""
        weights = not_worse_ratios(limits.margin).log_weights
        ratio = log_sum_exp(weight + log for weight, log in zip(weights, self.logs, strict=True))
        rate = log_e_rate_below(requests=self.weighed.requests, events=self.weighed.events, rate=limits.negligible)
        return log_sum_exp((ratio, rate)) - math.log(2.0)

    def after(self, limits: Limits, *, gains: list[float], candidate: Counts, weight: float, aligned: bool) -> "Fresh":
        """With one more window: what each ratio gained in it, and what the candidate's counts count in it."""
        later = Fresh(
            logs=single([old + gain for old, gain in zip(self.logs, gains, strict=True)]) if gains else self.logs,
            weighed=self.weighed.plus(candidate, weight),
        )
        agreed = later.log_e(limits)
        if not aligned:
            # Only as far as two looks agree: the next window makes up for what the stable model had too much of.
            agreed = min(agreed, self.log_e(limits))
        return Fresh(logs=later.logs, weighed=later.weighed, best=max(self.best, agreed))
