"""What the API server does not take is quoted, told once, and said with where the traffic is meanwhile."""

import pytest

from support.fake_world import FakeWorld
from support.rolling import lose, rolling, stable_of
from timoneiro_operator.api.status import Status
from timoneiro_operator.decide.decision import with_refusal
from timoneiro_operator.decide.events import Event, events_between
from timoneiro_operator.decide.observation import Observation

FROZEN = "HTTPRoute fraud was refused: change freeze until Monday"


def denied(world: FakeWorld, reason: str = "Refused") -> Status:
    """The status of a pass whose write of the route was refused, as the reconciler writes it."""
    kept = world.route
    decision = world.tick(1)
    world.route = kept
    world.status = with_refusal(decision.status, reason, FROZEN, world.observe())
    return world.status


def denied_step() -> FakeWorld:
    world = rolling("Progressing 0/2")
    kept = world.route
    world.tick(1)
    world.route = kept
    denied(world)
    return world


def test_a_step_that_is_refused_holds_and_says_that_the_traffic_has_not_moved() -> None:
    status = denied_step().status
    assert (status.phase, status.weight) == ("Holding", 0)
    assert status.message == f"{FROZEN}; the traffic stays at 100 % stable, 0 % candidate"


def test_a_rollback_that_is_refused_says_what_the_candidate_still_gets() -> None:
    world = rolling()
    kept = world.route
    world.ask("abort")
    world.route = kept
    status = denied(world)
    assert (status.phase, status.weight) == ("RollingBack", 10)


@pytest.mark.parametrize("reason", ["Refused", "HostnameConflict"])
def test_where_the_traffic_is_where_it_should_be_only_the_refusal_is_said(reason: str) -> None:
    status = denied(FakeWorld().healthy(), reason)
    assert (status.phase, status.message, status.weight) == ("Healthy", FROZEN, 0)


@pytest.mark.parametrize("ready", [True, False])
def test_before_anything_serves_there_is_no_traffic_to_speak_of(ready: bool) -> None:
    world = FakeWorld(ready=ready)
    world.tick()
    status = with_refusal(world.status, "Refused", FROZEN, Observation())
    assert (status.phase, status.message, status.weight) == ("Pending", FROZEN, None)


def test_a_refusal_is_told_once_and_its_end_too() -> None:
    world = rolling("Progressing 0/2")
    kept = world.route
    world.tick(1)
    world.route = kept
    before = world.status
    first = events_between(before, denied(world))
    assert first == [Event("Warning", "Refused", world.status.message)]
    before = world.status
    assert events_between(before, denied(world)) == []
    before = world.status
    world.tick(1)
    assert events_between(before, world.status) == [Event("Normal", "Recovered", "Refused is over")]
    assert world.status.weight == 10


def test_while_the_stable_model_is_down_no_split_is_held_against_the_gateway() -> None:
    world = rolling()
    world.realised = {world.wanted(): 100, stable_of(world): 0}
    lose(world, stable_of(world))
    world.trace(10, 6)
    assert world.status.message == "the stable model has no ready replica: nothing to compare with"
    share = world.status.analysis.share if world.status.analysis else None
    assert share is None or share.mismatch < 2
