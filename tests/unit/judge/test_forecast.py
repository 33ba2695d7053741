"""How long until a decision: checked against rollouts that are played to their end."""

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest

from timoneiro_judge.comparison import Comparison
from timoneiro_judge.counts import Counts, Limits, Window
from timoneiro_judge.forecast import Forecast, Preflight, Stage, forecast, preflight

LIMITS = Limits(tolerance=0.25, margin=1.0, negligible=0.001)


def windows_of(theta: float, *, base: float) -> Iterator[Comparison]:
    """The comparison after each window of 3 s with 100 requests a second, half of them to the candidate."""
    dice, comparison = np.random.default_rng(1), Comparison.begun(LIMITS)
    while True:
        window = Window(
            candidate=Counts(requests=150, events=int(dice.binomial(150, base * theta))),
            stable=Counts(requests=150, events=int(dice.binomial(150, base))),
        )
        comparison = comparison.observe(window)
        yield comparison


def played(theta: float, *, base: float, windows: int) -> Comparison:
    return next(itertools.islice(windows_of(theta, base=base), windows - 1, None))


def predicted(comparison: Comparison, *, rate: float = 100.0) -> Forecast:
    return forecast(comparison, share=0.5, requests_per_second=rate, false_rollback=0.01, false_promotion=0.05)


def test_the_time_to_a_promotion_is_about_what_it_takes() -> None:
    foreseen = predicted(played(1.0, base=0.005, windows=5)).not_worse
    took = next(n for n, c in enumerate(windows_of(1.0, base=0.005), 1) if c.log_not_worse >= math.log(20))
    assert foreseen is not None
    assert 0.3 < foreseen / (3 * (took - 5)) < 3


def test_the_time_to_a_rollback_is_about_what_it_takes() -> None:
    foreseen = predicted(played(2.5, base=0.02, windows=5)).worse
    took = next(n for n, c in enumerate(windows_of(2.5, base=0.02), 1) if c.log_worse >= math.log(100))
    assert foreseen is not None
    assert 0.3 < foreseen / (3 * (took - 5)) < 3


def test_half_the_traffic_takes_twice_the_time() -> None:
    comparison = played(1.0, base=0.005, windows=10)
    assert predicted(comparison, rate=50.0).not_worse == pytest.approx(2 * predicted(comparison).not_worse)


def test_a_service_without_failures_is_decided_by_its_rate() -> None:
    assert predicted(played(1.0, base=0.0, windows=2)).not_worse == pytest.approx(
        (math.log(20) - played(1.0, base=0.0, windows=2).log_not_worse) / (50 * -math.log1p(-0.001))
    )


def test_what_is_decided_takes_no_more_time() -> None:
    assert predicted(played(1.0, base=0.005, windows=1000)).not_worse == 0.0


def test_a_candidate_beyond_the_margin_has_no_time_to_a_promotion() -> None:
    assert predicted(played(4.0, base=0.02, windows=10)).not_worse is None


def test_a_harmless_candidate_has_no_time_to_a_rollback() -> None:
    assert predicted(played(0.5, base=0.02, windows=10)).worse is None


def test_without_traffic_nothing_is_foreseen() -> None:
    assert predicted(Comparison.begun(LIMITS), rate=0.0) == Forecast(worse=None, not_worse=None)


HALF = Stage(candidate=50.0, stable=50.0, seconds=1.0)


def needed(rate: float, *stages: Stage, margin: float = 1.0, dispersion: float = 1.0) -> Preflight:
    return preflight(
        Limits(tolerance=0.25, margin=margin, negligible=0.001),
        rate=rate,
        stages=stages or (HALF,),
        false_rollback=0.01,
        false_promotion=0.05,
        dispersion=dispersion,
    )


# Found apart from this code, at 50 % of the traffic.
@pytest.mark.parametrize(
    ("rate", "not_worse", "worse"),
    [(0.0, 4_132, 18_580), (0.001, 36_272, 78_439), (0.005, 7_226, 15_626), (0.01, 3_615, 7_817)],
)
def test_before_the_first_request_it_is_known_how_many_it_takes(rate: float, not_worse: int, worse: int) -> None:
    found = needed(rate)
    assert found.not_worse.requests == pytest.approx(not_worse, rel=0.02)
    # And what is not staked at once costs ln(4/3) of ln(100).
    assert found.worse.requests == pytest.approx(1.0625 * worse, rel=0.03)
    assert found.not_worse.seconds == pytest.approx(found.not_worse.requests / 50.0)


def test_what_is_clearly_worse_takes_less() -> None:
    assert needed(0.005, margin=2.0).worse.requests == pytest.approx(1.0625 * 3_448, rel=0.03)


def test_events_in_clusters_take_as_many_times_more() -> None:
    assert needed(0.005, dispersion=3.0).worse.requests == pytest.approx(3 * needed(0.005).worse.requests, rel=0.02)


def test_a_schedule_takes_the_time_of_its_first_steps_and_fewer_requests() -> None:
    first = Stage(candidate=5.0, stable=95.0, seconds=120.0)
    found = needed(0.005, first, HALF).not_worse
    assert 120.0 < found.seconds < 120.0 + needed(0.005).not_worse.seconds
    assert found.requests < needed(0.005).not_worse.requests


def test_a_service_that_always_fails_is_no_error() -> None:
    assert needed(1.0).not_worse.requests > 0
