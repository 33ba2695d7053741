"""Weights of the route: nobody loses an answer that somebody could give, and the status says who gets what."""

import pytest

from support.fake_world import FakeWorld
from timoneiro_operator.api.status import Weights
from timoneiro_operator.decide.observation import Observation, RouteState, Routing, Workload
from timoneiro_operator.decide.routing import without_loss


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
