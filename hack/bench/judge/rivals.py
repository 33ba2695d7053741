"""How others judge the same counts. Each gives the window after which it rolls back, or -1.

Written from their documented rules; counting rules are modelled, not the tools. A window without requests is no check.
"""

import math
from collections.abc import Callable
from functools import cache

import numpy as np
from scipy.special import betainc, betaincc, betaln, ndtr

from bench.judge.counts import Flags, Floats, Ints, Windows

Rule = Callable[[Windows], Ints]

_MINUTE = 2  # windows of 30 s
_THRESHOLD = 0.01
_FLAGGER_CHECKS, _ARGO_CHECKS = 5, 4
_RATIO, _STRIKES = 1.5, 5
_BAYES_SURE, _BAYES_PRIOR = 0.99, 0.1


def _first(found: Flags) -> Ints:
    """Index of the first True of each row, -1 for none."""
    return np.where(found.any(axis=1), found.argmax(axis=1), -1)


def _by_minute(counts: Ints) -> Ints:
    rollouts, windows = counts.shape
    minutes: Ints = counts[:, : windows // _MINUTE * _MINUTE].reshape(rollouts, -1, _MINUTE).sum(axis=2)
    return minutes


def _after(checks: Flags, needed: int) -> Ints:
    """The last window of the minute in which the `needed`-th check failed. Failed checks add up over a rollout."""
    minute = _first(np.cumsum(checks, axis=1) >= needed)
    return np.where(minute >= 0, minute * _MINUTE + _MINUTE - 1, -1)


def _above_threshold(windows: Windows) -> Flags:
    requests, events = _by_minute(windows.candidate_requests), _by_minute(windows.candidate_events)
    above: Flags = events > _THRESHOLD * requests
    return above


def flagger(windows: Windows) -> Ints:
    """More than 1 % errors in a minute; rolls back at the fifth failed check (`threshold: 5`)."""
    return _after(_above_threshold(windows), _FLAGGER_CHECKS)


def argo(windows: Windows) -> Ints:
    """More than 1 % errors in a minute; fails when more than `failureLimit: 3` measurements have failed."""
    return _after(_above_threshold(windows), _ARGO_CHECKS)


def ratio(windows: Windows) -> Ints:
    """The candidate's error rate of a minute above 1.5 times the stable's, five times."""
    n_c, n_s = _by_minute(windows.candidate_requests), _by_minute(windows.stable_requests)
    e_c, e_s = _by_minute(windows.candidate_events), _by_minute(windows.stable_events)
    return _after(e_c * n_s > _RATIO * e_s * n_c, _STRIKES)


def _so_far(windows: Windows) -> tuple[Ints, Ints, Ints, Ints]:
    return (
        np.cumsum(windows.candidate_requests, axis=1),
        np.cumsum(windows.candidate_events, axis=1),
        np.cumsum(windows.stable_requests, axis=1),
        np.cumsum(windows.stable_events, axis=1),
    )


def p_values(windows: Windows) -> Floats:
    """One-sided p-value of the pooled z-test on all counts so far, at every look."""
    n_c, e_c, n_s, e_s = _so_far(windows)
    pooled = (e_c + e_s) / np.maximum(n_c + n_s, 1)
    variance = pooled * (1.0 - pooled) * (1.0 / np.maximum(n_c, 1) + 1.0 / np.maximum(n_s, 1))
    known = (variance > 0) & (n_c > 0) & (n_s > 0)
    difference = e_c / np.maximum(n_c, 1) - e_s / np.maximum(n_s, 1)
    z = np.where(known, difference / np.sqrt(np.where(known, variance, 1.0)), 0.0)
    return ndtr(-z)


def z_test_at_every_look(windows: Windows) -> Ints:
    """p < 0.05 at any look."""
    return _first(p_values(windows) < 0.05)


def z_test_at_the_end(windows: Windows) -> Ints:
    """p < 0.05 once, after the last window."""
    last = p_values(windows)[:, -1] < 0.05
    return np.where(last, windows.candidate_requests.shape[1] - 1, -1)


def probability_of_worse(n_c: Ints, e_c: Ints, n_s: Ints, e_s: Ints) -> Floats:
    """P(p_c > p_s) with priors Beta(0.1, 0.1).

    For rates of a few percent Beta(a, n) is Gamma(a) / n, and of two such the greater is an incomplete beta integral.
    """
    share = n_c / np.maximum(n_c + n_s, 1)
    return np.asarray(1.0 - betainc(e_c + _BAYES_PRIOR, e_s + _BAYES_PRIOR, share), dtype=np.float64)


def bayes(windows: Windows) -> Ints:
    """P(p_c > p_s) > 0.99 at any look, as iter8's analytics had it."""
    return _first(probability_of_worse(*_so_far(windows)) > _BAYES_SURE)


def oracle(effect: float) -> Rule:
    """Wald's test of "the ratio is `effect`" against "it is 1", error probability 1 %: knows what nobody knows."""

    def rule(windows: Windows) -> Ints:
        both = windows.candidate_requests + windows.stable_requests
        share = windows.candidate_requests / np.maximum(both, 1)
        events = windows.candidate_events + windows.stable_events
        telling = (windows.candidate_requests > 0) & (windows.stable_requests > 0)
        gain = windows.candidate_events * np.log(effect) - events * np.log1p(share * (effect - 1.0))
        return _first(np.cumsum(np.where(telling, gain, 0.0), axis=1) >= np.log(100.0))

    return rule


# The valid ones among the others ask as ours does: is the ratio above what is tolerated, with 1 % of false alarms?
_TOLERATED, _FALSE_ALARM = 1.25, 0.01
# As much as twenty failures is believed beforehand that their split is the tolerated one.
_PRIOR_FAILURES = 20.0
# Differences of the rates that the mixture of mSPRT expects.
_EXPECTED_DIFFERENCE = 0.005
_PATHS, _SEED = 200_000, 20261124


def _events_and_share(windows: Windows) -> tuple[Ints, Ints, Floats]:
    """Failures of candidate and stable model so far, and the share of failures that is tolerated."""
    n_c, e_c, n_s, e_s = _so_far(windows)
    odds = _TOLERATED * n_c / np.maximum(n_s, 1)
    return e_c, e_s, np.clip(odds / (1.0 + odds), 1e-9, 1.0 - 1e-9)


def _is_above(windows: Windows) -> Flags:
    n_c, e_c, n_s, e_s = _so_far(windows)
    above: Flags = e_c * n_s > _TOLERATED * e_s * n_c
    return above


def multinomial(windows: Windows) -> Ints:
    """Lindon and Malek's test of counts (2022): a Dirichlet mixture of splits against the tolerated one."""
    e_c, e_s, share = _events_and_share(windows)
    a, b = _PRIOR_FAILURES * share, _PRIOR_FAILURES * (1.0 - share)
    log_e = betaln(a + e_c, b + e_s) - betaln(a, b) - e_c * np.log(share) - e_s * np.log1p(-share)
    return _first((log_e >= -np.log(_FALSE_ALARM)) & _is_above(windows))


def one_sided_beta(windows: Windows) -> Ints:
    """The same with a mixture of larger shares only."""
    e_c, e_s, share = _events_and_share(windows)
    a, b = _PRIOR_FAILURES * share, _PRIOR_FAILURES * (1.0 - share)

    def log_upper(x: Floats, y: Floats) -> Floats:
        part: Floats = betaln(x, y) + np.log(np.maximum(betaincc(x, y, share), 1e-300))
        return part

    log_e = log_upper(a + e_c, b + e_s) - log_upper(a, b) - e_c * np.log(share) - e_s * np.log1p(-share)
    return _first(log_e >= -np.log(_FALSE_ALARM))


def _excess(windows: Windows) -> tuple[Floats, Floats]:
    """By how much the candidate's rate is above what is tolerated, and the variance of that; infinite while unknown."""
    n_c, e_c, n_s, e_s = _so_far(windows)
    p_c, p_s = e_c / np.maximum(n_c, 1), e_s / np.maximum(n_s, 1)
    variance = p_c * (1 - p_c) / np.maximum(n_c, 1) + _TOLERATED**2 * p_s * (1 - p_s) / np.maximum(n_s, 1)
    known = (n_c > 0) & (n_s > 0) & (e_c > 0) & (e_s > 0)
    return p_c - _TOLERATED * p_s, np.where(known, variance, np.inf)


def msprt(windows: Windows) -> Ints:
    """Mixture sequential probability ratio test of the difference of the rates, which is taken to be normal."""
    difference, variance = _excess(windows)
    prior = _EXPECTED_DIFFERENCE**2
    known = np.isfinite(variance)
    v = np.where(known, variance, 1.0)
    log_e = 0.5 * np.log(v / (v + prior)) + 0.5 * difference**2 * prior / (v * (v + prior))
    return _first(known & (difference > 0) & (log_e >= -np.log(_FALSE_ALARM)))


@cache
def _boundary(looks: int, *, falling: bool) -> float:
    """What z may reach: at every look the same (Pocock), or falling with the square root of the part of the looks
    that is over (O'Brien and Fleming). By 200,000 random walks, since there is no closed form."""
    dice, walk, highest = np.random.default_rng(_SEED), np.zeros(_PATHS), np.full(_PATHS, -np.inf)
    for look in range(1, looks + 1):
        walk += dice.standard_normal(_PATHS)
        highest = np.maximum(highest, walk / math.sqrt(looks if falling else look))
    return float(np.quantile(highest, 1.0 - _FALSE_ALARM))


def _group_sequential(windows: Windows, *, falling: bool) -> Ints:
    difference, variance = _excess(windows)
    looks = difference.shape[1]
    bound = np.full(looks, _boundary(looks, falling=falling))
    if falling:
        bound *= np.sqrt(looks / np.arange(1, looks + 1))
    return _first(difference / np.sqrt(variance) >= bound)


def pocock(windows: Windows) -> Ints:
    """The same bound of z at every look of a trial whose length is known."""
    return _group_sequential(windows, falling=False)


def obrien_fleming(windows: Windows) -> Ints:
    """A bound of z that is high at first and falls."""
    return _group_sequential(windows, falling=True)


# Rules that promise nothing, or less than ours.
PLAIN: dict[str, Rule] = {
    "Flagger": flagger,
    "Argo Rollouts": argo,
    "1.5x stable, 5 strikes": ratio,
    "z-test, every look": z_test_at_every_look,
    "z-test, once": z_test_at_the_end,
    "iter8 (Bayes)": bayes,
}
# Tests with the promise of ours where all looks have one share, and the trial ends when it was said to.
VALID: dict[str, Rule] = {
    "Lindon-Malek": multinomial,
    "one-sided Beta": one_sided_beta,
    "mSPRT": msprt,
    "O'Brien-Fleming": obrien_fleming,
    "Pocock": pocock,
}
RIVALS = {**PLAIN, **VALID}
