"""The evidence against closed forms, and its bounds against chance itself."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import betaincc, betaln
from scipy.stats import binom

from bench.judge.counts import Ints, Windows
from bench.judge.ours import Course, Settings, follow
from timoneiro_judge.counts import Limits
from timoneiro_judge.evidence import LOG_GRID, log_e_rate_above, log_likelihood, log_sum_exp, worse_ratios

TOLERATED = 1.25
# The closed form's prior: twenty events' worth of belief that the candidate's share of events is the tolerated one.
PRIOR_EVENTS = 20.0
ROLLOUTS, LOOKS = 1000, 100
ONLY_THE_RATIO = Limits(tolerance=TOLERATED - 1.0, margin=1.0, negligible=1e-7)
NEVER = 1e-300


def tolerated_share(share: float) -> float:
    return share * TOLERATED / (share * TOLERATED + 1.0 - share)


def closed_form(candidate_events: int, events: int, share: float) -> float:
    """ln E with a beta prior on the candidate's share of events, cut off at the tolerated share."""
    q, others = tolerated_share(share), events - candidate_events
    a, b = PRIOR_EVENTS * q, PRIOR_EVENTS * (1.0 - q)

    def log_upper(x: float, y: float) -> float:
        return float(betaln(x, y) + np.log(betaincc(x, y, q)))

    gained = log_upper(a + candidate_events, b + others) - log_upper(a, b)
    return gained - candidate_events * math.log(q) - others * math.log1p(-q)


def on_the_grid(candidate_events: int, events: int, share: float) -> float:
    """ln E of all that was staked at the beginning."""
    ratios = worse_ratios(TOLERATED - 1.0)
    *likelihood, at_reference = (
        log_likelihood(x, candidate_events=candidate_events, events=events, share=share)
        for x in (*LOG_GRID[ratios.part], ratios.log_reference)
    )
    return log_sum_exp(w + s - at_reference for w, s in zip(ratios.log_weights, likelihood, strict=True))


@pytest.mark.parametrize("share", [0.05, 0.1, 0.25, 0.5])
@pytest.mark.parametrize("events", [60, 200, 600, 2000])
def test_the_grid_decides_at_the_counts_at_which_the_closed_form_does(share: float, events: int) -> None:
    """Fewest failures of the candidate that give evidence of 100: less than 1 % of them apart, or one.

    The priors differ: ours is spread over the logarithm of the ratio, that of the closed form around the tolerated
    share of events. So ours is ahead after few events and far effects, and behind after many events and small ones.
    """

    def needed(log_e: Callable[[int, int, float], float]) -> int:
        least = int(events * tolerated_share(share))
        return next(c for c in range(least, events + 1) if log_e(c, events, share) >= math.log(100.0))

    ours, theirs = needed(on_the_grid), needed(closed_form)
    assert abs(ours - theirs) <= max(1.0, 0.01 * theirs)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.25, 0.5])
def test_near_the_bound_both_forms_differ_by_less_than_the_evidence_of_two_events(share: float) -> None:
    """Where the closed form has an E of 3 to 3,000 with 200 to 2,000 events: ln E apart by 0.8 at most."""
    apart = [
        on_the_grid(c, events, share) - closed_form(c, events, share)
        for events in (200, 600, 2000)
        for c in range(int(events * tolerated_share(share)), events + 1)
        if 1.0 < closed_form(c, events, share) < 8.0
    ]
    assert min(apart) > -0.8
    assert max(apart) < 0.0


@pytest.mark.parametrize("rate", [0.001, 0.01, 0.2])
def test_the_rate_evidence_is_the_mean_of_binomial_likelihood_ratios(rate: float) -> None:
    top = min(math.log(1.0 / rate) - 1e-9, math.log(200.0))
    others = rate * np.exp(top * np.arange(1, 41) / 40)
    expected = np.mean(np.exp(binom.logpmf(9, 300, others) - binom.logpmf(9, 300, rate)))
    assert log_e_rate_above(requests=300, events=9, rate=rate) == pytest.approx(math.log(expected))


def followed(candidate: Ints, stable: Ints, *, requests: tuple[int, int], settings: Settings) -> Course:
    """When each rollout passed each bound; events of shape (rollouts, looks), the same requests at every look."""
    windows = Windows(
        candidate_requests=np.full_like(candidate, requests[0]),
        candidate_events=candidate,
        stable_requests=np.full_like(candidate, requests[1]),
        stable_events=stable,
        chi_square=np.zeros(candidate.shape),
        freedom=np.zeros_like(candidate),
    )
    return follow(windows, settings)


def most(probability: float) -> int:
    """A correct judge passes its bound in more rollouts than that once in 10,000 seeds."""
    return int(binom.isf(1e-4, ROLLOUTS, probability))


@pytest.mark.parametrize(("bound", "part"), [(4, 0.1), (20, 0.1), (20, 0.5), (100, 0.5)])
def test_evidence_for_worse_ever_reaches_its_bound_no_more_often_than_one_in_bound(bound: int, part: float) -> None:
    """At the boundary of harmless, looking at every third failure or so. The rate is far from its limit, so that the
    ratio alone decides."""
    dice, settings = np.random.default_rng(bound), Settings(limits=ONLY_THE_RATIO, false_rollback=1.0 / bound)
    course = followed(
        dice.poisson(3.0 * part * TOLERATED, size=(ROLLOUTS, LOOKS)),
        dice.poisson(3.0 * (1.0 - part), size=(ROLLOUTS, LOOKS)),
        requests=(round(1000 * part), round(1000 * (1.0 - part))),
        settings=settings,
    )
    assert (course.worse >= 0).sum() <= most(1.0 / bound)


@pytest.mark.parametrize("bound", [4, 20])
def test_evidence_for_not_worse_ever_reaches_its_bound_no_more_often_than_one_in_bound(bound: int) -> None:
    """At the boundary of harmful: exactly twice the rate, and exactly the negligible one. Both parts are at their
    worst at once."""
    dice, n = np.random.default_rng(bound), 1500
    limits = Limits(tolerance=0.25, margin=1.0, negligible=0.002)
    course = followed(
        dice.binomial(n, 0.002, size=(ROLLOUTS, LOOKS)),
        dice.binomial(n, 0.001, size=(ROLLOUTS, LOOKS)),
        requests=(n, n),
        settings=Settings(limits=limits, false_rollback=NEVER, false_promotion=1.0 / bound),
    )
    assert (course.not_worse >= 0).sum() <= most(1.0 / bound)


def test_evidence_for_worse_by_the_rate_alone_keeps_its_bound() -> None:
    """A candidate at the negligible rate beside a stable model that never fails: the ratio is sure from the start."""
    candidate = np.random.default_rng(9).binomial(300, 0.01, size=(ROLLOUTS, LOOKS))
    settings = Settings(limits=Limits(tolerance=0.25, margin=1.0, negligible=0.01), false_rollback=0.05)
    course = followed(candidate, np.zeros_like(candidate), requests=(300, 2700), settings=settings)
    assert (course.worse >= 0).sum() <= most(0.05)
