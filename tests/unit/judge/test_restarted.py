"""Stakes that are laid again and again: what they promise, and what they find."""

import math

import pytest

from timoneiro_judge.comparison import Comparison
from timoneiro_judge.counts import Counts, Limits, Window
from timoneiro_judge.evidence import worse_ratios
from timoneiro_judge.restarted import EVERY, Restarted, stake

LIMITS = Limits(tolerance=0.25, margin=1.0, negligible=0.001)
WEIGHTS = worse_ratios(0.25).log_weights


def window(*, candidate_events: int, aligned: bool = True, stable_events: int = 15) -> Window:
    """1,500 requests to each arm, of which 1 % of the stable model's fail."""
    return Window(
        candidate=Counts(requests=1500, events=candidate_events),
        stable=Counts(requests=1500, events=stable_events),
        aligned=aligned,
    )


def test_no_more_is_staked_than_there_is() -> None:
    staked = sum(stake(window) for window in range(100_000))
    # The rest of the sum, by its integral: what is staked after the last of these windows.
    rest = 0.25 * 5 * (100_000 / EVERY) ** -0.2 / 4.591582441177751
    assert staked + rest == pytest.approx(1.0, abs=1e-4)


def test_only_every_fifth_window_has_a_stake() -> None:
    assert [index for index in range(16) if stake(index)] == [0, 5, 10, 15]


def test_capital_that_gains_nothing_stays_one_whatever_is_staked() -> None:
    capital = Restarted.begun(WEIGHTS)
    for index in range(1, 200):
        if amount := stake(index):
            capital = capital.staked(amount, WEIGHTS)
        capital = capital.grown([0.0] * len(WEIGHTS))
    assert capital.log_e == pytest.approx(0.0, abs=1e-4)


def test_what_is_lost_at_first_is_never_more_than_was_staked() -> None:
    lost = Restarted.begun(WEIGHTS).grown([-100.0] * len(WEIGHTS))
    assert lost.log_e == pytest.approx(math.log(0.25))


def test_a_candidate_that_turns_bad_after_an_hour_is_found_within_minutes() -> None:
    comparison = Comparison.begun(LIMITS)
    for _ in range(120):
        comparison = comparison.observe(window(candidate_events=15))
    assert comparison.log_worse < 0
    for _ in range(8):
        comparison = comparison.observe(window(candidate_events=45))
    assert comparison.log_worse > math.log(100)


def test_a_window_without_requests_of_the_candidate_has_no_stake() -> None:
    nothing = Window(candidate=Counts(), stable=Counts(requests=1500, events=15))
    comparison = Comparison.begun(LIMITS)
    for _ in range(2 * EVERY):
        comparison = comparison.observe(nothing)
    assert (comparison.windows, comparison.higher_ratio) == (0, Comparison.begun(LIMITS).higher_ratio)


@pytest.mark.parametrize(("aligned", "staked"), [(True, True), (False, False)])
def test_nothing_is_staked_between_the_two_parts_of_an_outage(aligned: bool, staked: bool) -> None:
    comparison = Comparison.begun(LIMITS)
    for _ in range(EVERY - 1):
        comparison = comparison.observe(window(candidate_events=15, aligned=aligned))
    before = comparison.observe(window(candidate_events=15, stable_events=150, aligned=aligned))
    after = before.observe(window(candidate_events=150, aligned=aligned))
    assert (after.higher_ratio.idle < before.higher_ratio.idle) == staked
