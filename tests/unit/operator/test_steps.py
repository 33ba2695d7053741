"""Steps of a rollout: what ends them, what they say, and which arms are measured."""

import pytest

from support.fake_world import FakeWorld
from support.rolling import BLUE_GREEN, lose, rolling, stable_of
from timoneiro_operator.decide.steps import arms_to_measure


def test_of_two_pauses_in_a_row_both_are_waited_for() -> None:
    world = FakeWorld().healthy()
    world.spec["rollout"]["canary"]["steps"] = [{"weight": 10, "for": "1m"}, {"pause": {"for": "1m"}}, {"pause": {}}]
    world.model(2)
    assert world.trace(10, 60)[-1] == "Paused pause 3/3 1:90,2:10 1 2"


def test_a_step_ends_with_just_as_many_requests_as_are_needed() -> None:
    world = FakeWorld().healthy()
    world.spec["rollout"]["canary"]["steps"] = [{"weight": 10, "for": "10s"}, {"weight": 50, "for": "10s"}]
    world.spec["analysis"]["minRequests"] = 100
    world.model(2)
    world.until("Progressing 1/2")
    world.tick(10)
    assert world.line() == "Progressing 2/2 1:50,2:50 1 2"


def test_the_old_model_is_measured_by_its_copy_while_the_new_one_bakes() -> None:
    world = FakeWorld()
    world.spec["rollout"] = dict(BLUE_GREEN)
    world.healthy()
    world.model(2)
    world.until("Healthy bake")
    arms = arms_to_measure(world.status)
    assert arms is not None
    assert arms.mirrored


def test_requests_of_former_steps_do_not_count_for_a_step() -> None:
    world = rolling("Progressing 2/2")
    world.requests_per_second = 0.0
    world.trace(60, 3)
    assert world.status.message == "waiting for requests: 0 of 50 in this step"


def test_limits_that_are_edited_leave_the_step_where_it_is() -> None:
    world = rolling("Progressing 2/2")
    world.spec["analysis"]["metrics"][0]["tolerance"] = 0.5
    world.tick(10)
    assert world.line() == "Progressing 2/2 1:50,2:50 1 2"


def test_limits_that_are_edited_at_a_weight_of_100_do_not_hold_a_candidate_that_can_prove_nothing_more() -> None:
    world = FakeWorld().healthy()
    world.spec["rollout"]["canary"]["steps"] = [{"weight": 50, "for": "1m"}, {"weight": 100, "for": "1m"}]
    world.model(2)
    world.until("Progressing 2/2")
    world.spec["analysis"]["metrics"][0]["tolerance"] = 0.5
    world.rate["s3://models/fraud/2"] = 0.02
    assert world.trace(10, 12)[-1] == "Healthy - 2:100 2 -"


@pytest.mark.parametrize(
    ("rollout", "state", "words"),
    [
        ({}, "Progressing 1/3", "5 % of the traffic for at least 10 min"),
        (BLUE_GREEN, "Progressing mirror 1/1", "a copy of the traffic for at least 1 min"),
    ],
)
def test_a_step_says_what_the_candidate_gets_and_for_how_long(
    rollout: dict[str, object], state: str, words: str
) -> None:
    world = FakeWorld()
    world.spec["rollout"] = dict(rollout)
    world.healthy()
    world.model(2)
    world.until(state)
    world.tick(1)
    assert world.status.message == words


def test_before_its_first_traffic_the_candidate_is_in_the_route() -> None:
    world = rolling("Progressing 0/2")
    world.tick(0.5)
    assert world.status.message == "the candidate is in the route and gets its first traffic soon"


def test_what_holds_a_step_whose_stable_model_is_down_is_said() -> None:
    world = rolling()
    lose(world, stable_of(world))
    world.tick(1)
    assert world.status.message == "the stable model has no ready replica: nothing to compare with"


@pytest.mark.parametrize("accepted", [False, True])
def test_what_is_measured_is_told_apart_by_whether_the_gateway_has_accepted_it(accepted: bool) -> None:
    world = rolling("Progressing 0/2")
    world.gateway_accepts = accepted
    world.until("Progressing 1/2")
    arms = arms_to_measure(world.status)
    assert arms is not None
    assert arms.accepted is accepted
