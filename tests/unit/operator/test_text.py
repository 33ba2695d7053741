"""What people read: durations, verdicts, events."""

import copy
import pickle

import pytest

from support.fake_world import FakeWorld
from timoneiro_judge import Counts, Verdict
from timoneiro_operator.api.analysis_status import AnalysisStatus, MetricStatus, RatioStatus
from timoneiro_operator.api.duration import Duration, format_duration
from timoneiro_operator.api.status import Status, Step
from timoneiro_operator.decide.events import events_between
from timoneiro_operator.decide.text import metric_sentence, name_of, ratio_text, share_text, verdict_sentence


@pytest.mark.parametrize(
    ("text", "seconds"), [("250ms", 0.25), ("30s", 30), ("10m", 600), ("1h30m", 5400), ("1.5h", 5400), ("0s", 0)]
)
def test_durations_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert Duration(text).total_seconds() == seconds


def test_a_duration_is_copied_and_kept_with_its_text() -> None:
    length = Duration("1h30m")
    assert [str(copy.deepcopy(length)), str(pickle.loads(pickle.dumps(length)))] == ["1h30m"] * 2


@pytest.mark.parametrize("text", ["", "10", "ten minutes", "1h 30m", "-5s", "5 s"])
def test_what_is_no_duration_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match=f"'{text}' is not a duration"):
        Duration(text).total_seconds()


@pytest.mark.parametrize(("seconds", "text"), [(45, "45 s"), (125, "2 min 5 s"), (1800, "30 min"), (7500, "2 h 5 min")])
def test_durations_are_shown_in_two_units_at_most(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def metric(**values: object) -> MetricStatus:
    return MetricStatus(name="errors", **values)


def test_a_verdict_carries_ratio_interval_and_number_of_requests() -> None:
    sentence = metric_sentence(
        metric(
            verdict="Worse",
            ratio=RatioStatus(estimate=2.31, lower=1.42, upper=3.88),
            candidate=Counts(requests=8123, events=90),
            stable=Counts(requests=9000, events=40),
        )
    )
    assert sentence == "errors 2.3x [1.4, 3.9] after 8,123 requests: worse"


def test_without_any_failure_there_is_no_ratio_to_show() -> None:
    assert metric_sentence(metric(candidate=Counts(requests=500))) == "no errors in 500 requests: undecided"


def test_failures_on_one_side_only_are_shown_as_counts_with_what_is_certain() -> None:
    sentence = metric_sentence(
        metric(
            verdict="Worse",
            ratio=RatioStatus(lower=4.2),
            candidate=Counts(requests=500, events=12),
            stable=Counts(requests=900),
        )
    )
    assert sentence == "errors: 12 against 0, at least 4.2 times as many, after 500 requests: worse"


def test_a_rollout_tells_its_story_in_typed_events_without_repetition() -> None:
    world = FakeWorld(rate={"s3://models/fraud/2": 0.5}).healthy()
    world.model(2)
    reasons = []
    for _ in range(12):
        before: Status = world.status
        world.tick(10)
        reasons += [event.reason for event in events_between(before, world.status)]
    assert reasons == ["RolloutStarted", "WeightChanged", "RolledBack"]


@pytest.mark.parametrize(
    ("shown", "sentence"),
    [
        (
            metric(
                ratio=RatioStatus(upper=0.31), candidate=Counts(requests=900), stable=Counts(requests=900, events=40)
            ),
            "errors: 0 against 40, at most 0.3 times as many, after 900 requests: undecided",
        ),
        (
            metric(ratio=RatioStatus(estimate=1234, lower=9.5), candidate=Counts(requests=9, events=9)),
            "errors 1,234x [9.5, ?] after 9 requests: undecided",
        ),
        (metric(bound=0.25, candidate=Counts(requests=9)), "errors: no slow requests in 9 requests: undecided"),
    ],
    ids=["none of the candidate's", "a large ratio", "latency"],
)
def test_what_is_certain_is_said_in_words(shown: MetricStatus, sentence: str) -> None:
    assert metric_sentence(shown) == sentence


def sentence(ratio: RatioStatus, *, candidate: int = 3, stable: int = 3) -> str:
    counts = (Counts(requests=500, events=candidate), Counts(requests=500, events=stable))
    return metric_sentence(MetricStatus(name="errors", ratio=ratio, candidate=counts[0], stable=counts[1]))


@pytest.mark.parametrize(("estimate", "text"), [(9.94, "9.9"), (10.0, "10"), (10.4, "10"), (123.4, "123")])
def test_a_ratio_of_ten_and_more_is_shown_without_decimals(estimate: float, text: str) -> None:
    assert sentence(RatioStatus(estimate=estimate, lower=1.0, upper=200.0)) == (
        f"errors {text}x [1.0, 200] after 500 requests: undecided"
    )


def test_a_ratio_that_is_not_bounded_yet_is_shown_with_open_ends() -> None:
    assert sentence(RatioStatus(estimate=1.0)) == "errors 1.0x [0, ?] after 500 requests: undecided"


def test_as_many_failures_on_both_sides_are_shown_as_counts_while_nothing_is_certain() -> None:
    assert sentence(RatioStatus()) == "errors: 3 against 3 after 500 requests: undecided"


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (Step(kind="Mirror", index=0, count=2, weight=0), "a copy of the traffic"),
        (Step(kind="Bake", index=1, count=2, weight=100), "all traffic"),
        (Step(kind="Weight", index=0, count=2, weight=1), "1 % of the traffic"),
        (Step(kind="Weight", index=0, count=2, weight=25), "25 % of the traffic"),
        (Step(kind="Pause", index=0, count=2, weight=0), "no traffic yet"),
    ],
)
def test_a_share_of_the_traffic_is_said_in_words(step: Step, text: str) -> None:
    assert share_text(step) == text


@pytest.mark.parametrize(
    ("verdicts", "shown"),
    [
        (("Undecided", "Worse"), "worse"),
        (("NotWorse", "Undecided"), "undecided"),
        (("NotWorse", "NotWorse"), "not worse"),
    ],
)
def test_the_verdict_that_says_most_is_the_one_that_is_shown(verdicts: tuple[Verdict, ...], shown: str) -> None:
    metrics = tuple(MetricStatus(name=f"m{index}", verdict=verdict) for index, verdict in enumerate(verdicts))
    assert verdict_sentence(Status(analysis=AnalysisStatus(metrics=metrics))).endswith(f": {shown}")


def test_a_revision_without_a_version_is_named_by_its_hash() -> None:
    assert name_of("3f2a9c01", None) == "revision 3f2a9c01"


def test_a_ratio_that_nothing_is_known_about_is_a_dash() -> None:
    assert ratio_text(RatioStatus()) == "-"
