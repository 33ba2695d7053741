"""One metric of one rollout: all counts so far, folded into evidence.

A `Comparison` is frozen; `observe` returns the next one. It is additive over windows, exact under replay, and
`encode`/`decode` round-trip it bit for bit, so that it can live in the status of the ModelDeployment.
"""

import base64
import math
import struct
import zlib
from dataclasses import dataclass, replace
from functools import cached_property

from timoneiro_judge.counts import Counts, Dispersion, Limits, Spread, Window
from timoneiro_judge.evidence import (
    LOG_GRID,
    confidence_bounds,
    log_e_rate_above,
    log_e_rate_below,
    log_e_ratio_not_worse,
    log_e_ratio_worse,
    log_likelihood,
    most_likely_ratio,
)

# No evidence and no count is larger: a state that says so is none of ours.
_LARGEST = 2.0**63
# Two exact points beside the grid: the tolerated ratio and the margin.
_POINTS = len(LOG_GRID) + 2
_FORMAT = f">4d5q3d{_POINTS}d"
# Evidence is read only by the edition that kept it: other numbers in other places would look as good. Made of what they
# mean, so that no change of the grid can forget to change it.
_EDITION = f"{zlib.crc32(repr((_FORMAT, [round(x, 9) for x in LOG_GRID])).encode()):08x}"
CONFIDENCE_ALPHA = 0.05
_NOTHING, _ALIKE, _BY_ITSELF = Counts(), Spread(), Dispersion()


# Without slots, for what is worked out once of each and asked for again and again.
@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Evidence of one metric. `likelihood`: S(theta) on the grid, then at 1 + tolerance and at 1 + margin.

    `weighed_requests`, `weighed_events`: the candidate's counts, divided by the dispersion that each window had.
    """

    limits: Limits
    likelihood: tuple[float, ...] = (0.0,) * _POINTS
    candidate: Counts = _NOTHING
    stable: Counts = _NOTHING
    weighed_requests: float = 0.0
    weighed_events: float = 0.0
    spread: Spread = _ALIKE
    # The highest evidence for "not worse" so far: once a bound is passed, it has been passed.
    best_log_not_worse: float = 0.0

    def observe(self, window: Window, dispersion: Dispersion = _BY_ITSELF) -> "Comparison":
        """The comparison with one more window. A window in which an arm had no requests says nothing of the ratio."""
        c, s, factor = window.candidate, window.stable, dispersion.of(self.spread)
        likelihood = self.likelihood
        events = c.events + s.events
        if c.requests and s.requests and events:
            candidate, stable = window.traffic
            share = candidate / (candidate + stable)
            likelihood = tuple(
                old + log_likelihood(x, candidate_events=c.events, events=events, share=share) / factor
                for old, x in zip(likelihood, self._log_thetas(), strict=True)
            )
        after = replace(
            self,
            likelihood=likelihood,
            candidate=Counts(requests=self.candidate.requests + c.requests, events=self.candidate.events + c.events),
            stable=Counts(requests=self.stable.requests + s.requests, events=self.stable.events + s.events),
            weighed_requests=self.weighed_requests + c.requests / factor,
            weighed_events=self.weighed_events + c.events / factor,
            spread=Spread(
                chi_square=self.spread.chi_square + window.spread.chi_square,
                freedom=self.spread.freedom + window.spread.freedom,
            ),
        )
        agreed = after.log_not_worse
        if not window.aligned:
            # Only as far as two looks agree: the next window makes up for what the stable model had too much of.
            agreed = min(agreed, self.log_not_worse)
        return replace(after, best_log_not_worse=max(self.best_log_not_worse, agreed))

    def _log_thetas(self) -> tuple[float, ...]:
        return (*LOG_GRID, math.log1p(self.limits.tolerance), math.log1p(self.limits.margin))

    @cached_property
    def log_worse(self) -> float:
        """ln E against "harmless": both the ratio and the absolute rate have to speak."""
        ratio = log_e_ratio_worse(
            self.likelihood[:-2], log_theta0=math.log1p(self.limits.tolerance), at_theta0=self.likelihood[-2]
        )
        rate = log_e_rate_above(requests=self.weighed_requests, events=self.weighed_events, rate=self.limits.negligible)
        return min(ratio, rate)

    @cached_property
    def log_not_worse(self) -> float:
        """ln E against "harmful": the mean of both, since under that hypothesis both are e-processes."""
        ratio = log_e_ratio_not_worse(
            self.likelihood[:-2], log_theta1=math.log1p(self.limits.margin), at_theta1=self.likelihood[-1]
        )
        rate = log_e_rate_below(requests=self.weighed_requests, events=self.weighed_events, rate=self.limits.negligible)
        top = max(ratio, rate)
        return top + math.log(0.5 * (math.exp(ratio - top) + math.exp(rate - top)))

    @property
    def ratio(self) -> tuple[float | None, float | None, float | None]:
        """Rate ratio candidate / stable: estimate, lower and upper end of its 95 % confidence sequence."""
        if not self.candidate.events + self.stable.events:
            return None, None, None
        lower, upper = confidence_bounds(self.likelihood[:-2], alpha=CONFIDENCE_ALPHA)
        return self.estimate, lower, upper

    @property
    def estimate(self) -> float | None:
        """The most likely rate ratio candidate / stable; None while there are no events, and at an end of the grid."""
        if not self.candidate.events + self.stable.events:
            return None
        return most_likely_ratio(self.likelihood[:-2])

    @property
    def difference(self) -> float:
        """Rate of the candidate less rate of the stable model; an arm without requests has the rate 0."""

        def rate(counts: Counts) -> float:
            return counts.events / counts.requests if counts.requests else 0.0

        return rate(self.candidate) - rate(self.stable)

    def encode(self) -> str:
        """The whole comparison as text, exact to the last bit."""
        packed = struct.pack(
            _FORMAT,
            self.limits.tolerance,
            self.limits.margin,
            self.limits.negligible,
            self.best_log_not_worse,
            self.candidate.requests,
            self.candidate.events,
            self.stable.requests,
            self.stable.events,
            self.spread.freedom,
            self.spread.chi_square,
            self.weighed_requests,
            self.weighed_events,
            *self.likelihood,
        )
        return f"{_EDITION}:{base64.b64encode(packed).decode('ascii')}"

    @classmethod
    def decode(cls, text: str) -> "Comparison":
        """Inverse of `encode`. Raises ValueError when the text is none of ours, or one of another edition."""
        edition, _, text = text.rpartition(":")
        if edition != _EDITION:
            raise ValueError(
                "the evidence was saved by another version of the judge; it is collected again from the start"
            )
        try:
            tolerance, margin, negligible, best, n_c, e_c, n_s, e_s, *rest = struct.unpack(
                _FORMAT, base64.b64decode(text, validate=True)
            )
        except (struct.error, ValueError) as error:
            raise ValueError(f"the saved evidence cannot be read: {error}") from error
        freedom, chi_square, weighed_requests, weighed_events, *likelihood = rest
        limits, counts = (tolerance, margin, negligible), (n_c - e_c, e_c, n_s - e_s, e_s, freedom)
        weighed = (chi_square, weighed_requests - weighed_events, weighed_events)
        numbers = (*limits, *weighed, best, *likelihood)
        if min(*counts, *weighed) < 0 or not all(abs(number) < _LARGEST for number in numbers):
            raise ValueError("the saved evidence holds counts that are impossible")
        return cls(
            limits=Limits(tolerance=tolerance, margin=margin, negligible=negligible),
            likelihood=tuple(likelihood),
            candidate=Counts(requests=n_c, events=e_c),
            stable=Counts(requests=n_s, events=e_s),
            weighed_requests=weighed_requests,
            weighed_events=weighed_events,
            spread=Spread(chi_square=chi_square, freedom=freedom),
            best_log_not_worse=best,
        )
