"""Simulated services fail as often, and as unevenly, as they are said to."""

import pickle

import numpy as np
import pytest

from bench.judge.counts import Windows, side_by_side
from bench.judge.scenarios import CLUSTER_FACTOR, SCENARIOS, USER_FACTOR, Scenario
from bench.judge.sources import spread

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


def played(name: str, *, effect: float = 1.0, share: float = 0.1, rollouts: int = 200, count: int = 60) -> Windows:
    source = BY_NAME[name].source(np.random.default_rng(1), rollouts=rollouts, windows=count, effect=effect)
    return side_by_side([source.window(index, np.full(rollouts, share)) for index in range(count)])


def ratio_of_rates(w: Windows) -> float:
    of_candidate = w.candidate_events.sum() / w.candidate_requests.sum()
    return float(of_candidate / (w.stable_events.sum() / w.stable_requests.sum()))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_each_scenario_can_be_played_in_another_process(scenario: Scenario) -> None:
    assert pickle.loads(pickle.dumps(scenario)).name == scenario.name


# Failures that are added to both, and those of the start, are not the candidate's rate.
ADDED = ("outage", "outage-long", "cold-start")


@pytest.mark.parametrize(
    "scenario", [s for s in SCENARIOS if s.base > 0 and s.onset == 0 and s.name not in ADDED], ids=lambda s: s.name
)
@pytest.mark.parametrize("effect", [1.0, 3.0])
def test_the_candidate_fails_as_often_as_the_effect_says(scenario: Scenario, effect: float) -> None:
    w = played(scenario.name, effect=effect, rollouts=400)
    assert ratio_of_rates(w) == pytest.approx(effect, rel=0.12)


def test_the_same_seed_gives_the_same_counts() -> None:
    one, other = played("bursts", rollouts=5), played("bursts", rollouts=5)
    assert np.array_equal(one.candidate_events, other.candidate_events)


def test_in_three_windows_both_arms_burst() -> None:
    w = played("bursts", rollouts=20)
    rate = (w.candidate_events + w.stable_events) / (w.candidate_requests + w.stable_requests)
    assert ((rate > 0.05).sum(axis=1) == 3).all()


def test_the_gateway_gives_more_than_it_has_accepted() -> None:
    w = played("gateway")
    both = w.candidate_requests.sum() + w.stable_requests.sum()
    assert w.candidate_requests.sum() / both == pytest.approx(0.12, abs=0.002)


def test_what_comes_late_is_not_lost_and_what_is_lost_does_not_come() -> None:
    whole, merged, lost = (played(name).candidate_requests for name in ("steady", "gaps-merged", "gaps-lost"))
    assert merged.sum() == pytest.approx(whole.sum(), rel=0.02)
    assert lost.sum() == pytest.approx(0.8 * whole.sum(), rel=0.02)
    assert (merged == 0).mean() == pytest.approx(0.2, abs=0.02)


def test_counts_that_wait_are_dropped_when_the_share_changes() -> None:
    source = BY_NAME["gaps-merged"].source(np.random.default_rng(1), rollouts=2000, windows=2, effect=1.0)
    first = source.window(0, np.full(2000, 0.1))
    second = source.window(1, np.full(2000, 0.5))
    waited = first.candidate_requests == 0
    assert second.candidate_requests[waited].max() < 2000


def test_a_stable_model_that_never_fails_has_no_failures_and_its_candidate_only_its_own() -> None:
    w = played("zero", effect=3.0)
    assert w.stable_events.sum() == 0
    assert w.candidate_events.sum() / w.candidate_requests.sum() == pytest.approx(0.01, rel=0.05)
    assert played("zero").candidate_events.sum() == 0


def test_a_candidate_gets_worse_when_its_time_has_come() -> None:
    w = played("late-10", effect=10.0)
    events = w.candidate_events.sum(axis=0)
    assert events[19] < events[20] / 5


def test_mirrored_arms_fail_on_the_same_inputs() -> None:
    w = played("mirrored")
    assert np.array_equal(w.candidate_events, w.stable_events)


def test_failures_in_sessions_are_as_clustered_as_the_factor_says() -> None:
    e = played("sessions").candidate_events
    assert e.var() / e.mean() == pytest.approx(CLUSTER_FACTOR, rel=0.1)


def test_the_spread_of_pods_shows_the_clusters() -> None:
    """A little less than the factor: with few failures in a window the sum of Pearson is bounded by their number."""
    w = played("sessions")
    assert 3.5 < w.chi_square.sum() / w.freedom.sum() < CLUSTER_FACTOR


def test_pods_that_are_alike_spread_by_chance_alone() -> None:
    dice = np.random.default_rng(2)
    requests = np.full((3000, 9), 300)
    chi_square, freedom = spread(requests, dice.binomial(requests, 0.01))
    assert chi_square.sum() / freedom.sum() == pytest.approx(1.0, abs=0.03)


def test_sticky_users_make_the_arms_differ_as_the_factor_says() -> None:
    """Variance of the candidate's failures over 30 minutes, in units of their mean. Users are either in or out."""
    events = played("users", rollouts=2000, count=60).candidate_events.sum(axis=1)
    assert events.var() / events.mean() == pytest.approx(USER_FACTOR, rel=0.3)


def test_one_bad_pod_stays_bad_for_the_whole_rollout() -> None:
    w = played("pod-1", rollouts=400)
    halves = [(w.candidate_events[:, part]).sum(axis=1) for part in (slice(0, 30), slice(30, 60))]
    assert np.corrcoef(halves)[0, 1] > 0.5


@pytest.mark.parametrize(
    ("name", "effect", "harmless", "harmful"),
    [
        ("steady", 1.25, True, False),
        ("steady", 1.5, False, False),
        ("steady", 2.0, False, True),
        ("zero", 1.1, True, False),
        ("zero", 1.25, False, True),
        ("negligible", 2.0, False, True),
    ],
)
def test_what_is_true_of_an_effect_is_what_the_limits_say(
    name: str, effect: float, harmless: bool, harmful: bool
) -> None:
    scenario = BY_NAME[name]
    assert (scenario.harmless(effect), scenario.harmful(effect)) == (harmless, harmful)
