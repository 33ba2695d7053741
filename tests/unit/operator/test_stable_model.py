"""The first model and the stable one: how they come to serve, and what is done when they do not."""

from dataclasses import replace

import pytest

from support.fake_world import FakeWorld
from support.rolling import lose, rolled_back, stable_of
from timoneiro_operator.decide.observation import Failure


def test_a_first_model_that_is_lost_before_it_serves_is_not_given_traffic() -> None:
    world = FakeWorld()
    world.gateway_accepts = False
    world.tick()
    world.tick()
    assert world.line() == "Pending promote 1:100 - 1"
    lose(world, world.wanted())
    assert world.tick().routing.weights == {}
    assert world.line().startswith("Pending - ")


def test_a_first_model_that_was_replaced_before_it_served_does_not_leave_a_route_without_weights() -> None:
    world = FakeWorld()
    world.gateway_accepts = False
    world.tick()
    world.tick()
    world.ready = False
    world.model(2)
    assert world.tick(1).routing.weights == {}


def test_a_first_model_that_somebody_edits_is_built_as_it_was() -> None:
    world = FakeWorld()
    world.ready = False
    world.tick()
    name = world.wanted()
    world.services[name] = replace(world.services[name], as_built=False)
    world.tick()
    assert world.status.restored.what == f"InferenceService fraud-{name} was edited"


def test_a_stable_model_without_ready_replicas_is_not_ready_in_the_status() -> None:
    world = FakeWorld().healthy()
    assert world.status.stable.ready
    lose(world, stable_of(world))
    world.tick()
    assert not world.status.stable.ready


def test_a_promoted_model_is_ready_and_stable_since_its_promotion() -> None:
    world = FakeWorld()
    for _ in range(10):
        if world.status.stable is None:
            world.tick(1)
    assert world.status.stable.ready
    assert world.status.stable.since.timestamp() == world.now


def test_a_stable_model_goes_by_the_name_that_the_driver_has_for_it_now() -> None:
    world = FakeWorld().healthy()
    name = stable_of(world)
    world.services[name] = replace(world.services[name], backend="fraud-00001")
    world.tick()
    assert world.status.stable.backend == "fraud-00001"


def test_after_a_rollback_a_stable_model_that_serves_no_more_is_degraded_in_the_words_of_its_pods() -> None:
    world = rolled_back()
    name, rejected = stable_of(world), world.status.message
    failure = Failure(reason="CrashLoopBackOff", message="out of memory", final=True)
    world.services[name] = replace(world.services[name], ready_replicas=0, failure=failure)
    world.tick()
    text = f"version 1 ({name}) is not ready: CrashLoopBackOff: out of memory; {rejected}"
    assert (world.status.phase, world.status.message) == ("Degraded", text)


def test_a_healthy_deployment_stays_healthy_while_the_gateway_is_only_late() -> None:
    world = FakeWorld().healthy()
    world.gateway_accepts = False
    world.route = replace(world.route, accepted=False, reason="Pending")
    world.tick()
    assert world.status.phase == "Healthy"


@pytest.mark.parametrize(
    ("edited", "seconds", "reported_anew"),
    [("same", 59, False), ("same", 60, True), ("another", 1, True)],
)
def test_an_edit_is_reported_anew_after_a_minute_or_when_it_is_another_one(
    edited: str, seconds: float, reported_anew: bool
) -> None:
    world = FakeWorld().healthy()
    world.route = None
    world.tick()
    first = world.status.restored
    world.settle()
    world.route = None if edited == "same" else replace(world.route, as_built=False)
    world.tick(seconds)
    assert (world.status.restored != first) == reported_anew


def test_a_model_that_was_deleted_is_made_anew() -> None:
    world = FakeWorld().healthy()
    del world.services[stable_of(world)]
    decision = world.decide()
    assert [snapshot.revision for snapshot in decision.ensure] == [stable_of(world)]
