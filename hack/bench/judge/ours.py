"""The judge of `timoneiro_judge` for many rollouts at once.

Guarantees the same evidence as `Comparison.observe`, to rounding: a test feeds both the same windows.
"""

import math
from dataclasses import dataclass

import numpy as np

from bench.judge.counts import Flags, Floats, Ints, Rows, Windows
from timoneiro_judge.counts import LEAST_FREEDOM, Limits
from timoneiro_judge.evidence import LOG_GRID, NOT_WORSE_WIDTH, RATE_POINTS, RATE_SPAN, WORSE_WIDTH

DEFAULT_LIMITS = Limits()
_GRID = np.array(LOG_GRID)
# Likelihoods of that many rollouts at a time stay in the processor's cache.
_CHUNK = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to judge. The widths are those of the product's priors; others are for experiments with them."""

    limits: Limits = DEFAULT_LIMITS
    factor: float = 1.0
    most: float | None = None
    min_events: int = 3
    false_rollback: float = 0.01
    false_promotion: float = 0.05
    worse_width: float = WORSE_WIDTH
    not_worse_width: float = NOT_WORSE_WIDTH


DEFAULT = Settings()


class Mixture:
    """Weighted means of likelihood ratios on one side of a reference ratio."""

    def __init__(self, *, at: Flags, weights: Floats, reference: int) -> None:
        self._at = np.flatnonzero(at)
        self._span = slice(int(self._at[0]), int(self._at[-1]) + 1)
        self._weights = weights[self._at] / weights[self._at].sum()
        self._reference = reference

    def log(self, likelihood: Floats) -> Floats:
        """ln E of each row of `likelihood`, shape (rollouts, grid + 2)."""
        part = likelihood[:, self._span]
        top = part.max(axis=1)
        mean: Floats = np.exp(part - top[:, None]) @ self._weights
        log_mean: Floats = np.log(mean) + top - likelihood[:, self._reference]
        return log_mean

    def highest(self, likelihood: Floats) -> Floats:
        """An upper bound of `log` that needs no exponentials: the mean is at most the greatest of its terms."""
        highest: Floats = likelihood[:, self._span].max(axis=1) - likelihood[:, self._reference]
        return highest


class Judge:
    """Evidence of many rollouts, one metric each. `observe` adds a window to the rollouts that it names."""

    def __init__(self, rollouts: int, settings: Settings) -> None:
        limits = settings.limits
        self.settings = settings
        low, high = math.log1p(limits.tolerance), math.log1p(limits.margin)
        self._log_thetas = np.concatenate([_GRID, [low, high]])
        self._excess = np.expm1(self._log_thetas)
        count = len(_GRID)
        self._worse = Mixture(
            at=low + 1e-9 < _GRID,
            weights=np.exp(-0.5 * ((_GRID - low) / settings.worse_width) ** 2),
            reference=count,
        )
        self._not_worse = Mixture(
            at=high - 1e-9 > _GRID,
            weights=np.exp(-0.5 * (_GRID / settings.not_worse_width) ** 2),
            reference=count + 1,
        )
        steps = np.arange(1, RATE_POINTS + 1) / RATE_POINTS
        self._above = steps * min(math.log(1.0 / limits.negligible) - 1e-9, RATE_SPAN)
        self._below = -RATE_SPAN * steps
        self.likelihood = np.zeros((rollouts, count + 2))
        self.candidate_events = np.zeros(rollouts, dtype=np.int64)
        self.weighed_requests = np.zeros(rollouts)
        self.weighed_events = np.zeros(rollouts)
        self.chi_square = np.zeros(rollouts)
        self.freedom = np.zeros(rollouts, dtype=np.int64)

    def observe(self, windows: Windows, rows: Rows) -> None:
        """One more window of the rollouts `rows`; `windows` has shape (len(rows),)."""
        factor = self._factor(rows)
        n_c, e_c, n_s = windows.candidate_requests, windows.candidate_events, windows.stable_requests
        events = e_c + windows.stable_events
        telling = np.flatnonzero((n_c > 0) & (n_s > 0) & (events > 0))
        for first in range(0, len(telling), _CHUNK):
            part = telling[first : first + _CHUNK]
            share = n_c[part] / (n_c[part] + n_s[part])
            # numpy vectorises log and not log1p; what that costs in precision is far below what a test allows.
            growth = np.log(1.0 + share[:, None] * self._excess)
            gain = e_c[part, None] * self._log_thetas - events[part, None] * growth
            self.likelihood[rows[part]] += gain / factor[part, None]
        self.candidate_events[rows] += e_c
        self.weighed_requests[rows] += n_c / factor
        self.weighed_events[rows] += e_c / factor
        self.chi_square[rows] += windows.chi_square
        self.freedom[rows] += windows.freedom

    def _factor(self, rows: Rows) -> Floats:
        settings = self.settings
        if settings.most is None:
            return np.full(len(rows), settings.factor)
        freedom = self.freedom[rows]
        estimate = self.chi_square[rows] / np.maximum(freedom, 1)
        clipped = np.minimum(np.maximum(estimate, settings.factor), settings.most)
        return np.where(freedom < LEAST_FREEDOM, settings.most, clipped)

    def log_worse(self, rows: Rows) -> Floats:
        """ln E against "harmless" of the rollouts `rows`."""
        return np.minimum(self._worse.log(self.likelihood[rows]), self._log_rate(rows, self._above))

    def log_not_worse(self, rows: Rows) -> Floats:
        """ln E against "harmful" of the rollouts `rows`."""
        ratio, rate = self._not_worse.log(self.likelihood[rows]), self._log_rate(rows, self._below)
        return np.logaddexp(ratio, rate) - math.log(2.0)

    def is_worse(self, rows: Rows) -> Flags:
        """Which of `rows` have evidence of 1 / false_rollback and enough failures now.

        Exact; it looks closely only where the bound can be near.
        """
        bound = -math.log(self.settings.false_rollback)
        found = np.zeros(len(rows), dtype=np.bool_)
        enough = self.candidate_events[rows] >= self.settings.min_events
        near = np.flatnonzero(enough & (self._worse.highest(self.likelihood[rows]) >= bound))
        if len(near):
            found[near] = self.log_worse(rows[near]) >= bound
        return found

    def is_not_worse(self, rows: Rows) -> Flags:
        """Which of `rows` have evidence of 1 / false_promotion now."""
        bound = -math.log(self.settings.false_promotion)
        rate = self._log_rate(rows, self._below)
        found = np.zeros(len(rows), dtype=np.bool_)
        near = np.flatnonzero(np.maximum(self._not_worse.highest(self.likelihood[rows]), rate) >= bound)
        if len(near):
            ratio = self._not_worse.log(self.likelihood[rows[near]])
            found[near] = np.logaddexp(ratio, rate[near]) - math.log(2.0) >= bound
        return found

    def _log_rate(self, rows: Rows, log_factors: Floats) -> Floats:
        rate = self.settings.limits.negligible
        fails = np.log1p(-rate * np.exp(log_factors)) - math.log1p(-rate)
        events, requests = self.weighed_events[rows], self.weighed_requests[rows]
        logs = np.outer(events, log_factors) + np.outer(requests - events, fails)
        top = logs.max(axis=1)
        mean: Floats = np.exp(logs - top[:, None]).mean(axis=1)
        log_mean: Floats = np.log(mean) + top
        return log_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """When each rollout passed each bound: index of the window, or -1 for never."""

    worse: Ints
    not_worse: Ints


def follow(windows: Windows, settings: Settings) -> Course:
    """Judge rollouts of shape (rollouts, windows) to their end; after "worse" nothing more is looked at."""
    rollouts, count = windows.candidate_requests.shape
    judge = Judge(rollouts, settings)
    worse, not_worse = np.full(rollouts, -1), np.full(rollouts, -1)
    for window in range(count):
        rows = np.flatnonzero(worse < 0)
        judge.observe(windows.at(window).rows(rows), rows)
        worse[rows[judge.is_worse(rows)]] = window
        open_rows = np.flatnonzero((worse < 0) & (not_worse < 0))
        not_worse[open_rows[judge.is_not_worse(open_rows)]] = window
    return Course(worse=worse, not_worse=not_worse)
