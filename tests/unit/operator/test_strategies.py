"""Golden traces of the strategies: phase, step, weights and `+` copy at the gateway, stable and candidate version."""

import pytest

from support.fake_world import FakeWorld
from support.rolling import BLUE_GREEN, world_of
from timoneiro_operator.decide.steps import arms_to_measure

PAUSES = {"canary": {"steps": [{"pause": {}}, {"weight": 10, "for": "1m"}, {"pause": {"for": "5m"}}]}}


def test_blue_green_mirrors_first_switches_once_and_bakes_with_a_copy_to_the_old_model() -> None:
    blue_green = world_of(BLUE_GREEN)
    blue_green.model(2)
    assert blue_green.trace(10, 25) == [
        "Progressing - 1:100 1 2",
        "Progressing 0/1 1:100 1 2",
        "Progressing mirror 1/1 1:100+2 1 2",
        "Promoting promote 2:100 1 2",
        "Healthy bake 2:100+1 2 -",
        "Healthy - 2:100 2 -",
    ]


def test_blue_green_never_shows_users_a_candidate_that_fails_on_the_copy() -> None:
    blue_green = world_of(BLUE_GREEN, rate={"s3://models/fraud/2": 0.3})
    blue_green.model(2)
    assert blue_green.trace(10, 25) == [
        "Progressing - 1:100 1 2",
        "Progressing 0/1 1:100 1 2",
        "Progressing mirror 1/1 1:100+2 1 2",
        "RollingBack - 1:100 1 -",
        "RolledBack - 1:100 1 -",
    ]


def test_blue_green_goes_back_when_the_candidate_turns_bad_after_the_switch() -> None:
    blue_green = world_of(BLUE_GREEN)
    blue_green.model(2)
    blue_green.until("Healthy bake")
    blue_green.rate["s3://models/fraud/2"] = 0.5
    assert blue_green.trace(10, 10) == [
        "RollingBack - 1:100 1 -",
        "RolledBack - 1:100 1 -",
    ]


def test_blue_green_without_evidence_holds_before_the_switch() -> None:
    blue_green = world_of(BLUE_GREEN, requests_per_second=1.0)
    blue_green.spec["analysis"]["minRequests"] = 1
    blue_green.model(2)
    assert blue_green.trace(30, 10)[-1] == "Holding mirror 1/1 1:100+2 1 2"
    assert "more evidence of 'not worse' is needed" in blue_green.status.message


def test_the_copy_is_counted_with_as_many_requests_as_the_stable_model_has() -> None:
    blue_green = world_of(BLUE_GREEN)
    blue_green.model(2)
    blue_green.until("Progressing mirror 1/1")
    blue_green.tick(10)
    metric = blue_green.status.analysis.metrics[0]
    assert metric.candidate.requests == metric.stable.requests == 1000


def test_a_pause_in_front_waits_for_a_person_with_the_candidate_in_the_route_and_without_traffic() -> None:
    paused = world_of(PAUSES)
    paused.model(2)
    assert paused.trace(60, 100) == [
        "Progressing - 1:100 1 2",
        "Progressing 0/3 1:100 1 2",
        "Progressing pause 1/3 1:100 1 2",
        "Paused pause 1/3 1:100 1 2",
    ]
    assert paused.status.traffic.desired.candidate == 0
    assert arms_to_measure(paused.status) is None


def test_a_pause_with_a_duration_ends_by_itself_and_needs_no_requests() -> None:
    paused = world_of(PAUSES)
    paused.model(2)
    paused.until("Paused pause 1/3")
    paused.ask("resume")
    assert paused.trace(30, 30) == [
        "Progressing 2/3 1:90,2:10 1 2",
        "Progressing pause 3/3 1:90,2:10 1 2",
        "Paused pause 3/3 1:90,2:10 1 2",
        "Promoting promote 1:10,2:90 1 2",
        "Healthy holdback 10% 1:10,2:90 2 -",
    ]


def test_a_pause_is_longer_than_the_time_to_become_ready_and_that_is_no_failure() -> None:
    paused = world_of(PAUSES | {"progressDeadline": "1m"})
    paused.model(2)
    assert paused.trace(60, 60)[-1] == "Paused pause 1/3 1:100 1 2"


def test_a_deadline_does_not_come_nearer_while_people_have_it_paused() -> None:
    paused = world_of(PAUSES | {"deadline": "1h", "onInconclusive": "Rollback"})
    paused.model(2)
    paused.until("Paused pause 1/3")
    before = paused.status.candidate.deadline.timestamp()
    paused.tick(7200)
    assert paused.line() == "Paused pause 1/3 1:100 1 2"
    paused.ask("resume")
    assert paused.status.candidate.deadline.timestamp() == pytest.approx(before + 7200, abs=5)


def test_a_weight_of_100_needs_the_evidence_before_it_and_not_after_it() -> None:
    full = world_of({"canary": {"steps": [{"weight": 50, "for": "1m"}, {"weight": 100, "for": "1m"}]}})
    full.spec["analysis"]["minRequests"] = 0
    full.requests_per_second = 0.0
    full.model(2)
    assert full.trace(30, 10)[-1] == "Holding 1/2 1:50,2:50 1 2"
    full.requests_per_second = 100.0
    assert full.trace(30, 10)[-2:] == ["Promoting promote 1:10,2:90 1 2", "Healthy holdback 10% 1:10,2:90 2 -"]


def test_a_schedule_that_is_edited_in_mid_rollout_skips_nothing_and_repeats_nothing() -> None:
    edited = FakeWorld().healthy()
    edited.model(2)
    edited.until("Progressing 1/2")
    steps = [{"weight": 5, "for": "1m"}, {"weight": 10, "for": "1m"}, {"pause": {}}, {"weight": 30, "for": "1m"}]
    edited.spec["rollout"]["canary"]["steps"] = steps
    assert edited.trace(30, 10)[-1] == "Paused pause 3/4 1:90,2:10 1 2"
    edited.ask("resume")
    assert edited.trace(1, 2)[-1] == "Progressing 4/4 1:70,2:30 1 2"


def test_a_canary_that_becomes_blue_green_in_mid_rollout_still_needs_the_evidence_for_the_switch() -> None:
    edited = FakeWorld(requests_per_second=0.0).healthy()
    edited.model(2)
    edited.until("Progressing 1/2")
    edited.spec["rollout"] |= BLUE_GREEN
    edited.spec["analysis"]["minRequests"] = 0
    assert edited.trace(60, 5)[-1] == "Holding 1/2 1:90,2:10 1 2"


def test_the_old_model_stays_warm_for_as_long_as_it_was_asked_and_then_goes() -> None:
    warm = FakeWorld().healthy()
    warm.spec["rollout"]["keepStable"] = "10m"
    old = warm.wanted()
    warm.model(2)
    warm.until("Healthy", seconds=10)
    warm.tick(590)
    assert old in warm.services
    warm.tick(20)
    warm.settle()
    assert old not in warm.services


def test_a_preview_reaches_the_candidate_from_the_moment_it_is_listed_until_it_is_gone() -> None:
    preview = world_of(PAUSES)
    preview.spec["route"] = {**preview.spec["route"], "preview": {"header": {"name": "X-Timoneiro"}}}
    candidate = preview.model(2)
    preview.tick()
    assert preview.route.routing.preview is None
    preview.until("Paused pause 1/3")
    assert preview.route.routing.preview == candidate
    preview.ask("abort")
    assert preview.route.routing.preview is None


def test_a_pause_before_any_traffic_that_becomes_blue_green_is_mirrored_before_the_switch() -> None:
    edited = world_of(PAUSES, rate={"s3://models/fraud/2": 0.5})
    edited.spec["analysis"]["promotion"] = "NoHarm"
    edited.model(2)
    edited.until("Paused pause 1/3")
    edited.spec["rollout"] = BLUE_GREEN
    edited.ask("resume")
    assert edited.line() == "Progressing mirror 1/1 1:100+2 1 2"


def test_a_mirror_that_becomes_a_canary_still_waits_for_the_person_in_front() -> None:
    edited = world_of(BLUE_GREEN)
    edited.model(2)
    edited.until("Progressing mirror 1/1")
    edited.spec["rollout"] = PAUSES
    assert "Paused pause 1/3 1:100 1 2" in edited.trace(10, 20)
