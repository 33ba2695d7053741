"""How others judge the same counts. Each gives the window after which it rolls back, or -1.

Written from their documented rules; counting rules are modelled, not the tools. A window without requests is no check.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import betainc, ndtr

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


RIVALS: dict[str, Rule] = {
    "Flagger": flagger,
    "Argo Rollouts": argo,
    "1.5x stable, 5 strikes": ratio,
    "z-test, every look": z_test_at_every_look,
    "z-test, once": z_test_at_the_end,
    "iter8 (Bayes)": bayes,
}
