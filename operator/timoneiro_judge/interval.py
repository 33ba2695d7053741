"""The rate ratio that is most likely, and those that are still possible."""

import math
from collections.abc import Sequence
from functools import lru_cache

from timoneiro_judge.evidence import LOG_GRID, WORSE_WIDTH, log_sum_exp


def confidence_bounds(likelihood: Sequence[float], *, alpha: float) -> tuple[float | None, float | None]:
    """Lower and upper end of the confidence sequence for the rate ratio, each wrong with at most alpha / 2.

    The ratios that neither one-sided test has rejected, at the resolution of the grid; None where the data do not
    bound that side. Valid at every look at once.
    """
    bound = math.log(2.0 / alpha)

    def rejects(index: int, others: slice) -> bool:
        """Whether the ratios `others` together outweigh the one at `index`."""
        points = [
            (-0.5 * ((x - LOG_GRID[index]) / WORSE_WIDTH) ** 2, s)
            for x, s in zip(LOG_GRID[others], likelihood[others], strict=True)
        ]
        return bool(points) and _mixture(points, likelihood[index]) >= bound

    # Evidence against "ratio <= theta" falls as theta grows, so the end can be found by halving.
    last = len(LOG_GRID) - 1
    low, high = -1, last
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if rejects(middle, slice(middle + 1, None)) else (low, middle)
    lower = math.exp(LOG_GRID[low]) if low >= 0 else None
    low, high = 0, last + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if rejects(middle, slice(middle)) else (middle, high)
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
    return math.exp(LOG_GRID[best] + shift * (LOG_GRID[1] - LOG_GRID[0]))


@lru_cache(maxsize=1024)
def _total(weights: tuple[float, ...]) -> float:
    return log_sum_exp(weights)


def _mixture(points: Sequence[tuple[float, float]], reference: float) -> float:
    """ln of the weighted mean of likelihood ratios; points are (log weight, log likelihood)."""
    total = _total(tuple(weight for weight, _ in points))
    return log_sum_exp([weight + likelihood for weight, likelihood in points]) - total - reference
