"""Limits of behaviour (on the way), which mutants of `decide` found untested (docs/mutation.md)."""

from dataclasses import replace

import pytest

from support.fake_world import FakeWorld
from support.rolling import lose, rolled_back, rolling, stable_of
from timoneiro_operator.api.status import (
    to_seconds,
)
from timoneiro_operator.decide.observation import Failure, Routing


def test_a_candidate_that_enters_the_route_is_ready_and_says_so() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.tick()
    assert not world.status.candidate.ready
    world.tick()
    assert world.status.candidate.ready
    assert world.status.message == "the candidate is ready and enters the route"


def test_the_name_that_the_driver_has_for_a_revision_goes_with_it_from_candidate_to_stable() -> None:
    world = FakeWorld().healthy()
    name = world.model(2)
    world.tick()
    world.services[name] = replace(world.services[name], backend="fraud-00002")
    world.tick()
    assert world.status.candidate.backend == "fraud-00002"
    world.services[name] = replace(world.services[name], backend=None)
    world.until("Healthy - 2", seconds=10)
    assert world.status.stable.backend == "fraud-00002"


def test_the_name_that_the_driver_has_at_the_promotion_is_the_one_that_counts() -> None:
    world = FakeWorld()
    world.tick()
    world.services[world.wanted()] = replace(world.services[world.wanted()], backend="fraud-00001")
    world.healthy()
    assert world.status.stable.backend == "fraud-00001"


def test_a_candidate_that_is_not_ready_says_what_its_pods_say() -> None:
    world = FakeWorld().healthy()
    name = world.model(2)
    world.failures[name] = Failure(reason="ErrImagePull", message="no such image", final=False)
    world.tick(1)
    world.tick(1)
    assert world.status.message == f"version 2 ({name}) is not ready: ErrImagePull: no such image"


def test_a_candidate_enters_the_route_only_when_the_controllers_have_noticed_that_it_is_ready() -> None:
    world = FakeWorld().healthy()
    name = world.model(2)
    world.tick()
    world.services[name] = replace(world.services[name], known=False)
    world.tick()
    assert world.status.step is None
    assert world.status.message == (
        "the candidate is ready; it enters the route as soon as the cluster's controllers have noticed it"
    )
    world.services[name] = replace(world.services[name], known=True)
    world.tick()
    assert world.status.step.kind == "Listed"


def test_a_candidate_of_which_kserve_could_not_make_all_goes_back_at_its_deadline_with_the_reason() -> None:
    world = FakeWorld().healthy()
    name = world.model(2)
    world.tick()
    failure = Failure(reason="ReconcileFailed", message='no matches for kind "ScaledObject"', final=False)
    world.services[name] = replace(world.services[name], known=False, failure=failure)
    world.tick(1)
    assert (world.status.step, world.status.message.split(": ", 1)[1]) == (None, f"ReconcileFailed: {failure.message}")
    world.tick(600)
    assert world.status.history[-1].outcome == "RolledBack"
    assert failure.message in world.status.history[-1].reason


def test_a_candidate_that_is_in_the_route_already_waits_for_no_controller() -> None:
    world = rolling()
    name = world.status.candidate.revision
    world.model(1)
    world.tick()
    world.services[name] = replace(world.services[name], known=False)
    world.model(2)
    world.tick()
    world.tick()
    assert (world.status.candidate.revision, world.status.step.kind) == (name, "Listed")


def test_a_candidate_does_not_enter_the_route_while_there_is_nothing_to_compare_it_with() -> None:
    world = FakeWorld().healthy()
    lose(world, stable_of(world))
    world.model(2)
    assert world.trace(1, 3)[-1] == "Holding - 1:100 1 2"
    assert world.status.message == "the stable model has no ready replica: nothing to compare with"


def test_a_rollback_does_not_wait_for_a_stable_model_that_is_down() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.until("Healthy - 2", seconds=10)
    lose(world, stable_of(world))
    world.ask("rollback")
    assert world.line() == "Promoting promote 1:100 2 1"


def test_a_promotion_that_the_gateway_has_not_taken_up_is_under_way() -> None:
    world = rolling()
    world.gateway_accepts = False
    world.ask("promote", full=True)
    world.tick(1)
    assert (world.status.phase, world.status.message) == (
        "Promoting",
        f"waiting for the gateway: {world.route.message}",
    )


def test_without_a_word_from_the_gateway_the_weights_are_waited_for() -> None:
    world = rolling()
    world.route = replace(world.route, routing=Routing(weights={stable_of(world): 100}))
    world.tick()
    assert world.status.message == "waiting for the gateway to accept the new weights"


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
    assert to_seconds(world.status.stable.since) == world.now


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


def test_a_candidate_that_was_withdrawn_says_where_its_traffic_goes() -> None:
    world = rolling()
    world.model(1)
    world.tick(1)
    assert (world.status.phase, world.status.message) == ("RollingBack", "all traffic goes back to the stable model")


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
