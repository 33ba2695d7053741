"""When things happen: deadlines, delays, the next look, and what a deadline decides."""

from dataclasses import replace

import pytest

from support.fake_world import FakeWorld
from support.rolling import lose, rolled_back, rolling
from timoneiro_operator.api.times import clock
from timoneiro_operator.decide.observation import Failure


def test_what_holds_a_rollout_says_until_when() -> None:
    world = FakeWorld(requests_per_second=1.5).healthy()
    world.spec["analysis"]["minRequests"] = 1
    world.model(2)
    world.trace(60, 20)
    until = clock(world.status.candidate.deadline)
    assert world.status.message == f"more evidence of 'not worse' is needed, until {until}: {world.status.verdict}"


def test_a_rollout_that_is_past_its_deadline_before_it_gets_traffic_says_that_nothing_was_compared() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.tick(1)
    # As where a clock was an hour behind when the rollout began, and is right again.
    world.now += 24 * 3600
    world.trace(1, 5)
    assert world.status.message == "inconclusive at the deadline, holding: nothing was compared"


@pytest.mark.parametrize("wish", ["Promote", "Rollback"])
def test_what_the_deadline_decided_is_the_reason_in_the_history(wish: str) -> None:
    world = FakeWorld(requests_per_second=1.5).healthy()
    world.spec["rollout"] |= {"onInconclusive": wish, "deadline": "20m"}
    world.spec["analysis"]["minRequests"] = 1
    world.model(2)
    world.trace(60, 30)
    assert world.status.history[-1].reason == f"inconclusive at the deadline: {world.status.verdict}"


@pytest.mark.parametrize(("reason", "phase"), [("Pending", "RolledBack"), ("NotAllowed", "RollingBack")])
def test_a_rollback_that_is_over_is_over_while_the_gateway_is_only_late(reason: str, phase: str) -> None:
    world = rolled_back()
    world.gateway_accepts = False
    world.route = replace(world.route, accepted=False, reason=reason)
    world.tick()
    assert world.status.phase == phase


def test_a_first_model_is_late_at_its_deadline_and_not_before() -> None:
    world = FakeWorld()
    world.ready = False
    world.tick()
    world.tick(599)
    assert world.status.phase == "Pending"
    world.tick(1)
    assert world.status.phase == "Degraded"


def test_a_candidate_is_late_at_its_deadline_and_not_before() -> None:
    world = FakeWorld().healthy()
    world.ready = False
    world.model(2)
    world.tick()
    world.tick(599)
    assert world.status.candidate is not None
    world.tick(1)
    reason = "ProgressDeadlineExceeded: the candidate did not become ready in time, 0 of 1 replicas ready"
    assert world.status.history[-1].reason == reason


def test_a_candidate_that_is_deleted_and_late_had_no_replica() -> None:
    world = FakeWorld().healthy()
    world.ready = False
    name = world.model(2)
    world.tick()
    del world.services[name]
    world.tick(600)
    assert world.status.history[-1].reason.endswith("0 of 1 replicas ready")


def test_a_candidate_that_was_never_in_the_route_is_deleted_at_the_end_of_its_delay_and_not_before() -> None:
    world = FakeWorld().healthy()
    name = world.model(2)
    world.failures[name] = Failure(reason="FailedLoad", message="digest differs", final=True)
    world.tick()
    world.tick()
    assert world.status.candidate is None
    world.tick(29)
    assert name in world.services
    world.tick(1)
    assert name not in world.services


def test_a_former_candidate_leaves_the_route_at_the_end_of_its_delay_and_not_before() -> None:
    world = rolling()
    candidate = world.wanted()
    world.ask("abort")
    assert candidate in world.tick(29).routing.weights
    assert candidate not in world.tick(1).routing.weights


def test_a_revision_that_is_retried_is_not_deleted_when_its_delay_ends() -> None:
    world = rolled_back()
    name = world.wanted()
    lose(world, name)
    world.ask("retry")
    world.tick(60)
    world.tick(60)
    assert name in world.services


def test_the_history_says_when_a_rollout_began_and_when_it_ended() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.tick(5)
    began = world.now
    world.until("Progressing 1/2")
    world.ask("abort")
    entry = world.status.history[-1]
    assert (entry.started_at.timestamp(), entry.ended_at.timestamp()) == (began, world.now)


def test_nothing_calls_for_another_look_at_a_deployment_at_rest() -> None:
    assert FakeWorld().healthy().tick().look_again is None


def test_a_candidate_that_is_not_ready_is_looked_at_again_at_its_progress_deadline() -> None:
    world = FakeWorld().healthy()
    world.ready = False
    world.model(2)
    world.tick()
    assert world.tick(100).look_again == 500


def test_a_rollout_that_waits_for_a_person_is_looked_at_again_at_its_deadline() -> None:
    world = FakeWorld().healthy()
    world.spec["rollout"]["canary"]["steps"] = [{"pause": {}}, {"weight": 50, "for": "1m"}]
    world.model(2)
    world.until("Paused pause 1/2")
    assert world.tick().look_again == world.status.candidate.deadline.timestamp() - world.now


def test_a_step_whose_counts_bring_no_pass_is_looked_at_again_after_an_interval_and_the_time_they_take() -> None:
    assert rolling().tick(1).look_again == 15


def test_a_step_that_ends_before_the_interval_is_looked_at_again_then() -> None:
    world = rolling()
    world.tick(53)
    assert world.tick(1).look_again == 6


def test_what_is_to_be_deleted_is_looked_at_again_although_a_candidate_is_waited_for() -> None:
    world = rolling()
    world.ask("abort")
    world.ready = False
    world.model(3)
    world.tick(1)
    assert world.tick(1).look_again == 28


def test_a_moment_that_has_just_come_is_no_reason_to_look_again_at_once() -> None:
    world = rolling()
    world.ask("pause")
    world.now = world.status.step.not_before.timestamp()
    assert world.tick().look_again == 15


def test_a_rollout_is_inconclusive_at_its_deadline_and_not_before() -> None:
    world = FakeWorld(requests_per_second=0.0).healthy()
    world.spec["rollout"] |= {"onInconclusive": "Rollback", "deadline": "20m"}
    world.model(2)
    world.until("Holding", seconds=10)
    world.now = world.status.candidate.deadline.timestamp() - 1
    world.tick()
    assert world.status.candidate is not None
    world.tick(1)
    assert world.status.candidate is None
