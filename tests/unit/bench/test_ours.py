"""The judge that the benchmark runs is the judge of the product."""

import math

import numpy as np
import pytest

from bench.judge.counts import Windows, side_by_side
from bench.judge.ours import Judge, Settings, follow
from timoneiro_judge.comparison import Comparison
from timoneiro_judge.counts import Counts, Dispersion, Limits, Spread, Window
from timoneiro_judge.verdict import Part

SETTINGS = [
    Settings(),
    Settings(limits=Limits(tolerance=0.0, margin=0.5, negligible=0.01)),
    Settings(dispersion=Dispersion(factor=2.5, most=2.5)),
    Settings(dispersion=Dispersion(factor=1.2, most=4.0)),
]


def some_windows(rollouts: int, count: int) -> Windows:
    """Windows of all sizes, some without requests in one arm or without events."""
    dice = np.random.default_rng(7)
    size = (rollouts, count)
    n_c, n_s = dice.integers(0, 400, size), dice.integers(0, 4000, size)
    n_c[dice.random(size) < 0.2] = 0
    n_s[dice.random(size) < 0.1] = 0
    rate = dice.choice([0.0, 0.002, 0.03, 0.4], size=size)
    return Windows(
        candidate_requests=n_c,
        candidate_events=dice.binomial(n_c, rate),
        stable_requests=n_s,
        stable_events=dice.binomial(n_s, 0.5 * rate),
        chi_square=dice.gamma(4.0, 4.0, size=size),
        freedom=dice.integers(0, 9, size),
    )


def folded(windows: Windows, rollout: int, settings: Settings) -> list[Comparison]:
    """The product's own comparison after each window of one rollout."""
    comparison, all_of_them = Comparison.begun(settings.limits), []
    for index in range(windows.candidate_requests.shape[1]):
        w = windows.at(index)
        window = Window(
            candidate=Counts(requests=int(w.candidate_requests[rollout]), events=int(w.candidate_events[rollout])),
            stable=Counts(requests=int(w.stable_requests[rollout]), events=int(w.stable_events[rollout])),
            spread=Spread(chi_square=float(w.chi_square[rollout]), freedom=int(w.freedom[rollout])),
        )
        comparison = comparison.observe(window, settings.dispersion)
        all_of_them.append(comparison)
    return all_of_them


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_same_windows_give_the_same_evidence_as_in_the_product(settings: Settings) -> None:
    windows, rollouts = some_windows(12, 25), np.arange(12)
    judge = Judge(12, settings)
    expected = [folded(windows, rollout, settings) for rollout in range(12)]
    for index in range(25):
        judge.observe(windows.at(index), rollouts)
        worse, not_worse = judge.log_worse(rollouts), judge.log_not_worse(rollouts)
        assert worse == pytest.approx([c[index].log_worse for c in expected], abs=1e-4, rel=1e-5)
        assert not_worse == pytest.approx([c[index].log_not_worse for c in expected], abs=1e-4, rel=1e-5)


def worse_by(comparison: Comparison) -> float:
    return Part(evidence=comparison, min_events=3).log_worse


def test_bounds_are_passed_at_the_same_windows_as_in_the_product() -> None:
    """The benchmark looks closely only where the bound can be near; this must not change any verdict."""
    windows, settings = some_windows(40, 25), Settings(false_rollback=0.2, false_promotion=0.3)
    course = follow(windows, settings)
    for rollout in range(40):
        comparisons = folded(windows, rollout, settings)
        worse = next((i for i, c in enumerate(comparisons) if worse_by(c) >= math.log(1 / 0.2)), -1)
        seen = comparisons[:worse] if worse >= 0 else comparisons
        proven = next((i for i, c in enumerate(seen) if c.log_not_worse >= math.log(1 / 0.3)), -1)
        assert (course.worse[rollout], course.not_worse[rollout]) == (worse, proven)


def test_windows_put_side_by_side_come_apart_again() -> None:
    windows = some_windows(3, 4)
    again = side_by_side([windows.at(index) for index in range(4)])
    assert np.array_equal(again.stable_events, windows.stable_events)
