"""Pods of both arms, turned into the window of every metric: bounds of latencies, spread of pods, what is missing."""

from typing import Any

import msgspec
import pytest

from timoneiro_judge.counts import Counts, Spread
from timoneiro_operator.api.analysis_spec import Analysis
from timoneiro_operator.api.spec_struct import read
from timoneiro_operator.metrics.samples import ALL, PodCounts, Sample
from timoneiro_operator.metrics.windows import ArmCounts, find_bounds, metrics_of, spread_of, standing


def analysis(*metrics: dict[str, Any]) -> Analysis:
    return msgspec.convert({"metrics": list(metrics)}, Analysis, dec_hook=read)


def sample(**latency: int) -> Sample:
    """Counts by bound in milliseconds, as `ms100=5`; `all` is every request."""
    bounds = {ALL if name == "all" else int(name[2:]) / 1000: count for name, count in latency.items()}
    return Sample(requests=max(latency.values(), default=0), failed=0, latency=bounds)


def bounds(metric: dict[str, Any], *samples: Sample, stable: Sample | None = None) -> tuple[Any, Any]:
    found, problems = find_bounds(
        analysis({"name": "slow", "type": "Latency", **metric}), {}, samples, [stable or samples[0]]
    )
    return next(iter(found.values()), None), problems.get("slow")


SHOWN = sample(ms100=50, ms250=90, ms1000=99, all=100)


@pytest.mark.parametrize(
    ("threshold", "bound"), [("100ms", 0.1), ("101ms", 0.25), ("250ms", 0.25), ("1s", 1.0), ("1ms", 0.1)]
)
def test_the_bound_is_the_smallest_bucket_that_is_not_below_the_threshold(threshold: str, bound: float) -> None:
    assert bounds({"threshold": threshold}, SHOWN) == ((bound,), None)


def test_several_thresholds_that_fall_into_one_bucket_are_one_bound() -> None:
    assert bounds({"thresholds": ["120ms", "200ms", "1s"]}, SHOWN) == ((0.25, 1.0), None)


@pytest.mark.parametrize(("quantile", "bound"), [(0.5, 0.1), (0.9, 0.25), (0.95, 0.25), (0.98, 1.0), (0.999, 1.0)])
def test_a_quantile_is_the_bucket_with_the_nearest_share_of_slower_requests(quantile: float, bound: float) -> None:
    assert bounds({"quantile": quantile}, SHOWN) == ((bound,), None)


def test_a_quantile_is_of_all_pods_of_the_stable_together() -> None:
    spec = analysis({"name": "slow", "type": "Latency", "quantile": 0.9})
    slow = sample(ms100=0, ms250=0, ms1000=90, all=100)
    assert find_bounds(spec, {}, [SHOWN, slow], [SHOWN, slow])[0] == {"slow>p90": (1.0,)}


def test_the_tail_of_a_service_is_not_moved_to_a_bucket_that_hardly_anything_passes() -> None:
    # p95 of the service lies between both: half a second would be its p99.6.
    service = sample(ms250=9_000, ms500=9_960, ms1000=10_000, all=10_000)
    assert bounds({"quantile": 0.95}, service) == ((0.25,), None)


def test_where_no_request_passes_a_bucket_it_is_still_one() -> None:
    assert bounds({"quantile": 0.99}, sample(ms100=1000, ms250=1000, all=1000)) == ((0.1,), None)


def test_a_model_that_is_slower_than_all_buckets_is_a_problem() -> None:
    assert bounds({"quantile": 0.9}, sample(ms100=0, all=200)) == (
        None,
        "all requests of the stable model are slower than the last bucket: give its histogram a longer one",
    )


def test_a_window_tells_what_the_stable_model_had_counted_in_its_life() -> None:
    arm = ArmCounts(pods={"p": PodCounts(requests=10, failed=1)})
    shown = [Sample(requests=900, failed=9), Sample(requests=100, failed=0)]
    metrics = metrics_of(
        analysis({"name": "errors"}),
        {},
        candidate=arm,
        stable=arm,
        end=30.0,
        seconds=30.0,
        problems={},
        aligned=True,
        shown=shown,
    )
    assert metrics.lifetime == {"errors": Counts(requests=1000, events=9)}


def test_a_quantile_of_few_requests_is_worth_nothing() -> None:
    few = sample(ms100=50, ms250=60, all=99)
    assert bounds({"quantile": 0.5}, few) == (
        None,
        "the stable model has answered 99 requests, and 100 are needed to know its latency",
    )


def test_a_bound_is_a_bucket_that_all_pods_have() -> None:
    assert bounds({"threshold": "100ms"}, SHOWN, sample(ms50=1, ms1000=2, all=2)) == ((1.0,), None)


def test_a_pod_that_has_answered_nothing_yet_has_no_say_in_the_buckets() -> None:
    assert bounds({"threshold": "100ms"}, SHOWN, sample()) == ((0.1,), None)


def test_a_bound_that_is_fixed_stays_whatever_the_pods_show_later() -> None:
    spec = analysis({"name": "slow", "type": "Latency", "quantile": 0.9})
    assert find_bounds(spec, {"slow>p90": (0.25,)}, [SHOWN], [SHOWN]) == ({}, {})


def test_a_pod_that_lacks_the_fixed_bucket_is_a_problem() -> None:
    spec = analysis({"name": "slow", "type": "Latency", "threshold": "250ms"})
    found = find_bounds(spec, {"slow>250ms": (0.25,)}, [SHOWN, sample(ms100=1, all=1)], [SHOWN])
    assert found == ({}, {"slow": "a pod has no bucket of 0.25 s"})


def test_slow_requests_are_those_beyond_the_bound() -> None:
    spec = analysis({"name": "slow", "type": "Latency", "threshold": "250ms"})
    arm = ArmCounts(pods={"p": PodCounts(latency={0.25: 7, ALL: 10}), "q": PodCounts(latency={0.25: 10, ALL: 10})})
    metrics = metrics_of(
        spec, {"slow>250ms": (0.25,)}, candidate=arm, stable=arm, end=30.0, seconds=30.0, problems={}, aligned=True
    )
    assert metrics.windows["slow"].candidate == Counts(requests=20, events=3)


def test_pods_that_fail_alike_have_no_more_spread_than_chance_gives() -> None:
    assert spread_of([Counts(requests=100, events=10), Counts(requests=200, events=20)]) == Spread(
        chi_square=0.0, freedom=1
    )


def test_one_pod_that_fails_and_one_that_does_not_are_spread() -> None:
    assert spread_of([Counts(requests=100, events=20), Counts(requests=100, events=0)]) == Spread(
        chi_square=20.0, freedom=1
    )


@pytest.mark.parametrize(
    "pods",
    [[], [Counts(requests=10, events=1)], [Counts(requests=10), Counts(requests=10)], [Counts(), Counts(requests=9)]],
)
def test_where_there_is_nothing_to_compare_there_is_no_spread(pods: list[Counts]) -> None:
    assert spread_of(pods) == Spread()


def test_a_contract_on_what_cannot_be_measured_stands_in_the_way() -> None:
    spec = analysis(
        {"name": "tail", "type": "Latency", "threshold": "1s", "role": "Inform"},
        {"name": "slo", "type": "Guard", "of": "tail", "max": 0.1},
    )
    assert standing(spec, {"tail": "no histogram"}) == ("MetricMissing", "metric slo: no histogram")


def test_a_pod_that_has_answered_nothing_has_no_say_in_a_quantile() -> None:
    spec = analysis({"name": "slow", "type": "Latency", "quantile": 0.9})
    assert find_bounds(spec, {}, [SHOWN, sample()], [SHOWN, sample()])[0] == {"slow>p90": (0.25,)}
