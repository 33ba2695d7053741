"""The evidence: checked against brute force, against scipy, and for what it promises."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import binom

from timoneiro_judge.comparison import Comparison
from timoneiro_judge.counts import Counts, Limits, Window
from timoneiro_judge.evidence import LOG_GRID, log_e_rate_above, log_likelihood, log_sum_exp
from timoneiro_judge.verdict import Part, judge

LIMITS = Limits(tolerance=0.25, margin=1.0, negligible=0.001)
counts = st.builds(
    lambda requests, share: Counts(requests=requests, events=int(requests * share)),
    st.integers(0, 5000),
    st.floats(0, 0.3),
)
windows = st.lists(st.builds(lambda c, s: Window(candidate=c, stable=s), counts, counts), max_size=8)


def observe(*pairs: tuple[int, int, int, int], limits: Limits = LIMITS) -> Comparison:
    """Windows as (candidate requests, events, stable requests, events)."""
    comparison = Comparison.begun(limits)
    for n_c, e_c, n_s, e_s in pairs:
        window = Window(candidate=Counts(requests=n_c, events=e_c), stable=Counts(requests=n_s, events=e_s))
        comparison = comparison.observe(window)
    return comparison


def test_the_likelihood_ratio_is_the_one_of_the_conditional_binomial() -> None:
    share, theta, reference = 0.1, 3.0, 1.25

    def probability(ratio: float) -> float:
        return share * ratio / (share * ratio + 1 - share)

    def ours(ratio: float) -> float:
        return log_likelihood(math.log(ratio), candidate_events=7, events=20, share=share)

    expected = binom.logpmf(7, 20, probability(theta)) - binom.logpmf(7, 20, probability(reference))
    assert ours(theta) - ours(reference) == pytest.approx(expected)


@pytest.mark.parametrize("ratio", [1.0, 1.25])
def test_the_ratio_evidence_is_one_on_average_when_the_candidate_is_harmless(ratio: float) -> None:
    """Exact expectation over all outcomes of one window with 12 events: never above 1 under the null hypothesis."""
    share, events = 0.3, 12
    chance = share * ratio / (share * ratio + 1 - share)
    mean = 0.0
    for candidate_events in range(events + 1):
        after = observe((3000, candidate_events, 7000, events - candidate_events))
        mean += binom.pmf(candidate_events, events, chance) * math.exp(after.higher_ratio.log_e)
    assert mean <= 1 + 1e-6


def test_the_rate_evidence_is_one_on_average_at_the_negligible_rate() -> None:
    n, rate = 400, 0.01
    log_terms = [binom.logpmf(k, n, rate) + log_e_rate_above(requests=n, events=k, rate=rate) for k in range(n + 1)]
    assert logsumexp(log_terms) == pytest.approx(0.0, abs=1e-9)


def test_the_difference_of_the_rates_is_that_of_what_was_counted() -> None:
    assert observe((100, 5, 900, 9)).difference == pytest.approx(0.04)
    assert observe((0, 0, 900, 9)).difference == pytest.approx(-0.01)


def test_the_sum_of_nothing_is_nothing() -> None:
    assert log_sum_exp([]) == -math.inf


def test_a_window_in_which_nothing_happened_changes_no_evidence() -> None:
    before = observe((100, 5, 900, 9))
    after = before.observe(Window(candidate=Counts(), stable=Counts()))
    assert after == before


def test_a_window_in_which_one_arm_had_no_traffic_says_nothing_of_the_ratio() -> None:
    before = observe((100, 5, 900, 9))
    assert before.observe(Window(candidate=Counts(), stable=Counts(requests=900, events=90))).likelihood == (
        before.likelihood
    )


def test_a_failing_candidate_beside_a_flawless_stable_model_is_worse_after_few_failures() -> None:
    judgement = judge({"errors": Part(evidence=observe((50, 8, 450, 0)))}, false_rollback=0.01, false_promotion=0.05)
    assert judgement.verdict == "Worse"


def test_the_same_burst_on_both_arms_is_not_held_against_the_candidate() -> None:
    judgement = judge(
        {"errors": Part(evidence=observe((100, 40, 900, 360)))}, false_rollback=0.01, false_promotion=0.05
    )
    assert judgement.verdict != "Worse"


def test_a_ratio_of_ten_below_the_negligible_rate_is_harmless() -> None:
    judgement = judge(
        {"errors": Part(evidence=observe((200_000, 20, 200_000, 2)))}, false_rollback=0.01, false_promotion=0.05
    )
    assert judgement.verdict != "Worse"


def test_a_candidate_without_failures_beside_a_flawless_stable_model_can_be_promoted() -> None:
    judgement = judge(
        {"errors": Part(evidence=observe((10_000, 0, 10_000, 0)))}, false_rollback=0.01, false_promotion=0.05
    )
    assert judgement.verdict == "NotWorse"


def test_evidence_of_not_worse_that_was_reached_once_stays_reached() -> None:
    reached = observe((10_000, 0, 10_000, 0))
    later = reached.observe(
        Window(candidate=Counts(requests=10_000, events=12), stable=Counts(requests=10_000, events=8))
    )
    assert later.fresh.log_e(LIMITS) < math.log(20) <= later.log_not_worse


def test_the_interval_holds_the_ratio_that_was_there_and_shrinks() -> None:
    few, many = observe((1000, 30, 9000, 90)), observe((100_000, 3000, 900_000, 9000))
    (_, low, high), (estimate, lower, upper) = few.ratio, many.ratio
    assert low < lower < 3.0 < upper < high
    assert estimate == pytest.approx(3.0, rel=0.02)


def against(likelihood: tuple[float, ...], x: float, at_x: float) -> float:
    """ln E against "the ratio is at most exp(x)": the mean over the ratios above it."""
    above = [(y, s) for y, s in zip(LOG_GRID, likelihood, strict=True) if y > x]
    if not above:
        return 0.0
    weights = np.array([math.exp(-0.5 * (y - x) ** 2) for y, _ in above])
    return float(logsumexp([s - at_x for _, s in above], b=weights / weights.sum()))


@given(st.integers(1, 60), st.integers(0, 60), st.floats(0.05, 0.95))
def test_the_interval_found_by_halving_is_the_one_found_by_looking_at_every_ratio(
    e_c: int, e_s: int, share: float
) -> None:
    n_c = round(10_000 * share)
    comparison = observe((n_c, e_c, 10_000 - n_c, e_s))
    likelihood = comparison.likelihood
    kept = [x for x, s in zip(LOG_GRID, likelihood, strict=True) if against(likelihood, x, s) < math.log(2 / 0.05)]
    lowest = math.exp(kept[0] - (LOG_GRID[1] - LOG_GRID[0])) if kept[0] > LOG_GRID[0] else None
    assert comparison.ratio[1] == (pytest.approx(lowest) if lowest else None)


def test_metrics_share_one_false_rollback_probability() -> None:
    bad, good = observe((100, 6, 900, 2)), observe((100, 0, 900, 0))
    alone = judge({"a": Part(evidence=bad)}, false_rollback=0.01, false_promotion=0.05)
    shared = judge(
        {"a": Part(evidence=bad), **{name: Part(evidence=good) for name in "bcd"}},
        false_rollback=0.01,
        false_promotion=0.05,
    )
    assert (alone.verdict, shared.verdict) == ("Worse", "Undecided")


@pytest.mark.parametrize(("base", "rate"), [(0.0, 100), (0.005, 100), (0.02, 10)])
def test_harmless_candidates_are_rarely_rolled_back_however_often_is_looked(base: float, rate: int) -> None:
    """150 rollouts of 45 looks each. At most 1 % may go: 6 of 150 would be beyond that with 99.5 % certainty."""
    dice, rolled_back = np.random.default_rng(20261124), 0
    for _ in range(150):
        comparison = Comparison.begun(LIMITS)
        for look in range(45):
            share = (0.05, 0.25, 0.5)[look // 15]
            n = dice.poisson(60 * rate)
            n_c = dice.binomial(n, share)
            window = Window(
                candidate=Counts(requests=int(n_c), events=int(dice.binomial(n_c, base))),
                stable=Counts(requests=int(n - n_c), events=int(dice.binomial(n - n_c, base))),
            )
            comparison = comparison.observe(window)
            if comparison.log_worse >= math.log(100):
                rolled_back += 1
                break
    assert rolled_back < 6


def test_a_rate_that_cannot_be_passed_is_never_found_passed() -> None:
    assert log_e_rate_above(requests=100, events=50, rate=1 - 1e-10) == 0.0


def unaligned(*pairs: tuple[int, int, int, int]) -> Comparison:
    comparison = Comparison.begun(LIMITS)
    for n_c, e_c, n_s, e_s in pairs:
        window = Window(
            candidate=Counts(requests=n_c, events=e_c), stable=Counts(requests=n_s, events=e_s), aligned=False
        )
        comparison = comparison.observe(window)
    return comparison


def test_a_burst_that_falls_on_the_stable_model_first_promotes_nobody() -> None:
    quiet, burst = (1500, 8, 1500, 8), (1500, 0, 1500, 750)
    assert observe(quiet, burst).log_not_worse > math.log(20)
    assert unaligned(quiet, burst).log_not_worse < math.log(20)


def test_evidence_of_harm_counts_whether_or_not_the_arms_were_read_at_the_same_moment() -> None:
    bad = (150, 30, 2850, 15)
    assert unaligned(bad).log_worse == observe(bad).log_worse


def test_evidence_that_two_looks_agree_on_is_enough_for_a_promotion() -> None:
    good = (10_000, 0, 10_000, 0)
    assert unaligned(good).log_not_worse < math.log(20) <= unaligned(good, good).log_not_worse
