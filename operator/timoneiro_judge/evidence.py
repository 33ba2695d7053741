"""e-processes on counts: evidence that stays valid however often it is checked.

An e-process is a running quantity whose expectation never exceeds 1 while its null hypothesis holds, so that by
Ville's inequality it ever reaches 1/alpha with a probability of at most alpha. Two kinds are used.

*Ratio* compares the arms (conditional on all events of a window, how many fell on the candidate?). With r the
realised share of the candidate in a window, an event is the candidate's with probability
``r*theta / (r*theta + 1 - r)``, theta being the rate ratio. Load, bursts and time of day cancel, because both arms
share them. The log likelihood over a fixed grid of theta adds up over windows:
``S(theta) = sum(e_c * ln(theta) - (e_c + e_s) * ln(r * theta + 1 - r))``.

*Rate* compares the candidate with an absolute rate (one-sample Bernoulli likelihood-ratio mixture). It is the companion
that can decide where hardly anything ever fails and a ratio says nothing.
"""

import math
import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

_STEP = math.log(64.0) / 60.0
_LOWEST, _HIGHEST = math.log(1.0 / 64.0), math.log(128.0)
# Rate ratios for which the likelihood is kept: 1/64 to 128, about 7 % apart.
LOG_GRID: tuple[float, ...] = tuple(
    _LOWEST + index * _STEP for index in range(1 + math.ceil((_HIGHEST - _LOWEST) / _STEP))
)

# Prior widths on the log scale: alternatives to "harmless" may be far off, those to "harmful" lie around 1.
WORSE_WIDTH = 1.0
NOT_WORSE_WIDTH = 0.35
RATE_POINTS = 40
RATE_SPAN = math.log(200.0)
# Of two logarithms: nearer is the same.
_NEXT_TO = 1e-9


def log_likelihood(log_theta: float, *, candidate_events: int, events: int, share: float) -> float:
    """Conditional log likelihood of one window at one rate ratio, up to a constant. 0 < share < 1."""
    return candidate_events * log_theta - events * math.log1p(share * math.expm1(log_theta))


def log_sum_exp(values: Iterable[float]) -> float:
    """ln(sum(exp(values))) without overflow; minus infinity for nothing."""
    terms = list(values)
    top = max(terms, default=-math.inf)
    if top == -math.inf:
        return top
    return top + math.log(math.fsum([math.exp(term - top) for term in terms]))


def log_add(one: float, other: float) -> float:
    """ln(exp(one) + exp(other)): `log_sum_exp` of two, of which there are many."""
    high, low = (one, other) if one > other else (other, one)
    return high + math.log1p(math.exp(low - high))


def single(values: Sequence[float]) -> tuple[float, ...]:
    """`values` in single precision: what is kept so is also what is reckoned with."""
    form = f"{len(values)}f"
    return struct.unpack(form, struct.pack(form, *values))


class Ratios(NamedTuple):
    """Rate ratios beside `log_reference`: the part of LOG_GRID, and ln of their weights, which sum to 1."""

    log_reference: float
    part: slice
    log_weights: tuple[float, ...]


@lru_cache(maxsize=256)
def worse_ratios(tolerance: float) -> Ratios:
    """Ratios above what is tolerated."""
    reference = math.log1p(tolerance)
    part = slice(sum(x <= reference + _NEXT_TO for x in LOG_GRID), None)
    return Ratios(reference, part, _normal(-0.5 * ((x - reference) / WORSE_WIDTH) ** 2 for x in LOG_GRID[part]))


@lru_cache(maxsize=256)
def not_worse_ratios(margin: float) -> Ratios:
    """Ratios below the margin."""
    reference = math.log1p(margin)
    part = slice(sum(x < reference - _NEXT_TO for x in LOG_GRID))
    return Ratios(reference, part, _normal(-0.5 * (x / NOT_WORSE_WIDTH) ** 2 for x in LOG_GRID[part]))


def _normal(logs: Iterable[float]) -> tuple[float, ...]:
    logs = tuple(logs)
    total = log_sum_exp(logs)
    return tuple(log - total for log in logs)


class Rates(NamedTuple):
    """Rates other than `rate`: what a request adds to the log likelihood ratio of each if it is an event, and if not.

    All have the same weight.
    """

    on_event: tuple[float, ...]
    otherwise: tuple[float, ...]

    def gains(self, *, requests: float, events: float) -> list[float]:
        """What so many requests and events add to the log likelihood ratio of each."""
        return [
            events * event + (requests - events) * other
            for event, other in zip(self.on_event, self.otherwise, strict=True)
        ]

    @property
    def log_weights(self) -> tuple[float, ...]:
        return (-math.log(RATE_POINTS),) * len(self.on_event)

    def log_e(self, *, requests: float, events: float) -> float:
        """ln of the mean of their likelihood ratios; 0 where there are none."""
        gains = self.gains(requests=requests, events=events)
        return log_sum_exp(gains) - math.log(len(gains)) if gains else 0.0


@lru_cache(maxsize=256)
def higher_rates(rate: float) -> Rates:
    """Rates above `rate`, up to 1; none where there is no room for any."""
    top = min(math.log(1.0 / rate) - _NEXT_TO, RATE_SPAN)
    return _rates(rate, top) if top > 0 else Rates((), ())


@lru_cache(maxsize=256)
def lower_rates(rate: float) -> Rates:
    """Rates below `rate`."""
    return _rates(rate, -RATE_SPAN)


def _rates(rate: float, span: float) -> Rates:
    factors = [span * (index + 1) / RATE_POINTS for index in range(RATE_POINTS)]
    return Rates(tuple(factors), tuple(math.log1p(-rate * math.exp(x)) - math.log1p(-rate) for x in factors))


def log_e_rate_above(*, requests: float, events: float, rate: float) -> float:
    """ln E against H0 "the event rate is <= rate": a mixture of higher rates."""
    return higher_rates(rate).log_e(requests=requests, events=events)


def log_e_rate_below(*, requests: float, events: float, rate: float) -> float:
    """ln E against H0 "the event rate is >= rate": a mixture of lower rates."""
    return lower_rates(rate).log_e(requests=requests, events=events)
