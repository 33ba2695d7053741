"""What the operator makes of metrics of every type: parts of the judge, and what the status shows of them."""

import dataclasses
from typing import Any

import msgspec
import pytest

from support.analyses import analysis, folded, in_a_step, looks, looks_at, window
from timoneiro_judge import Verdict
from timoneiro_judge.counts import Dispersion, Spread, Window
from timoneiro_judge.shape import Bins, Shape
from timoneiro_judge.verdict import Part
from timoneiro_operator.api.analysis_status import AnalysisStatus, MetricStatus
from timoneiro_operator.api.status import Status
from timoneiro_operator.decide.analysis import fold, verdict_of
from timoneiro_operator.decide.comparisons import (
    bounds_key,
    dispersion_of,
    parts_of,
    planned,
    restored,
    text_of_evidence,
)
from timoneiro_operator.decide.observation import Metrics
from timoneiro_operator.decide.text import metric_sentence, verdict_sentence

GUARD = {"name": "slo", "type": "Guard", "of": "errors", "max": 0.02}


def by_name(kept: AnalysisStatus) -> dict[str, MetricStatus]:
    return {metric.name: metric for metric in kept.metrics}


SLOW = {"name": "slow", "type": "Latency", "threshold": "250ms"}
KEY = "slow>250ms"


@pytest.mark.parametrize(
    ("metric", "tolerance"),
    [({}, 0.25), (SLOW, 0.1), ({"type": "Ratio"}, 0.25), ({**SLOW, "tolerance": 0.25}, 0.25), ({"tolerance": 0}, 0.0)],
)
def test_a_latency_tolerates_less_than_other_metrics_unless_it_says_how_much(
    metric: dict[str, Any], tolerance: float
) -> None:
    (item,) = planned(analysis({**metric, "name": "a"}), {})
    assert restored((item,), None)["a"].limits.tolerance == tolerance


def test_a_latency_is_undecided_until_its_bound_is_fixed() -> None:
    (metric,) = folded(analysis(SLOW), Metrics()).metrics
    assert (metric.name, metric.bound, metric.verdict) == ("slow", None, "Undecided")


def test_a_latency_with_one_bound_goes_by_its_name_and_shows_the_bound() -> None:
    kept = folded(analysis(SLOW), *looks({"slow": window(100, 8, 900, 2)}, bounds={KEY: (0.25,)}))
    assert (kept.metrics[0].bound, kept.metrics[0].verdict) == (0.25, "Worse")
    assert kept.bounds == {KEY: (0.25,)}


def test_a_latency_with_several_bounds_is_as_many_parts_that_share_its_weight() -> None:
    spec = analysis({"name": "slow", "type": "Latency", "thresholds": ["100ms", "1s"], "weight": 3})
    parts = planned(spec, {"slow>100ms,1s": (0.1, 1.0)})
    assert [(part.name, part.bound, part.weight) for part in parts] == [("slow 0.1s", 0.1, 1.5), ("slow 1s", 1.0, 1.5)]


COUNTED = {"name": "a", "type": "Ratio", "events": "bad_total", "total": "all_total"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"name": "a"}, COUNTED),
        (COUNTED, {"name": "a"}),
        (COUNTED, {**COUNTED, "events": "worse_total"}),
        (COUNTED, {**COUNTED, "total": "some_total"}),
    ],
)
def test_evidence_about_something_else_of_the_same_name_is_no_evidence(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    kept = folded(analysis(before), *looks({"a": window(100, 8, 900, 2)}))
    assert restored(planned(analysis(before), {}), kept)["a"].candidate.requests == 100
    assert restored(planned(analysis(after), {}), kept)["a"].candidate.requests == 0


@pytest.mark.parametrize(
    "metric", [{"name": "a"}, COUNTED, {"name": "a", "type": "Outputs", "output": "Score"}, {**SLOW, "name": "a"}]
)
def test_evidence_of_an_older_version_which_did_not_say_what_it_is_about_goes_on(metric: dict[str, Any]) -> None:
    spec = analysis({"name": "errors"}, metric)
    shown = Bins(candidate={"x": 60, "y": 40}, stable={"x": 500, "y": 400})
    first, second = looks({"errors": window(100, 8, 900, 2), "a": window(100, 8, 900, 2)})
    kept = folded(spec, first, dataclasses.replace(second, shapes={"a": shown}))
    old = tuple(msgspec.structs.replace(one, state=str(one.state).rpartition(" ")[2]) for one in kept.metrics)
    again = restored(planned(spec, kept.bounds), msgspec.structs.replace(kept, metrics=old))["a"]
    assert again.candidate.requests == 100


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ({"type": "Outputs"}, {"type": "Outputs", "output": "Prediction"}),
        ({"type": "Outputs", "bins": "b"}, {"type": "Outputs", "bins": "b", "binLabel": "le"}),
    ],
)
def test_a_default_that_is_written_out_counts_the_same(short: dict[str, Any], long: dict[str, Any]) -> None:
    labels = {text_of_evidence(planned(analysis(metric), {})[0].metric, Shape()).split()[0] for metric in (short, long)}
    assert len(labels) == 1


def test_what_decides_may_be_edited_and_the_evidence_goes_on() -> None:
    kept = folded(analysis(COUNTED), *looks({"a": window(100, 8, 900, 2)}))
    edited = {**COUNTED, "role": "Inform", "weight": 3, "minEvents": 9}
    assert restored(planned(analysis(edited), {}), kept)["a"].candidate.requests == 100


def test_evidence_about_another_bound_is_no_evidence() -> None:
    kept = folded(analysis(SLOW), *looks({"slow": window(100, 8, 900, 2)}, bounds={KEY: (0.25,)}))
    other = msgspec.structs.replace(kept, bounds={KEY: (0.5,)})
    assert (verdict_of(analysis(SLOW), kept), verdict_of(analysis(SLOW), other)) == ("Worse", "Undecided")


@pytest.mark.parametrize(
    ("metric", "key"),
    [
        (SLOW, "slow>250ms"),
        ({"name": "slow", "type": "Latency", "thresholds": ["1s", "2s"]}, "slow>1s,2s"),
        ({"name": "slow", "type": "Latency", "quantile": 0.99}, "slow>p99"),
    ],
)
def test_bounds_are_fixed_for_what_was_asked_and_for_nothing_else(metric: dict[str, Any], key: str) -> None:
    assert bounds_key(analysis(metric).metrics[0]) == key


def test_a_guard_shows_the_counts_of_its_metric_and_its_own_evidence() -> None:
    spec = analysis({"name": "errors"}, {"name": "slo", "type": "Guard", "of": "errors", "max": 0.02})
    kept = folded(spec, *looks({"errors": window(1000, 200, 9000, 1800)}))
    guard = by_name(kept)["slo"]
    assert (guard.limit, guard.candidate.events, guard.verdict) == (0.02, 200, "Worse")
    assert metric_sentence(guard) == "slo 20 %, at most 2 % allowed, after 1,000 requests: worse"


def test_a_guard_without_requests_has_a_rate_of_zero() -> None:
    guard = MetricStatus(name="slo", limit=0.02)
    assert metric_sentence(guard) == "slo 0 %, at most 2 % allowed, after 0 requests: undecided"


def test_what_informs_is_shown_and_the_verdict_is_on_what_decides() -> None:
    spec = analysis({"name": "declines", "role": "Inform"}, {"name": "errors"})
    kept = folded(spec, *looks({"declines": window(100, 50, 900, 2), "errors": window(100, 0, 900, 0)}))
    assert by_name(kept)["declines"].verdict == "Worse"
    assert verdict_of(spec, kept) == "Undecided"
    assert verdict_sentence(Status(analysis=kept)).startswith("no errors")


def test_the_evidence_that_decides_is_the_weighted_mean() -> None:
    spec = analysis({"name": "a", "weight": 3}, {"name": "b", "weight": 1})
    kept = folded(spec, *looks({"a": window(100, 8, 900, 2), "b": window(100, 0, 900, 0)}))
    metrics = by_name(kept)
    expected = (3 * metrics["a"].evidence.worse + metrics["b"].evidence.worse) / 4
    assert kept.worse == pytest.approx(expected, rel=1e-3)


def test_a_metric_that_is_missing_says_why_and_keeps_its_counts() -> None:
    spec = analysis({"name": "errors"}, SLOW)
    first, second = looks({"errors": window(10, 0, 90, 0)})
    second = Metrics(
        windows=second.windows, window_end=second.window_end, seconds=30, problems={"slow": "no histogram"}
    )
    assert by_name(folded(spec, first, second))["slow"].problem == "no histogram"


def test_over_dispersion_weakens_the_evidence() -> None:
    plain, clustered = analysis({"name": "errors"}), analysis({"name": "errors", "overDispersion": {"factor": 2}})
    seen = looks({"errors": window(100, 8, 900, 2)})
    assert folded(clustered, *seen).metrics[0].evidence.worse < folded(plain, *seen).metrics[0].evidence.worse


def test_the_time_that_is_left_is_shown_while_nothing_is_decided() -> None:
    kept = folded(analysis(), *looks({"errors": window(100, 0, 900, 0)}))
    (metric,) = kept.metrics
    assert metric.seconds_left is not None
    assert metric_sentence(metric) == "no errors in 100 requests: undecided, about 14 min more"


@pytest.mark.parametrize(
    ("dispersion", "spread"),
    [({"factor": 3}, Spread()), ({"factor": 1}, Spread(chi_square=30 * 100 - 20, freedom=990))],
)
def test_the_time_that_is_left_is_longer_where_failures_come_in_clusters(
    dispersion: dict[str, Any], spread: Spread
) -> None:
    """Twice a factor of 3: one that is given, and one that the pods tell."""
    counted = dataclasses.replace(window(100, 0, 900, 0), spread=spread)
    by_itself = folded(analysis(), *looks({"errors": window(100, 0, 900, 0)})).metrics[0].seconds_left
    clustered = analysis({"name": "errors", "overDispersion": dispersion})
    left = folded(clustered, *looks({"errors": counted})).metrics[0].seconds_left
    assert by_itself is not None
    assert left is not None
    assert left > 2.9 * by_itself


@pytest.mark.parametrize("counted", [window(0, 0, 900, 0), window(100, 0, 0, 0)])
def test_without_traffic_in_both_arms_nobody_knows_how_long_it_takes(counted: Window) -> None:
    assert folded(analysis(), *looks({"errors": counted})).metrics[0].seconds_left is None


def test_a_candidate_between_tolerance_and_margin_has_the_time_to_what_it_leads_to() -> None:
    kept = folded(analysis(), *looks({"errors": window(10_000, 1000, 10_000, 200)}))
    assert (kept.metrics[0].verdict, kept.metrics[0].seconds_left) == ("Worse", None)


# How the gateway splits


def parts(*metrics: dict[str, Any]) -> dict[str, Part]:
    spec = analysis(*metrics)
    plan = planned(spec, {})
    return parts_of(spec, plan, restored(plan, None))


def test_a_guard_before_a_comparison_does_not_hide_it() -> None:
    assert [item.name for item in planned(analysis(GUARD, {"name": "errors"}), {})] == ["errors"]


def test_the_bounds_of_a_latency_come_beside_the_metrics_before_it() -> None:
    spec = analysis({"name": "errors"}, {"name": "slow", "type": "Latency", "thresholds": ["1s", "2s"]})
    names = [item.name for item in planned(spec, {"slow>1s,2s": (1.0, 2.0)})]
    assert names == ["errors", "slow 1s", "slow 2s"]


@pytest.mark.parametrize(
    ("said", "least", "most"),
    [
        ({}, 1.0, 10.0),
        ({"factor": 2}, 2.0, 10.0),
        ({"factor": 20}, 20.0, 20.0),
        ({"factor": 2, "estimateUpTo": 5}, 2.0, 5.0),
        ({"estimateUpTo": 1}, 1.0, 1.0),
    ],
)
def test_a_dispersion_is_estimated_between_its_factor_and_its_limit(
    said: dict[str, float], least: float, most: float
) -> None:
    (metric,) = analysis({"name": "a", "overDispersion": said}).metrics
    assert dispersion_of(metric) == Dispersion(factor=least, most=most)


def test_a_comparison_has_the_minimums_of_its_metric() -> None:
    part = parts({"name": "errors", "minEvents": 9, "minDifference": 0.2})["errors"]
    assert (part.min_events, part.min_difference) == (9, 0.2)


@pytest.mark.parametrize(("role", "required"), [("Required", True), ("Inform", False)])
def test_a_guard_has_weight_role_and_minimum_of_its_own(role: str, required: bool) -> None:
    guard = parts({"name": "errors"}, {**GUARD, "weight": 3, "role": role, "minEvents": 7})["slo"]
    assert (guard.weight, guard.required, guard.min_events) == (3, required, 7)


def test_a_guard_shows_its_role_and_its_evidence() -> None:
    kept = folded(analysis({"name": "errors"}, {**GUARD, "role": "Inform"}), *looks_at(window(1000, 200, 9000, 1800)))
    guard = kept.metrics[1]
    assert (guard.role, guard.evidence.worse > 1e9, guard.evidence.not_worse) == ("Inform", True, 1.0)


def test_bounds_that_are_found_in_a_pass_without_a_window_are_kept() -> None:
    spec = analysis({"name": "slow", "type": "Latency", "threshold": "1s"})
    first = fold(in_a_step(None), "b", "a", spec, Metrics()).analysis
    second = fold(in_a_step(first), "b", "a", spec, Metrics(bounds={"slow>1s": (1.0,)})).analysis
    assert second.bounds == {"slow>1s": (1.0,)}


def test_where_the_counts_lead_to_no_decision_no_time_is_shown() -> None:
    """Ten times as bad as the stable model, and just as bad as does not matter."""
    kept = folded(analysis(), *looks_at(window(1000, 1, 10_000, 1)))
    assert (kept.metrics[0].verdict, kept.metrics[0].seconds_left) == ("Undecided", None)


@pytest.mark.parametrize(
    ("guard", "errors", "shown"),
    [("Undecided", "NotWorse", "errors"), ("Worse", "NotWorse", "slo"), ("Worse", "Undecided", "slo")],
)
def test_a_guard_is_shown_first_only_when_it_is_passed(guard: Verdict, errors: Verdict, shown: str) -> None:
    metrics = (MetricStatus(name="slo", limit=0.02, verdict=guard), MetricStatus(name="errors", verdict=errors))
    assert shown in verdict_sentence(Status(analysis=AnalysisStatus(metrics=metrics)))


def test_evidence_that_was_edited_away_is_not_judged() -> None:
    kept = folded(analysis(), *looks_at(window(100, 8, 900, 2)))
    assert verdict_of(analysis(), kept) == "Worse"
    assert verdict_of(analysis({"name": "other"}), kept) == "Undecided"
