"""Simulated services: what both arms of many rollouts do, window by window.

Requests arrive as a Poisson process and are routed one by one at random, so that the realised share differs from the
accepted one as it does in reality. Every source is driven by one seeded generator: the same seed, the same counts.
"""

from typing import Protocol

import numpy as np

from bench.judge.counts import Floats, Ints, Windows
from bench.judge.levels import Level, Noise

WINDOW_SECONDS = 30.0
_HIGHEST_RATE = 0.95


class WindowSource(Protocol):
    """Gives the windows of many rollouts in their order. `share`: of the candidate in each rollout, as accepted."""

    def window(self, index: int, share: Floats) -> Windows: ...


class Service:
    """Requests that fail independently of each other, at rates that move with `level` and the noise of pods.

    `effect`: ratio of the candidate's rate to the stable's, from window `onset` on. `own`: what a candidate adds of
    its own, `own * (effect - 1)`, for services in which the stable model never fails. `bias`: what the gateway makes
    of the accepted share. `cluster`: failures per failing user, on average; 1 = each by itself. `scattered`: those of
    one user fall on all pods of an arm, and not on one.
    """

    def __init__(
        self,
        dice: np.random.Generator,
        *,
        rate: float,
        base: float,
        effect: float,
        level: Level,
        noise: Noise,
        own: float = 0.0,
        onset: int = 0,
        bias: float = 1.0,
        cluster: float = 1.0,
        scattered: bool = False,
    ) -> None:
        self._dice = dice
        self._rate, self._base, self._effect, self._own = rate, base, effect, own
        self._level, self._noise = level, noise
        self._onset, self._bias, self._cluster, self._scattered = onset, bias, cluster, scattered

    def window(self, index: int, share: Floats) -> Windows:
        load, errors, added = self._level.at(index)
        candidate, pods = self._noise.draw()
        requests = self._dice.poisson(self._rate * WINDOW_SECONDS * load)
        n_c = self._dice.binomial(requests, share * self._bias)
        effect = self._effect if index >= self._onset else 1.0
        e_c = self._events(n_c, (self._base * effect * errors + self._own * (effect - 1.0)) * candidate + added)
        pods_n = self._dice.multinomial(requests - n_c, np.full(pods.shape[1], 1.0 / pods.shape[1]))
        pods_e = self._events(pods_n, (self._base * errors)[:, None] * pods + added[:, None])
        if self._scattered:
            parts = pods_n / np.maximum(pods_n.sum(axis=1, keepdims=True), 1)
            pods_e = self._dice.multinomial(pods_e.sum(axis=1), parts)
        chi_square, freedom = spread(pods_n, pods_e)
        return Windows(
            candidate_requests=n_c,
            candidate_events=e_c,
            stable_requests=requests - n_c,
            stable_events=pods_e.sum(axis=1),
            chi_square=chi_square,
            freedom=freedom,
        )

    def _events(self, requests: Ints, rate: Floats) -> Ints:
        """Failures at `rate`; in clusters of geometric size when users fail several times in a row."""
        failing = self._dice.binomial(requests, np.minimum(rate / self._cluster, _HIGHEST_RATE))
        if self._cluster == 1.0:
            return failing
        more = self._dice.negative_binomial(np.maximum(failing, 1), 1.0 / self._cluster)
        return np.minimum(failing + np.where(failing > 0, more, 0), requests)


def spread(requests: Ints, events: Ints) -> tuple[Floats, Ints]:
    """`timoneiro_operator.metrics.windows.spread_of` for many rollouts; shapes (rollouts, pods) -> (rollouts,)."""
    total = requests.sum(axis=1)
    rate = events.sum(axis=1) / np.maximum(total, 1)
    expected = requests * rate[:, None]
    telling = expected > 0
    terms = np.where(telling, (events - expected) ** 2 / np.where(telling, expected, 1.0), 0.0)
    freedom = np.maximum(telling.sum(axis=1) - 1, 0)
    return terms.sum(axis=1), freedom


class Users:
    """A few hundred users who stay with one arm for the whole rollout: some ask far more, some fail far more often."""

    _USERS = 500

    def __init__(self, dice: np.random.Generator, rollouts: int, *, rate: float, base: float, effect: float) -> None:
        self._dice, self._rate, self._base, self._effect = dice, rate, base, effect
        activity = dice.lognormal(0.0, 1.0, size=(rollouts, self._USERS))
        self._activity = activity / activity.mean(axis=1, keepdims=True)
        self._failing = self._activity * dice.exponential(size=(rollouts, self._USERS))
        self._hash = dice.random((rollouts, self._USERS))
        self._arms: tuple[Floats, Floats, Floats] | None = None

    def _parts(self, share: Floats) -> tuple[Floats, Floats]:
        """The candidate's part of all activity and of all failures; users change arm only when the share changes."""
        if self._arms is None or not np.array_equal(self._arms[0], share):
            there = self._hash < share[:, None]
            active = np.where(there, self._activity, 0.0).sum(axis=1) / self._activity.sum(axis=1)
            failing = np.where(there, self._failing, 0.0).sum(axis=1) / self._USERS
            self._arms = (share.copy(), active, failing)
        return self._arms[1], self._arms[2]

    def window(self, index: int, share: Floats) -> Windows:
        active, failing = self._parts(share)
        all_failing = self._failing.mean(axis=1)
        requests = self._dice.poisson(self._rate * WINDOW_SECONDS, size=len(share))
        n_c = self._dice.binomial(requests, active)
        n_s = requests - n_c
        rate_c = self._base * self._effect * failing / np.maximum(active, 1e-12)
        rate_s = self._base * (all_failing - failing) / np.maximum(1.0 - active, 1e-12)
        return Windows(
            candidate_requests=n_c,
            candidate_events=self._dice.binomial(n_c, np.minimum(rate_c, _HIGHEST_RATE)),
            stable_requests=n_s,
            stable_events=self._dice.binomial(n_s, np.clip(rate_s, 0.0, _HIGHEST_RATE)),
            chi_square=np.zeros(len(share)),
            freedom=np.zeros(len(share), dtype=np.int64),
        )


class Mirror:
    """Both models get the same requests, and an input that the stable model fails on fails in both."""

    def __init__(self, dice: np.random.Generator, *, rate: float, base: float, effect: float) -> None:
        self._dice, self._rate, self._base, self._effect = dice, rate, base, effect

    def window(self, index: int, share: Floats) -> Windows:
        requests = self._dice.poisson(self._rate * WINDOW_SECONDS, size=len(share))
        both = self._dice.binomial(requests, self._base)
        more = self._base * (self._effect - 1.0) / (1.0 - self._base)
        return Windows(
            candidate_requests=requests,
            candidate_events=both + self._dice.binomial(requests - both, more),
            stable_requests=requests,
            stable_events=both,
            chi_square=np.zeros(len(share)),
            freedom=np.zeros(len(share), dtype=np.int64),
        )
