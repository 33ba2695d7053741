"""e-processes on counts: evidence that stays valid however often it is checked.

An e-process is a running quantity whose expectation never exceeds 1 while its null hypothesis holds, so that by
Ville's inequality it ever reaches 1/alpha with a probability of at most alpha. Two kinds are used.

*Ratio* compares the arms (conditional on all events of a window, how many fell on the candidate?). With r the
realised share of the candidate in a window, an event is the candidate's with probability
``r*theta / (r*theta + 1 - r)``, theta being the rate ratio. Load, bursts and time of day cancel, because both arms
share them. The log likelihood over a fixed grid of theta is all the state there is; it adds up over windows:
``S(theta) = sum(e_c * ln(theta) - (e_c + e_s) * ln(r * theta + 1 - r))``.

*Rate* compares the candidate with an absolute rate (one-sample Bernoulli likelihood-ratio mixture); counts are its
whole state. It is the companion that can decide where hardly anything ever fails and a ratio says nothing.
"""

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache

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


@lru_cache(maxsize=1024)
def _total(weights: tuple[float, ...]) -> float:
    """ln of the sum of the weights; there are as many priors as limits, and each is used in every look."""
    return log_sum_exp(weights)


def _mixture(points: Sequence[tuple[float, float]], reference: float) -> float:
    """ln of the weighted mean of likelihood ratios; points are (log weight, log likelihood)."""
    total = _total(tuple(weight for weight, _ in points))
    return log_sum_exp([weight + likelihood for weight, likelihood in points]) - total - reference


def log_e_ratio_worse(likelihood: Sequence[float], *, log_theta0: float, at_theta0: float) -> float:
    """ln E against H0 "rate ratio <= theta0"; `likelihood` is S on LOG_GRID, `at_theta0` S(theta0)."""
    points = [
        (-0.5 * ((x - log_theta0) / WORSE_WIDTH) ** 2, s)
        for x, s in zip(LOG_GRID, likelihood, strict=True)
        if x > log_theta0 + 1e-9
    ]
    return _mixture(points, at_theta0) if points else 0.0


def log_e_ratio_not_worse(likelihood: Sequence[float], *, log_theta1: float, at_theta1: float) -> float:
    """ln E against H0 "rate ratio >= theta1"."""
    points = [
        (-0.5 * (x / NOT_WORSE_WIDTH) ** 2, s)
        for x, s in zip(LOG_GRID, likelihood, strict=True)
        if x < log_theta1 - 1e-9
    ]
    return _mixture(points, at_theta1) if points else 0.0


def log_e_rate_above(*, requests: float, events: float, rate: float) -> float:
    """ln E against H0 "the event rate is <= rate": a mixture of higher rates, up to 1."""
    top = min(math.log(1.0 / rate) - 1e-9, RATE_SPAN)
    if top <= 0:
        # There is no rate above it.
        return 0.0
    return _log_e_rate(requests, events, rate, (top * (i + 1) / RATE_POINTS for i in range(RATE_POINTS)))


def log_e_rate_below(*, requests: float, events: float, rate: float) -> float:
    """ln E against H0 "the event rate is >= rate": a mixture of lower rates."""
    return _log_e_rate(requests, events, rate, (-RATE_SPAN * (i + 1) / RATE_POINTS for i in range(RATE_POINTS)))


def _log_e_rate(requests: float, events: float, rate: float, log_factors: Iterable[float]) -> float:
    points = []
    for log_factor in log_factors:
        other = rate * math.exp(log_factor)
        log_ratio = events * log_factor + (requests - events) * (math.log1p(-other) - math.log1p(-rate))
        points.append((0.0, log_ratio))
    return _mixture(points, 0.0)


def confidence_bounds(likelihood: Sequence[float], *, alpha: float) -> tuple[float | None, float | None]:
    """Lower and upper end of the confidence sequence for the rate ratio, each wrong with at most alpha / 2.

    The ratios that neither one-sided test has rejected, at the resolution of the grid; None where the data do not
    bound that side. Valid at every look at once.
    """
    bound = math.log(2.0 / alpha)

    def rejected_below(index: int) -> bool:
        at = likelihood[index]
        return log_e_ratio_worse(likelihood, log_theta0=LOG_GRID[index], at_theta0=at) >= bound

    def rejected_above(index: int) -> bool:
        points = [
            (-0.5 * ((x - LOG_GRID[index]) / WORSE_WIDTH) ** 2, s)
            for x, s in zip(LOG_GRID[:index], likelihood[:index], strict=True)
        ]
        return bool(points) and _mixture(points, likelihood[index]) >= bound

    # Evidence against "ratio <= theta" falls as theta grows, so the end can be found by halving.
    last = len(LOG_GRID) - 1
    low, high = -1, last
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if rejected_below(middle) else (low, middle)
    lower = math.exp(LOG_GRID[low]) if low >= 0 else None
    low, high = 0, last + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if rejected_above(middle) else (middle, high)
    upper = math.exp(LOG_GRID[high]) if high <= last else None
    return lower, upper


def most_likely_ratio(likelihood: Sequence[float]) -> float | None:
    """The rate ratio with the highest likelihood, between grid points by a parabola; None at an end of the grid."""
    best = max(range(len(likelihood)), key=likelihood.__getitem__)
    if best in (0, len(likelihood) - 1):
        return None
    left, middle, right = likelihood[best - 1 : best + 2]
    curvature = left - 2.0 * middle + right
    shift = 0.5 * (left - right) / curvature if curvature else 0.0
    return math.exp(LOG_GRID[best] + shift * _STEP)
