"""From simulated rollouts to figures: shares with their intervals, delays, and the least delay that is possible."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import rel_entr
from scipy.stats import beta

from bench.judge.counts import Flags, Floats, Ints
from bench.judge.sources import WINDOW_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Proportion:
    """`count` of `of` rollouts."""

    count: int
    of: int

    @property
    def value(self) -> float:
        return self.count / self.of

    @property
    def interval(self) -> tuple[float, float]:
        """Exact 95 % interval (Clopper and Pearson 1934)."""
        low = float(beta.ppf(0.025, self.count, self.of - self.count + 1)) if self.count else 0.0
        high = float(beta.ppf(0.975, self.count + 1, self.of - self.count)) if self.count < self.of else 1.0
        return low, high


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What one judge made of one effect in one scenario.

    `harmless`, `harmful`: what is true by the judge's own limits. `delay`: median seconds from the moment the
    candidate is worse to the rollback, over all rollouts; None when not half of them were rolled back. `bound`: the
    least that Wald allows on average. `failed`: median of the failures that the candidate answered with until then.
    """

    scenario: str
    setting: str
    judge: str
    effect: float
    covered: bool
    harmless: bool
    harmful: bool
    rolled_back: Proportion
    promoted: Proportion
    delay: float | None
    bound: float | None
    failed: float

    @property
    def held(self) -> Proportion:
        of = self.rolled_back.of
        return Proportion(count=of - self.rolled_back.count - self.promoted.count, of=of)

    @property
    def by_wald(self) -> float | None:
        """The delay in units of the bound."""
        return None if self.delay is None or not self.bound else self.delay / self.bound


def share_of(found: Flags) -> Proportion:
    """How many of all are True."""
    return Proportion(count=int(found.sum()), of=len(found))


def delay(stopped: Ints, onset: float) -> float | None:
    """Median seconds from `onset` to the end of the window in `stopped` (-1: never). Earlier stops count as 0."""
    seconds = np.where(stopped >= 0, np.maximum((stopped + 1) * WINDOW_SECONDS - onset, 0.0), np.inf)
    median = float(np.quantile(seconds, 0.5, method="higher"))
    return median if math.isfinite(median) else None


def failed_until(events: Ints, stopped: Ints) -> float:
    """Median failures of the candidate until the rollback or the end; `events` has shape (rollouts, windows)."""
    total = np.cumsum(events, axis=1)
    last = np.where(stopped >= 0, stopped, events.shape[1] - 1)
    return float(np.median(total[np.arange(len(total)), last]))


def divergence(p: float | Floats, q: float | Floats) -> Floats:
    """Kullback-Leibler divergence of two Bernoulli distributions."""
    return np.asarray(rel_entr(p, q) + rel_entr(1.0 - np.asarray(p), 1.0 - np.asarray(q)))


def wald_bound(
    *,
    share: Floats,
    events: Floats,
    requests: Floats,
    ratio: float,
    tolerated: float,
    rate: float,
    negligible: float,
    alpha: float,
    onset: int = 0,
) -> float | None:
    """Least seconds, on average, to know at error probability `alpha` that the candidate is worse; None: never.

    Both parts need ln(1 / alpha) of evidence (Wald 1945): the ratio gains KL(q(ratio), q(tolerated)) with each event
    of either arm, the rate gains KL(rate, negligible) with each request of the candidate. `share`, `events` and
    `requests` are the means of each window. Counted in whole windows, since nobody looks in between.
    """
    odds = share / (1.0 - share)
    tested = odds * tolerated / (1.0 + odds * tolerated)
    actual = np.ones_like(odds) if math.isinf(ratio) else odds * ratio / (1.0 + odds * ratio)
    gains = events * divergence(actual, tested), requests * divergence(rate, negligible)
    needed = math.log(1.0 / alpha)
    windows = 0
    for gain in gains if negligible > 0 else gains[:1]:
        reached = np.flatnonzero(np.cumsum(gain[onset:]) >= needed)
        if not len(reached):
            return None
        windows = max(windows, int(reached[0]) + 1)
    return windows * WINDOW_SECONDS
