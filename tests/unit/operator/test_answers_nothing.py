"""A candidate that answers nothing is rolled back, and a gateway that sends it nothing is told from it."""

from dataclasses import replace

import pytest

from support.fake_world import FakeWorld
from timoneiro_operator.api.status import Condition
from timoneiro_operator.api.times import moment
from timoneiro_operator.decide.decide import decide

SECOND = "s3://models/fraud/2"


def rolling(*, hangs: bool = True, counts_arrivals: bool = True, state: str = "Progressing 1/2") -> FakeWorld:
    """The second model has its first traffic, and answers none of it."""
    world = FakeWorld(counts_arrivals=counts_arrivals).healthy()
    world.hanging = {SECOND} if hangs else set()
    world.model(2)
    world.until(state)
    return world


def condition(world: FakeWorld, kind: str) -> Condition:
    return next(one for one in world.status.conditions if one.type == kind)


def blue_green(**fields: bool) -> FakeWorld:
    world = FakeWorld(**fields)
    world.spec["rollout"] = {"strategy": "BlueGreen"}
    world.healthy()
    world.hanging = {SECOND}
    world.model(2)
    world.until("Progressing mirror 1/1")
    return world


def test_a_candidate_that_answers_nothing_of_what_arrives_is_rolled_back() -> None:
    world = rolling()
    world.until("RolledBack", seconds=10)
    assert world.status.rejected[0].reason.startswith("AnswersNothing: the candidate has answered none of 6")
    assert "while the stable model has answered" in world.status.rejected[0].reason


def test_where_only_what_has_ended_is_counted_it_is_rolled_back_with_both_possibilities() -> None:
    world = rolling(counts_arrivals=False)
    world.until("RolledBack", seconds=10)
    reason = world.status.rejected[0].reason
    assert reason.startswith(
        "AnswersNothing: the candidate has answered no request, while the stable model has answered"
    )
    assert "either it hangs, or the gateway sends it nothing" in reason


def test_a_gateway_that_sends_the_candidate_nothing_is_a_mismatch_and_no_fault_of_the_candidate() -> None:
    world = rolling(hangs=False)
    assert world.status.candidate is not None
    assert world.status.stable is not None
    world.realised = {world.status.candidate.revision: 0, world.status.stable.revision: 100}
    for _ in range(60):
        world.tick(10)
    assert world.status.candidate is not None
    assert condition(world, "RouteAccepted").reason == "RoutingMismatch"


@pytest.mark.parametrize("counts_arrivals", [True, False])
def test_a_candidate_that_answers_nothing_of_its_copy_is_rolled_back(counts_arrivals: bool) -> None:
    world = blue_green(counts_arrivals=counts_arrivals)
    world.until("RolledBack", seconds=10)
    assert world.status.rejected[0].reason.startswith("AnswersNothing")


def test_a_candidate_that_stops_answering_with_all_of_the_traffic_is_rolled_back() -> None:
    world = blue_green()
    world.hanging = set()
    world.until("Healthy bake", seconds=10)
    world.hanging = {SECOND}
    world.until("RolledBack", seconds=10)
    assert world.status.rejected[0].reason.startswith("after its promotion: AnswersNothing: it has answered none of ")


def test_a_minute_is_given_to_a_model_that_takes_long() -> None:
    world = rolling()
    for _ in range(5):
        world.tick(10)
    assert world.status.candidate is not None
    world.hanging = set()
    world.until("Healthy", seconds=10)


def test_so_few_answers_of_the_stable_model_that_it_may_be_chance_say_nothing() -> None:
    world = rolling(counts_arrivals=False)
    world.requests_per_second = 0.3
    for _ in range(12):
        world.tick(10)
    assert world.status.candidate is not None


def test_answers_of_pods_that_were_not_watched_all_the_time_say_nothing() -> None:
    world = rolling(counts_arrivals=False)
    for _ in range(12):
        world.now += 10
        seen = world.observe()
        decision = decide(
            world.deployment, replace(seen, metrics=replace(seen.metrics, answers=None)), moment(world.now)
        )
        world.carry_out(decision)
        world.status = decision.status
    assert world.status.candidate is not None


def test_a_source_that_cannot_see_what_hangs_says_so() -> None:
    world = rolling(hangs=False, counts_arrivals=False)
    world.tick(10)
    available = condition(world, "MetricsAvailable")
    assert (available.status, available.reason) == ("True", "Available")
    assert "a request that hangs is not seen" in available.message


def test_a_source_that_counts_what_arrives_has_nothing_to_say() -> None:
    world = rolling(hangs=False)
    world.tick(10)
    assert condition(world, "MetricsAvailable").message == "both arms are measured"
