"""What the operator makes of metrics of every type: parts of the judge, and what the status shows of them."""

from typing import Any

import msgspec
import pytest

from timoneiro_judge.counts import Counts, Window
from timoneiro_operator.api.spec import Analysis
from timoneiro_operator.api.status import AnalysisStatus, Candidate, MetricStatus, Share, Stable, Status, Step, to_text
from timoneiro_operator.decide.analysis import fold, verdict_of
from timoneiro_operator.decide.comparisons import bounds_key, planned, restored
from timoneiro_operator.decide.observation import Metrics
from timoneiro_operator.decide.reasons import routing_mismatch
from timoneiro_operator.decide.text import metric_sentence, verdict_sentence
from timoneiro_operator.decide.trail import MOST_POINTS

NOW = 1_800_000_000.0
STEP = Step(kind="Weight", index=0, count=2, weight=10, seconds=600, started_at=to_text(NOW - 60))


def analysis(*metrics: dict[str, Any], **more: Any) -> Analysis:
    return msgspec.convert({"metrics": list(metrics) or [{"name": "errors"}], **more}, Analysis)


def rolling(kept: AnalysisStatus | None = None, step: Step = STEP) -> Status:
    stable = Stable(revision="a", inference_service="f-a", uri="s3://1")
    candidate = Candidate(revision="b", inference_service="f-b", uri="s3://2")
    return Status(stable=stable, candidate=candidate, step=step, analysis=kept)


def window(n_c: int, e_c: int, n_s: int, e_s: int) -> Window:
    return Window(candidate=Counts(requests=n_c, events=e_c), stable=Counts(requests=n_s, events=e_s))


def folded(spec: Analysis, *seen: Metrics, step: Step = STEP) -> AnalysisStatus:
    kept = None
    for metrics in seen:
        kept = fold(rolling(kept, step), "b", "a", spec, metrics).analysis
    assert kept is not None
    return kept


def looks(*windows: dict[str, Window], **first: Any) -> list[Metrics]:
    """A first look that marks, and then a window every 30 s."""
    ends = [NOW + 30.0 * (i + 1) for i in range(len(windows))]
    return [
        Metrics(**first),
        *(Metrics(windows=w, window_end=end, seconds=30.0) for w, end in zip(windows, ends, strict=True)),
    ]


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


@pytest.mark.parametrize("counted", [window(0, 0, 900, 0), window(100, 0, 0, 0)])
def test_without_traffic_in_both_arms_nobody_knows_how_long_it_takes(counted: Window) -> None:
    assert folded(analysis(), *looks({"errors": counted})).metrics[0].seconds_left is None


def test_a_candidate_between_tolerance_and_margin_has_the_time_to_what_it_leads_to() -> None:
    kept = folded(analysis(), *looks({"errors": window(10_000, 1000, 10_000, 200)}))
    assert (kept.metrics[0].verdict, kept.metrics[0].seconds_left) == ("Worse", None)


# How the gateway splits


def test_requests_are_counted_since_the_gateway_accepted_the_weight() -> None:
    kept = folded(analysis(), *looks({"errors": window(100, 0, 900, 0)}, {"errors": window(120, 0, 880, 0)}))
    assert kept.share is not None
    assert (kept.share.weight, kept.share.candidate, kept.share.stable) == (10, 220, 1780)
    assert routing_mismatch(rolling(kept)) is None


def test_another_weight_counts_its_requests_anew() -> None:
    first = folded(analysis(), *looks({"errors": window(100, 0, 900, 0)}))
    step = msgspec.structs.replace(STEP, weight=50)
    seen = Metrics(windows={"errors": window(500, 0, 500, 0)}, window_end=NOW + 60, seconds=30)
    kept = fold(rolling(first, step), "b", "a", analysis(), seen).analysis
    assert kept.share is not None
    assert (kept.share.weight, kept.share.candidate) == (50, 500)


@pytest.mark.parametrize(
    "step",
    [
        msgspec.structs.replace(STEP, started_at=None),
        msgspec.structs.replace(STEP, weight=100),
    ],
)
def test_where_no_split_was_accepted_there_is_none_to_check(step: Step) -> None:
    assert folded(analysis(), *looks({"errors": window(100, 0, 100, 0)}), step=step).share is None


def test_what_is_copied_is_counted_and_is_no_split() -> None:
    step = msgspec.structs.replace(STEP, kind="Mirror", weight=0)
    share = folded(analysis(), *looks({"errors": window(9000, 0, 100, 0)}), step=step).share
    assert (share.candidate, share.stable, share.mismatch) == (9000, 100, 1.0)


def test_a_split_that_is_another_one_with_certainty_is_said_with_numbers() -> None:
    kept = folded(analysis(), *looks({"errors": window(500, 0, 500, 0)}))
    sentence = "the candidate got 50.0 % of 1,000 requests, although the gateway has accepted 10 %"
    assert routing_mismatch(rolling(kept)) == sentence


def test_a_split_of_a_former_step_says_nothing_of_this_one() -> None:
    kept = AnalysisStatus(share=Share(weight=50, candidate=0, stable=500, mismatch=1e9))
    assert routing_mismatch(rolling(kept)) is None


def test_a_gateway_that_was_mended_is_believed_after_some_requests() -> None:
    wrong, right = {"errors": window(300, 0, 700, 0)}, {"errors": window(10, 0, 90, 0)}
    held = folded(analysis(), *looks(wrong, right))
    assert routing_mismatch(rolling(held)) is not None
    assert routing_mismatch(rolling(folded(analysis(), *looks(wrong, right, right)))) is None


def test_a_gateway_that_goes_on_splitting_otherwise_stays_known_for_it() -> None:
    wrong = {"errors": window(300, 0, 700, 0)}
    assert routing_mismatch(rolling(folded(analysis(), *looks(*[wrong] * 7)))) is not None


def test_traffic_is_what_the_model_server_has_counted_and_no_counter_of_people() -> None:
    spec = analysis({"name": "declines", "type": "Ratio", "events": "e{}", "total": "t{}"}, {"name": "errors"})
    kept = folded(spec, *looks({"declines": window(6000, 0, 200, 0), "errors": window(10, 0, 90, 0)}))
    assert kept.last_window is not None
    assert (kept.last_window.candidate, kept.last_window.stable) == (10, 90)


def test_a_window_without_any_metric_has_no_traffic() -> None:
    kept = folded(analysis(), *looks({}))
    assert kept.last_window is not None
    assert (kept.last_window.candidate, kept.last_window.stable) == (0, 0)


# The trail


def test_every_window_is_a_point_of_the_trail() -> None:
    kept = folded(analysis(), *looks({"errors": window(100, 8, 900, 2)}, {"errors": window(100, 0, 900, 0)}))
    assert [(point.weight, point.values[0][5:]) for point in kept.trail] == [
        (10, (100, 8, 900, 2)),
        (10, (200, 8, 1800, 2)),
    ]


def test_a_trail_that_is_full_gives_up_every_second_point_and_keeps_its_beginning() -> None:
    kept = folded(analysis(), *looks(*[{"errors": window(1, 0, 9, 0)}] * (2 * MOST_POINTS)))
    assert len(kept.trail) <= MOST_POINTS
    assert kept.trail[0].values[0][5] == 1
    assert kept.trail[-1].values[0][5] == 2 * MOST_POINTS


def test_a_pass_without_a_window_adds_no_point() -> None:
    assert folded(analysis(), Metrics()).trail == ()
