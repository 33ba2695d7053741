"""The judges of others do what is said of them."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from bench.judge import kayenta
from bench.judge.counts import Ints, Windows
from bench.judge.rivals import (
    argo,
    bayes,
    flagger,
    oracle,
    p_values,
    probability_of_worse,
    ratio,
    z_test_at_every_look,
    z_test_at_the_end,
)


def windows(candidate_events: list[int], *, stable_events: int = 0, n_c: int = 100, n_s: int = 900) -> Windows:
    """One rollout with these failures of the candidate in each window of 30 s."""
    events: Ints = np.array([candidate_events])
    return Windows(
        candidate_requests=np.full_like(events, n_c),
        candidate_events=events,
        stable_requests=np.full_like(events, n_s),
        stable_events=np.full_like(events, stable_events),
        chi_square=np.zeros(events.shape),
        freedom=np.zeros_like(events),
    )


def test_flagger_rolls_back_at_the_fifth_minute_above_the_threshold_and_not_before() -> None:
    """Failed checks add up: a good minute in between takes none of them back."""
    bad, good = [3, 0], [1, 1]
    assert flagger(windows(bad * 2 + good + bad * 3))[0] == 11
    assert flagger(windows(bad * 4 + good * 8))[0] == -1


def test_argo_allows_three_failed_measurements() -> None:
    assert (argo(windows([3, 0] * 4))[0], argo(windows([3, 0] * 3 + [2, 0] * 5))[0]) == (7, -1)


def test_the_ratio_rule_compares_with_the_stable_model_of_the_same_minute() -> None:
    assert (ratio(windows([2] * 12, stable_events=9))[0], ratio(windows([2] * 12, stable_events=12))[0]) == (9, -1)


def test_the_z_test_is_the_one_of_the_textbook() -> None:
    """z = (0.02 - 0.01) / sqrt(0.011 * 0.989 * (1/100 + 1/900)) = 0.910."""
    assert p_values(windows([2], stable_events=9))[0, 0] == pytest.approx(0.1815, abs=2e-4)


def test_looking_once_rolls_back_at_the_end_only() -> None:
    seen = windows([6] * 5, stable_events=9)
    assert (z_test_at_every_look(seen)[0], z_test_at_the_end(seen)[0]) == (0, 4)


@pytest.mark.parametrize(
    ("n_c", "e_c", "n_s", "e_s"),
    [(150, 0, 1350, 2), (300, 3, 2700, 12), (3000, 24, 27000, 135), (3000, 90, 27000, 720)],
)
def test_the_bayesian_probability_is_the_one_of_beta_posteriors(n_c: int, e_c: int, n_s: int, e_s: int) -> None:
    """Against 400,000 draws from the exact posteriors: less than 0.005 apart at error rates up to 3 %."""
    dice = np.random.default_rng(3)
    of_candidate = dice.beta(0.1 + e_c, 0.1 + n_c - e_c, 400_000)
    of_stable = dice.beta(0.1 + e_s, 0.1 + n_s - e_s, 400_000)
    ours = probability_of_worse(np.array([n_c]), np.array([e_c]), np.array([n_s]), np.array([e_s]))[0]
    assert ours == pytest.approx(float((of_candidate > of_stable).mean()), abs=0.005)


def test_the_bayesian_judge_waits_until_it_is_sure() -> None:
    assert bayes(windows([2, 2, 2, 2], stable_events=4))[0] == 2


def test_the_oracle_stops_when_the_likelihood_ratio_is_a_hundred() -> None:
    """Each failure of the candidate alone gains ln(2 / 1.1): the eighth brings it to ln(100)."""
    assert oracle(2.0)(windows([1] * 10))[0] == 7


def test_kayentas_interval_is_the_inversion_of_the_mann_whitney_test() -> None:
    """A shift by its lower end is where the one-sided test is about to reject at 1 %."""
    dice = np.random.default_rng(4)
    stable, candidate = dice.normal(0.0, 1.0, (40, 30)), dice.normal(0.7, 1.0, (40, 30))
    found = kayenta.fails(candidate, stable)
    for row in range(40):
        shifts = np.sort(np.subtract.outer(candidate[row], stable[row]).ravel())
        least = 0.25 * abs(float(np.median(shifts)))
        p = mannwhitneyu(candidate[row] - least, stable[row], alternative="greater", method="asymptotic").pvalue
        if abs(p - 0.01) > 0.001:
            assert found[row] == (p < 0.01)


def test_kayenta_says_nothing_of_services_that_never_fail() -> None:
    nothing = np.zeros((1, 60))
    assert not kayenta.fails(nothing, nothing)[0]
    assert kayenta.at_the_end(windows([0] * 60))[0] == kayenta.every_five_minutes(windows([0] * 60))[0] == -1


def test_kayenta_sees_a_candidate_that_is_far_worse() -> None:
    dice = np.random.default_rng(5)
    seen = windows([int(x) for x in dice.integers(20, 30, 60)], stable_events=9)
    assert kayenta.at_the_end(seen)[0] == 59
    assert kayenta.every_five_minutes(seen)[0] in (9, 19)
