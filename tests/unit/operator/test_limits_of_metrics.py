"""Limits of behaviour (metrics, shares, the trail), which mutants of `decide` found untested (docs/mutation.md)."""

from typing import Any

import msgspec
import pytest

from support.fake_world import EPOCH, FakeWorld
from support.rolling import rolling
from timoneiro_judge import Verdict
from timoneiro_judge.counts import Counts, Window
from timoneiro_judge.routing import ALPHA
from timoneiro_judge.verdict import Part
from timoneiro_operator.api.spec import Analysis
from timoneiro_operator.api.status import (
    AnalysisStatus,
    Candidate,
    Condition,
    MetricStatus,
    Stable,
    Status,
    Step,
    to_text,
)
from timoneiro_operator.decide.analysis import fold, verdict_of
from timoneiro_operator.decide.comparisons import dispersion_of, parts_of, planned, restored
from timoneiro_operator.decide.conditions import invalid
from timoneiro_operator.decide.observation import Metrics
from timoneiro_operator.decide.reasons import routing_mismatch
from timoneiro_operator.decide.text import verdict_sentence
from timoneiro_operator.decide.trail import MOST_POINTS

STEP = Step(kind="Weight", index=0, count=2, weight=10, seconds=600, started_at=to_text(EPOCH))
GUARD = {"name": "slo", "type": "Guard", "of": "errors", "max": 0.02}


def analysis(*metrics: dict[str, Any]) -> Analysis:
    return msgspec.convert({"metrics": list(metrics) or [{"name": "errors"}]}, Analysis)


def status(kept: AnalysisStatus | None) -> Status:
    stable = Stable(revision="a", inference_service="f-a", uri="s3://1")
    candidate = Candidate(revision="b", inference_service="f-b", uri="s3://2")
    return Status(stable=stable, candidate=candidate, step=STEP, analysis=kept)


def window(n_c: int, e_c: int, n_s: int, e_s: int) -> Window:
    return Window(candidate=Counts(requests=n_c, events=e_c), stable=Counts(requests=n_s, events=e_s))


def folded(spec: Analysis, *windows: Window, **seen: Any) -> AnalysisStatus:
    """After windows of the metric `errors`, 30 s each."""
    kept: AnalysisStatus | None = None
    for number, one in enumerate(windows, 1):
        metrics = Metrics(windows={"errors": one}, window_end=EPOCH + 30 * number, seconds=30, **seen)
        kept = fold(status(kept), "b", "a", spec, metrics).analysis
    assert kept is not None
    return kept


def parts(*metrics: dict[str, Any]) -> dict[str, Part]:
    spec = analysis(*metrics)
    plan = planned(spec, {})
    return parts_of(spec, plan, restored(plan, None))


# Metrics


def test_a_guard_before_a_comparison_does_not_hide_it() -> None:
    assert [item.name for item in planned(analysis(GUARD, {"name": "errors"}), {})] == ["errors"]


def test_the_bounds_of_a_latency_come_beside_the_metrics_before_it() -> None:
    spec = analysis({"name": "errors"}, {"name": "slow", "type": "Latency", "thresholds": ["1s", "2s"]})
    names = [item.name for item in planned(spec, {"slow>1s,2s": (1.0, 2.0)})]
    assert names == ["errors", "slow 1s", "slow 2s"]


def test_a_dispersion_that_is_to_be_estimated_has_its_upper_limit() -> None:
    (metric,) = analysis({"name": "a", "overDispersion": {"factor": 2, "estimateUpTo": 5}}).metrics
    found = dispersion_of(metric)
    assert (found.factor, found.most) == (2.0, 5.0)


def test_a_comparison_has_the_minimums_of_its_metric() -> None:
    part = parts({"name": "errors", "minEvents": 9, "minDifference": 0.2})["errors"]
    assert (part.min_events, part.min_difference) == (9, 0.2)


@pytest.mark.parametrize(("role", "required"), [("Required", True), ("Inform", False)])
def test_a_guard_has_weight_role_and_minimum_of_its_own(role: str, required: bool) -> None:
    guard = parts({"name": "errors"}, {**GUARD, "weight": 3, "role": role, "minEvents": 7})["slo"]
    assert (guard.weight, guard.required, guard.min_events) == (3, required, 7)


def test_a_guard_shows_its_role_and_its_evidence() -> None:
    kept = folded(analysis({"name": "errors"}, {**GUARD, "role": "Inform"}), window(1000, 200, 9000, 1800))
    guard = kept.metrics[1]
    assert (guard.role, guard.evidence.worse > 1e9, guard.evidence.not_worse) == ("Inform", True, 1.0)


def test_bounds_that_are_found_in_a_pass_without_a_window_are_kept() -> None:
    spec = analysis({"name": "slow", "type": "Latency", "threshold": "1s"})
    first = fold(status(None), "b", "a", spec, Metrics()).analysis
    second = fold(status(first), "b", "a", spec, Metrics(bounds={"slow>1s": (1.0,)})).analysis
    assert second.bounds == {"slow>1s": (1.0,)}


def test_where_the_counts_lead_to_no_decision_no_time_is_shown() -> None:
    """Ten times as bad as the stable model, and just as bad as does not matter."""
    kept = folded(analysis(), window(1000, 1, 10_000, 1))
    assert (kept.metrics[0].verdict, kept.metrics[0].seconds_left) == ("Undecided", None)


@pytest.mark.parametrize(
    ("guard", "errors", "shown"),
    [("Undecided", "NotWorse", "errors"), ("Worse", "NotWorse", "slo"), ("Worse", "Undecided", "slo")],
)
def test_a_guard_is_shown_first_only_when_it_is_passed(guard: Verdict, errors: Verdict, shown: str) -> None:
    metrics = (MetricStatus(name="slo", limit=0.02, verdict=guard), MetricStatus(name="errors", verdict=errors))
    assert shown in verdict_sentence(Status(analysis=AnalysisStatus(metrics=metrics)))


# Shares

WRONG, RIGHT = window(100, 0, 100, 0), window(5, 0, 45, 0)


def test_few_requests_after_a_mismatch_do_not_say_that_it_is_over() -> None:
    kept = folded(analysis(), WRONG, RIGHT, RIGHT)
    assert kept.share is not None
    assert (kept.share.candidate + kept.share.stable, kept.share.mismatch) == (100, 1 / ALPHA)
    assert routing_mismatch(status(kept)) is not None


def test_just_enough_requests_after_a_mismatch_say_that_it_is_over() -> None:
    assert routing_mismatch(status(folded(analysis(), WRONG, *[RIGHT] * 4))) is None


def test_a_rollout_that_is_begun_again_counts_shares_and_traffic_anew() -> None:
    world = rolling()
    world.tick(10)
    assert world.status.analysis is not None
    assert world.status.analysis.share is not None
    world.model(1)
    world.settle()
    world.model(2)
    world.tick()
    again = world.status.analysis
    assert again is not None
    assert (again.share, again.last_window, again.metrics[0].candidate.requests > 0) == (None, None, True)


# The trail


def test_a_full_trail_keeps_every_second_point() -> None:
    kept = folded(analysis(), *[window(1, 0, 9, 0)] * (MOST_POINTS + 1))
    requests = [point.values[0][5] for point in kept.trail]
    assert requests == [*range(1, MOST_POINTS + 1, 2), MOST_POINTS + 1]


def test_a_trail_that_is_just_full_is_whole() -> None:
    assert len(folded(analysis(), *[window(1, 0, 9, 0)] * MOST_POINTS).trail) == MOST_POINTS


# The spec that is acted on


def test_the_spec_that_is_acted_on_is_in_the_status_as_json_has_it() -> None:
    world = FakeWorld().healthy()
    acted_on = world.status.acted_on
    assert acted_on is not None
    assert acted_on["model"]["uri"] == "s3://models/fraud/1"
    assert acted_on["route"]["hostnames"] == ["fraud.example.com"]


def test_a_spec_that_stays_invalid_is_so_since_it_was_found_invalid() -> None:
    since = Condition(
        type="Ready",
        status="False",
        reason="InvalidSpec",
        message="no",
        last_transition_time=to_text(EPOCH - 60),
        observed_generation=1,
    )
    ready = invalid(FakeWorld().healthy().status, "no", 7, EPOCH, known=(since,)).conditions[0]
    assert (ready.type, ready.last_transition_time) == ("Ready", to_text(EPOCH - 60))


def test_evidence_that_was_edited_away_is_not_judged() -> None:
    kept = folded(analysis(), window(100, 8, 900, 2))
    assert verdict_of(analysis(), kept) == "Worse"
    assert verdict_of(analysis({"name": "other"}), kept) == "Undecided"
