"""A candidate that warms up: what it does meanwhile is not compared, and what fails as no start explains goes back."""

import copy
import math
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from support.fake_world import SPEC, FakeWorld
from timoneiro_judge import Counts, Window
from timoneiro_operator.api.analysis_spec import Analysis, Metric
from timoneiro_operator.api.analysis_status import WarmUp
from timoneiro_operator.api.deployment import parse
from timoneiro_operator.api.duration import Duration
from timoneiro_operator.api.status import Candidate, Status
from timoneiro_operator.api.times import moment, text_of
from timoneiro_operator.decide.analysis import fold, verdict_of
from timoneiro_operator.decide.observation import Metrics
from timoneiro_operator.decide.set_back import set_back
from timoneiro_operator.decide.steps import start_clock
from timoneiro_operator.decide.text import verdict_sentence
from timoneiro_operator.decide.warm_up import settle_seconds, traffic_since, warms_up_until

ONE, TWO = "s3://models/fraud/1", "s3://models/fraud/2"


def warming(state: str = "Progressing 1/2", *, rollout: dict[str, Any] | None = None, **analysis: Any) -> FakeWorld:
    """Version 2 has just got its first traffic; a pod warms up for the default time."""
    spec = copy.deepcopy(SPEC)
    del spec["analysis"]["warmUp"]
    spec["analysis"] |= analysis
    spec["rollout"] = rollout or spec["rollout"]
    world = FakeWorld(spec=spec).healthy()
    world.model(2)
    world.until(state)
    return world


def candidate_of(world: FakeWorld) -> Candidate:
    assert world.status.candidate is not None
    return world.status.candidate


def kept(world: FakeWorld) -> WarmUp:
    assert world.status.analysis is not None
    assert world.status.analysis.warm_up is not None
    return world.status.analysis.warm_up


def test_a_candidate_with_a_cold_start_is_promoted_step_by_step() -> None:
    world = warming()
    world.rate = {ONE: 0.002, TWO: 0.3}
    world.trace(10, 5)
    world.rate[TWO] = 0.002
    assert world.trace(10, 60) == [
        # The warm-up was as long as the step, and now its requests begin to count.
        "Holding 1/2 1:90,2:10 1 2",
        "Progressing 2/2 1:50,2:50 1 2",
        "Promoting promote 2:100 1 2",
        "Healthy - 2:100 2 -",
    ]


def test_without_a_warm_up_the_same_cold_start_rolls_it_back() -> None:
    world = warming(warmUp="0s")
    world.rate = {ONE: 0.002, TWO: 0.3}
    assert world.trace(10, 5)[-1].startswith("RolledBack")


def test_a_candidate_that_fails_all_the_time_goes_back_with_its_first_counts() -> None:
    world = warming()
    world.rate = {ONE: 0.002, TWO: 1.0}
    world.tick(10)
    world.settle()
    assert world.line().startswith("RolledBack")
    assert "100 of 100 requests failed while it warmed up (100 %), at most 50 % may" in world.status.history[-1].reason


def test_in_an_outage_that_both_share_nothing_goes_back() -> None:
    world = warming()
    world.rate = {ONE: 1.0, TWO: 1.0}
    world.trace(10, 5)
    assert kept(world).candidate.events == 500
    assert world.line().startswith("Progressing 1/2")


def test_failures_below_the_limit_decide_nothing() -> None:
    world = warming()
    world.rate = {ONE: 0.002, TWO: 0.4}
    world.trace(10, 5)
    assert (kept(world).verdict, kept(world).worse < 1.0) == ("Undecided", True)


def test_a_limit_of_ones_own_is_the_one_that_counts() -> None:
    world = warming(warmUpLimit=0.1)
    world.rate = {ONE: 0.002, TWO: 0.4}
    assert world.trace(10, 5)[-1].startswith("RolledBack")
    assert kept(world).limit == 0.1


def test_a_limit_of_1_is_none() -> None:
    world = warming(warmUpLimit=1)
    world.rate = {ONE: 0.002, TWO: 1.0}
    world.trace(10, 5)
    assert world.status.analysis is not None
    assert world.status.analysis.warm_up is None


def test_failures_that_only_inform_have_no_limit() -> None:
    metrics = [{"name": "errors", "role": "Inform"}]
    world = warming(metrics=metrics, promotion="NoHarm")
    world.rate = {ONE: 0.002, TWO: 1.0}
    world.trace(10, 5)
    assert world.line().startswith("Progressing 1/2")


def test_a_limit_that_is_edited_begins_with_new_evidence() -> None:
    world = warming()
    world.rate = {ONE: 0.002, TWO: 0.4}
    world.trace(10, 2)
    world.spec["analysis"]["warmUpLimit"] = 0.6
    world.trace(10, 1)
    assert (kept(world).limit, kept(world).candidate.requests) == (0.6, 100)


def test_evidence_that_nobody_can_read_any_more_begins_anew() -> None:
    world = warming()
    world.trace(10, 2)
    analysis = world.status.analysis
    assert analysis is not None
    broken = msgspec.structs.replace(kept(world), state="of another edition")
    world.status = msgspec.structs.replace(world.status, analysis=msgspec.structs.replace(analysis, warm_up=broken))
    world.trace(10, 1)
    assert kept(world).candidate.requests == 100


def test_what_warms_up_is_no_request_of_a_step_and_still_tells_how_the_gateway_splits() -> None:
    world = warming()
    world.trace(10, 5)
    analysis = world.status.analysis
    assert analysis is not None
    assert analysis.share is not None
    assert analysis.last_window is not None
    assert analysis.metrics[0].candidate.requests == 0
    assert (analysis.last_window.candidate, analysis.last_window.stable) == (100, 900)
    assert (analysis.share.candidate, analysis.share.mismatch < 1.0) == (500, True)


def test_a_candidate_that_answers_nothing_while_it_warms_up_goes_back() -> None:
    world = warming()
    world.hanging = {TWO}
    assert world.trace(10, 8)[-1].startswith("RolledBack")
    assert "AnswersNothing" in world.status.history[-1].reason


def test_a_step_does_not_end_while_the_candidate_warms_up() -> None:
    steps = [{"weight": 10, "for": "10s"}, {"weight": 50, "for": "1m"}]
    world = warming(rollout={"canary": {"steps": steps}}, minRequests=0)
    until = text_of(warms_up_until(world.status, world.deployment.spec.analysis))[11:19]
    world.trace(10, 4)
    assert world.line().startswith("Progressing 1/2")
    assert world.status.message == (
        f"it warms up until {until} UTC: its pods count from 1 min after they are ready and get traffic"
    )
    world.trace(10, 3)
    assert world.line().startswith("Progressing 2/2")


def test_the_message_of_a_step_says_until_when_the_candidate_warms_up_and_no_longer() -> None:
    world = warming("Progressing 1/1", rollout={"canary": {"steps": [{"weight": 10, "for": "5m"}]}})
    assert "10 % of the traffic for at least 5 min; it warms up until" in world.status.message
    world.trace(10, 7)
    assert world.status.message == "10 % of the traffic for at least 5 min"


def test_a_candidate_warms_up_once_and_not_at_every_weight() -> None:
    world = warming()
    since = candidate_of(world).traffic_since
    world.until("Progressing 2/2", seconds=10)
    assert candidate_of(world).traffic_since == since
    assert "warms up" not in world.status.message


def test_a_candidate_has_no_traffic_in_the_route_or_in_a_pause_before_its_first_weight() -> None:
    steps = [{"pause": {"for": "1m"}}, {"weight": 10, "for": "1m"}]
    world = warming("Paused", rollout={"canary": {"steps": steps}})
    assert candidate_of(world).traffic_since is None
    world.until("Progressing 2/2", seconds=10)
    assert candidate_of(world).traffic_since == moment(world.now)


def test_in_the_mirror_of_blue_green_it_warms_up_by_its_copy() -> None:
    rollout = {"strategy": "BlueGreen", "blueGreen": {"mirror": "2m", "bake": "1m"}}
    world = warming("Progressing mirror", rollout=rollout)
    assert candidate_of(world).traffic_since == moment(world.now)


def test_a_rollout_that_an_older_operator_began_warms_up_from_the_step_that_it_is_in() -> None:
    world = warming()
    world.trace(10, 1)
    before = msgspec.structs.replace(candidate_of(world), traffic_since=None)
    status = start_clock(msgspec.structs.replace(world.status, candidate=before), world.now)
    assert status.step is not None
    assert status.candidate is not None
    assert status.candidate.traffic_since == status.step.started_at


def test_the_next_look_comes_when_the_routing_has_settled_and_when_the_warm_up_is_over() -> None:
    world = warming(interval="50s")
    assert world.tick(0.0).look_again == pytest.approx(5.0)
    world.now += 20.0
    assert world.tick(0.0).look_again == pytest.approx(40.0)


def test_no_time_is_longer_to_settle_than_to_warm_up() -> None:
    assert [settle_seconds(Analysis(warm_up=Duration(text))) for text in ("0s", "2s", "60s")] == [0.0, 2.0, 5.0]


def test_only_of_the_candidate_it_is_known_since_when_it_gets_traffic() -> None:
    candidate = Candidate(revision="b", inference_service="f-b", uri="s3://b")
    status = Status(candidate=candidate)
    assert (traffic_since(status, "a"), traffic_since(status, "b")) == (-math.inf, math.inf)
    since = msgspec.structs.replace(candidate, traffic_since=moment(100.0))
    assert traffic_since(msgspec.structs.replace(status, candidate=since), "b") == 100.0
    assert warms_up_until(status, Analysis()) is None
    assert warms_up_until(Status(), Analysis()) is None


def test_a_clock_that_is_set_back_makes_no_warm_up_longer() -> None:
    world = warming()
    now = candidate_of(world).traffic_since.timestamp() - 3600.0
    after = set_back(world.status, moment(now)).candidate
    assert after is not None
    assert after.traffic_since == moment(now)


@pytest.mark.parametrize(
    ("analysis", "words"),
    [
        ({"warmUp": "soon"}, "spec.analysis.warmUp: 'soon' is not a duration"),
        ({"warmUp": "6h"}, "spec.analysis.warmUp: 6h must be shorter than spec.rollout.deadline 6h"),
        ({"warmUpLimit": 0}, "spec.analysis.warmUpLimit: 0.0 must be a rate above 0, and 1 at most"),
        ({"warmUpLimit": 1.5}, "spec.analysis.warmUpLimit: 1.5 must be a rate above 0, and 1 at most"),
    ],
)
def test_nonsense_is_refused_with_the_field_and_what_is_allowed(analysis: dict[str, Any], words: str) -> None:
    spec = {**copy.deepcopy(SPEC), "analysis": analysis}
    with pytest.raises(ValueError, match=r"spec\.analysis") as refused:
        parse({"metadata": {"name": "fraud", "namespace": "ns", "uid": "u"}, "spec": spec})
    assert words in str(refused.value)


class TestTheEvidence:
    """Counts of one window, judged."""

    spec = Analysis(metrics=(Metric(name="errors"),))

    def seen(self, candidate: tuple[int, int], *, stable: tuple[int, int] = (900, 2)) -> Metrics:
        """The candidate's only pod warms up; one of the two pods of the stable model does."""

        def half(of: tuple[int, int]) -> Counts:
            return Counts(requests=of[0] // 2, events=of[1] // 2)

        warm = Window(candidate=Counts(), stable=half(stable))
        up = Window(candidate=Counts(requests=candidate[0], events=candidate[1]), stable=half(stable))
        return Metrics(windows={"errors": warm}, warm_up=up, window_end=1000.0, seconds=30.0)

    def folded(self, seen: Metrics, spec: Analysis | None = None) -> Any:
        return fold(Status(), "b", "a", spec or self.spec, seen)

    def test_all_pods_of_the_stable_model_are_what_failures_are_seen_beside(self) -> None:
        assert self.folded(self.seen((100, 30))).analysis.warm_up.stable == Counts(requests=900, events=2)

    def test_it_is_shown_beside_the_metrics_and_not_as_one(self) -> None:
        folded = self.folded(self.seen((100, 100)))
        assert [metric.name for metric in folded.analysis.metrics] == ["errors"]
        assert folded.analysis.metrics[0].verdict == "Undecided"
        assert folded.verdict == folded.analysis.warm_up.verdict == "Worse"

    def test_it_stands_when_it_is_judged_again_without_counts(self) -> None:
        folded = self.folded(self.seen((100, 100)))
        assert verdict_of(self.spec, folded.analysis) == "Worse"
        again = fold(Status(analysis=folded.analysis), "b", "a", self.spec, Metrics())
        assert again.verdict == "Worse"

    def test_it_has_a_hundredth_of_the_weight_of_all_that_decides(self) -> None:
        spec = replace_metrics(self.spec, Metric(name="errors", weight=2.0), Metric(name="more", weight=3.0))
        folded = self.folded(self.seen((20, 16)), spec)
        expected = 0.99 * 1.0 + 0.01 * folded.analysis.warm_up.worse
        assert folded.analysis.worse == pytest.approx(expected, rel=1e-3)

    def test_a_handful_of_failures_are_too_few(self) -> None:
        assert self.folded(self.seen((12, 12))).verdict == "Undecided"

    def test_without_requests_there_is_nothing_to_keep(self) -> None:
        assert self.folded(self.seen((0, 0))).analysis.warm_up is None

    def test_where_no_failures_are_compared_there_is_no_limit(self) -> None:
        spec = replace_metrics(self.spec, Metric(name="slow", type="Latency", threshold=Duration("1s")))
        assert self.folded(replace(self.seen((100, 100)), windows={}), spec).analysis.warm_up is None

    def test_counts_that_are_the_only_ones_are_judged_by_themselves(self) -> None:
        folded = self.folded(replace(self.seen((100, 100)), windows={}))
        assert folded.analysis.warm_up.stable == Counts(requests=450, events=1)

    def test_the_verdict_names_both_models(self) -> None:
        folded = self.folded(self.seen((100, 100)))
        text = "100 of 100 requests failed while it warmed up (100 %), at most 50 % may; of the stable model 2 of 900"
        assert verdict_sentence(Status(analysis=folded.analysis)) == f"{text}: worse"


def replace_metrics(analysis: Analysis, *metrics: Metric) -> Analysis:
    return msgspec.structs.replace(analysis, metrics=metrics)
