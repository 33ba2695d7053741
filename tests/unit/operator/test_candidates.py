"""A candidate from its first pod to its promotion."""

from dataclasses import replace

from support.fake_world import FakeWorld
from support.rolling import lose, rolling, stable_of
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
