"""The judge of `timoneiro_judge` for many rollouts at once.

Guarantees the same evidence as `Comparison.observe`, to rounding, for arms that are read at the same moment: a test
feeds both the same windows.
"""

import math
from dataclasses import dataclass

import numpy as np

from bench.judge.counts import Flags, Floats, Ints, Rows, Windows
from timoneiro_judge.counts import PRIOR_FREEDOM, Dispersion, Limits
from timoneiro_judge.evidence import (
    LOG_GRID,
    Rates,
    higher_rates,
    lower_rates,
    not_worse_ratios,
    worse_ratios,
)
from timoneiro_judge.forecast import is_soon_proven
from timoneiro_judge.restarted import EVERY, stake
from timoneiro_judge.usual import IN_FULL, LEARNED, PRIOR_EVENTS, PRIOR_REQUESTS
from timoneiro_judge.verdict import VETO

DEFAULT_LIMITS, _DEFAULT_DISPERSION = Limits(), Dispersion()
_GRID = np.array(LOG_GRID)
# Likelihoods of that many rollouts at a time stay in the processor's cache.
_CHUNK = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to judge. `warm_up`: of so many windows at the beginning nothing is counted."""

    limits: Limits = DEFAULT_LIMITS
    dispersion: Dispersion = _DEFAULT_DISPERSION
    min_events: int = 3
    false_rollback: float = 0.01
    false_promotion: float = 0.05
    warm_up: int = 0


DEFAULT = Settings()


class UsualRate:
    """`timoneiro_judge.usual` for many rollouts."""

    def __init__(self, rollouts: int) -> None:
        self._requests, self._events = np.zeros(rollouts), np.zeros(rollouts)

    def weights(self, windows: Windows, rows: Rows) -> Floats:
        """What the next window of the rollouts `rows` counts; then it is learned from."""
        known, events = self._requests[rows], self._events[rows]
        usual, first = (PRIOR_EVENTS + events) / (PRIOR_REQUESTS + known), known == 0
        expected = windows.stable_requests * usual + 1.0
        candidate = windows.candidate_events / (windows.candidate_requests * usual + 1.0)
        shared = np.where(first, 1.0, np.minimum(windows.stable_events / expected, candidate))
        most = np.where(first, np.inf, LEARNED * expected)
        self._requests[rows] += windows.stable_requests
        self._events[rows] += np.minimum(windows.stable_events, most)
        weights: Floats = np.minimum(1.0, (IN_FULL / np.maximum(shared, 1e-12)) ** 2)
        return weights


class Judge:
    """Evidence of many rollouts, one metric each. `observe` adds a window to the rollouts that it names."""

    def __init__(self, rollouts: int, settings: Settings) -> None:
        limits = settings.limits
        self.settings = settings
        self._worse, self._not_worse = worse_ratios(limits.tolerance), not_worse_ratios(limits.margin)
        self._higher, self._lower = higher_rates(limits.negligible), lower_rates(limits.negligible)
        self._weights = np.array(self._worse.log_weights), np.array(self._higher.log_weights)
        self._log_thetas = np.concatenate([_GRID, [self._worse.log_reference, self._not_worse.log_reference]])
        self._excess = np.expm1(self._log_thetas)
        first = math.log(stake(0))
        self._ratio, self._rate = (np.tile(weights + first, (rollouts, 1)) for weights in self._weights)
        self._idle = np.full(rollouts, 1.0 - stake(0))
        self._windows = np.zeros(rollouts, dtype=np.int64)
        self._usual = UsualRate(rollouts)
        self._fresh = np.zeros((rollouts, len(self._not_worse.log_weights)))
        self._fresh_requests, self._fresh_events = np.zeros(rollouts), np.zeros(rollouts)
        self._best = np.zeros(rollouts)
        self._candidate_events = np.zeros(rollouts, dtype=np.int64)
        self._stable_requests, self._stable_events = np.zeros(rollouts), np.zeros(rollouts)
        self._chi_square = np.zeros(rollouts)
        self._freedom = np.zeros(rollouts, dtype=np.int64)

    def observe(self, windows: Windows, rows: Rows) -> None:
        """One more window of the rollouts `rows`; `windows` has shape (len(rows),)."""
        weights = self._usual.weights(windows, rows) / self._factor(windows, rows)
        n_c, e_c, n_s = windows.candidate_requests, windows.candidate_events, windows.stable_requests
        events = e_c + windows.stable_events
        self._stake(rows[n_c > 0])
        telling = np.flatnonzero((n_c > 0) & (n_s > 0) & (events > 0))
        worse, not_worse = self._worse, self._not_worse
        for first in range(0, len(telling), _CHUNK):
            part = telling[first : first + _CHUNK]
            share = n_c[part] / (n_c[part] + n_s[part])
            # numpy vectorises log and not log1p; what that costs in precision is far below what a test allows.
            growth = np.log(1.0 + share[:, None] * self._excess)
            gain = (e_c[part, None] * self._log_thetas - events[part, None] * growth) * weights[part, None]
            self._ratio[rows[part]] += gain[:, :-2][:, worse.part] - gain[:, -2, None]
            self._fresh[rows[part]] += gain[:, :-2][:, not_worse.part] - gain[:, -1, None]
        self._rate[rows] += _gains(self._higher, weights * n_c, weights * e_c)
        self._fresh_requests[rows] += weights * n_c
        self._fresh_events[rows] += weights * e_c
        self._best[rows] = np.maximum(self._best[rows], self._log_fresh(rows))
        self._candidate_events[rows] += e_c
        self._stable_requests[rows] += n_s
        self._stable_events[rows] += windows.stable_events

    def _stake(self, rows: Rows) -> None:
        due = rows[(self._windows[rows] > 0) & (self._windows[rows] % EVERY == 0)]
        for window in np.unique(self._windows[due]):
            these, amount = due[self._windows[due] == window], stake(int(window))
            for logs, weights in zip((self._ratio, self._rate), self._weights, strict=True):
                logs[these] = np.logaddexp(logs[these], weights + math.log(amount))
            self._idle[these] -= amount
        self._windows[rows] += 1

    def _factor(self, windows: Windows, rows: Rows) -> Floats:
        """By what these windows count less, their own spread included: it is learned from first."""
        factor, most = self.settings.dispersion.factor, self.settings.dispersion.most
        self._chi_square[rows] += np.minimum(windows.chi_square, most * windows.freedom)
        self._freedom[rows] += windows.freedom
        estimate = (self._chi_square[rows] + PRIOR_FREEDOM * factor) / (self._freedom[rows] + PRIOR_FREEDOM)
        factors: Floats = np.maximum(factor, np.minimum(estimate, most))
        return factors

    def renew(self, rows: Rows, *, share: float, requests: float) -> None:
        """Evidence for "not worse" of the rollouts `rows` begins anew where so many requests soon prove it again."""
        bases = self._stable_events[rows] / np.maximum(self._stable_requests[rows], 1)
        settings = self.settings
        soon = [
            is_soon_proven(
                settings.limits,
                base=float(base),
                share=share,
                requests=requests,
                false_promotion=settings.false_promotion,
            )
            for base in bases
        ]
        rows = rows[np.array(soon, dtype=np.bool_)]
        self._fresh[rows] = 0.0
        self._fresh_requests[rows] = self._fresh_events[rows] = self._best[rows] = 0.0

    def log_worse(self, rows: Rows) -> Floats:
        """ln E against "harmless" of the rollouts `rows`."""
        idle = np.log(self._idle[rows])
        ratio, rate = (np.logaddexp(_log_sum(logs[rows]), idle) for logs in (self._ratio, self._rate))
        least: Floats = np.minimum(ratio, rate)
        return least

    def log_worse_that_counts(self, rows: Rows) -> Floats:
        """The same, and nothing for "worse" while the candidate has too few failures."""
        logs = self.log_worse(rows)
        enough = self._candidate_events[rows] >= self.settings.min_events
        return np.where(enough, logs, np.minimum(logs, 0.0))

    def log_not_worse(self, rows: Rows) -> Floats:
        """ln E against "harmful" of the rollouts `rows`, the highest since it has begun."""
        best: Floats = self._best[rows]
        return best

    def _log_fresh(self, rows: Rows) -> Floats:
        ratio = _log_sum(self._fresh[rows] + np.array(self._not_worse.log_weights))
        rate = _log_sum(_gains(self._lower, self._fresh_requests[rows], self._fresh_events[rows]))
        mean: Floats = np.logaddexp(ratio, rate - math.log(len(self._lower.on_event))) - math.log(2.0)
        return mean

    def is_worse(self, rows: Rows) -> Flags:
        """Which of `rows` have evidence of 1 / false_rollback and enough failures now.

        Exact; it looks closely only where the bound can be near: a sum is at most its largest term times their number.
        """
        bound = -math.log(self.settings.false_rollback)
        found = np.zeros(len(rows), dtype=np.bool_)
        enough = self._candidate_events[rows] >= self.settings.min_events
        highest = self._ratio[rows].max(axis=1, initial=0.0) + math.log(len(_GRID))
        near = np.flatnonzero(enough & (highest >= bound))
        if len(near):
            found[near] = self.log_worse(rows[near]) >= bound
        return found

    def is_not_worse(self, rows: Rows) -> Flags:
        """Which of `rows` have had evidence of 1 / false_promotion, and have nothing against them now."""
        found = self._best[rows] >= -math.log(self.settings.false_promotion)
        near = np.flatnonzero(found)
        if len(near):
            found[near] = self.log_worse(rows[near]) < VETO
        return found


def _log_sum(logs: Floats) -> Floats:
    """ln of the sum of the exponentials of each row."""
    top = logs.max(axis=1)
    total: Floats = np.log(np.exp(logs - top[:, None]).sum(axis=1)) + top
    return total


def _gains(rates: Rates, requests: Floats, events: Floats) -> Floats:
    """What requests and events of each rollout add to the log likelihood ratio of each rate."""
    return np.outer(events, rates.on_event) + np.outer(requests - events, rates.otherwise)


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
    for window in range(settings.warm_up, count):
        rows = np.flatnonzero(worse < 0)
        judge.observe(windows.at(window).rows(rows), rows)
        worse[rows[judge.is_worse(rows)]] = window
        open_rows = np.flatnonzero((worse < 0) & (not_worse < 0))
        not_worse[open_rows[judge.is_not_worse(open_rows)]] = window
    return Course(worse=worse, not_worse=not_worse)
