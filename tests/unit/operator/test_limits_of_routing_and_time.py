"""Limits of behaviour (routing, time), which mutants of `decide` found untested (docs/mutation.md)."""

import pytest

from support.fake_world import FakeWorld
from support.rolling import lose, rolled_back, rolling
from timoneiro_operator.api.status import (
    Weights,
    to_seconds,
)
from timoneiro_operator.decide.observation import Failure, Observation, RouteState, Routing, Workload
from timoneiro_operator.decide.routing import without_loss

# Routing


def without_loss_of(
    has: dict[str, int], wanted: dict[str, int], *, serving: set[str], dead: set[str]
) -> dict[str, int]:
    workloads = {name: Workload(ready_replicas=int(name in serving), routable=True) for name in serving | dead}
    seen = Observation(workloads=workloads, route=RouteState(routing=Routing(weights=has)))
    return dict(without_loss(Routing(weights=wanted), seen).weights)


def test_traffic_is_not_given_to_a_stable_model_that_was_deleted() -> None:
    given = without_loss_of({"a": 50, "b": 50}, {"a": 100, "b": 0}, serving={"b"}, dead=set())
    assert given == {"a": 50, "b": 50}


def test_a_route_that_names_a_stranger_is_put_back_whoever_serves() -> None:
    given = without_loss_of({"b": 50, "stranger": 50}, {"a": 100, "b": 0}, serving={"b"}, dead={"a"})
    assert given == {"a": 100, "b": 0}


@pytest.mark.parametrize("has", [{"b": 100}, {"a": 0, "b": 100}])
def test_not_even_one_percent_is_taken_from_what_serves_to_be_given_to_what_does_not(has: dict[str, int]) -> None:
    assert without_loss_of(has, {"a": 1, "b": 99}, serving={"b"}, dead={"a"}) == {"a": 0, "b": 100}


def test_traffic_between_two_that_do_not_serve_is_moved_as_wanted() -> None:
    wanted = {"a": 50, "b": 50, "c": 0}
    assert without_loss_of({"a": 0, "b": 50, "c": 50}, wanted, serving={"b"}, dead={"a", "c"}) == wanted


def test_weights_that_wait_keep_the_mirror_and_the_preview_from_waiting() -> None:
    wanted = Routing(weights={"a": 100, "b": 0}, mirror="b", preview="b")
    workloads = {"b": Workload(ready_replicas=1, routable=True)}
    seen = Observation(workloads=workloads, route=RouteState(routing=Routing(weights={"a": 0, "b": 100})))
    given = without_loss(wanted, seen)
    assert (given.weights, given.mirror, given.preview) == ({"a": 0, "b": 100}, "b", "b")


@pytest.mark.parametrize(
    ("state", "stable", "candidate"), [("Progressing -", 100, 0), ("Progressing 1/2", 90, 10), ("Promoting", 0, 100)]
)
def test_the_status_shows_who_is_meant_to_get_how_much(state: str, stable: int, candidate: int) -> None:
    world = FakeWorld().healthy()
    world.model(2)
    for _ in range(200):
        if not world.line().startswith(state):
            world.tick(1)
    assert world.status.traffic.desired == Weights(stable=stable, candidate=candidate)


def test_the_first_model_is_shown_as_a_candidate_that_is_meant_to_get_everything() -> None:
    world = FakeWorld()
    world.tick()
    world.tick()
    assert world.status.traffic.desired == Weights(stable=0, candidate=100)


def test_a_stable_model_is_shown_with_all_of_the_traffic() -> None:
    assert FakeWorld().healthy().status.traffic.desired == Weights(stable=100, candidate=0)


# Time


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
    assert (to_seconds(entry.started_at), to_seconds(entry.ended_at)) == (began, world.now)


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
    assert world.tick().look_again == to_seconds(world.status.candidate.deadline) - world.now


def test_a_step_is_looked_at_again_after_an_interval() -> None:
    assert rolling().tick(1).look_again == 10


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
    world.now = to_seconds(world.status.step.not_before)
    assert world.tick().look_again == 10


def test_a_rollout_is_inconclusive_at_its_deadline_and_not_before() -> None:
    world = FakeWorld(requests_per_second=0.0).healthy()
    world.spec["rollout"] |= {"onInconclusive": "Rollback", "deadline": "20m"}
    world.model(2)
    world.until("Holding", seconds=10)
    world.now = to_seconds(world.status.candidate.deadline) - 1
    world.tick()
    assert world.status.candidate is not None
    world.tick(1)
    assert world.status.candidate is None
