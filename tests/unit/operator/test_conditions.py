"""Conditions, and what the status says of an invalid spec."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from support.fake_world import EPOCH, FakeWorld
from support.rolling import lose, stable_of
from timoneiro_operator.api.status import Condition, Status
from timoneiro_operator.api.times import moment
from timoneiro_operator.decide.conditions import invalid
from timoneiro_operator.decide.decision import with_refusal
from timoneiro_operator.decide.observation import Observation


def test_an_invalid_spec_is_said_without_a_word_on_what_serves() -> None:
    before = FakeWorld().healthy().status
    after = invalid(before, "no", 7, EPOCH)
    assert (after.phase, after.message) == ("Healthy", "the spec is invalid and was not acted on: no")


def test_an_invalid_spec_makes_the_deployment_unready_and_leaves_the_other_conditions_alone() -> None:
    before = FakeWorld().healthy().status
    after = invalid(before, "no", 7, EPOCH)
    ready, *others = after.conditions
    assert (ready.type, ready.status, ready.reason, ready.message) == ("Ready", "False", "InvalidSpec", "no")
    assert others == [c for c in before.conditions if c.type != "Ready"]


def test_an_invalid_spec_counts_as_seen() -> None:
    after = invalid(Status(), "no", 7, EPOCH)
    assert (after.observed_generation, after.conditions[0].observed_generation) == (7, 7)


def test_an_invalid_spec_with_nothing_that_serves_is_degraded() -> None:
    assert invalid(Status(), "no", 7, EPOCH).phase == "Degraded"


def test_a_refusal_is_the_message_of_its_condition_too() -> None:
    refused = with_refusal(FakeWorld().healthy().status, "Refused", "quota", Observation())
    assert [c.message for c in refused.conditions if c.type == "Progressing"] == ["quota"]


def condition(world: FakeWorld, kind: str) -> tuple[str, str, str]:
    found = next(c for c in world.status.conditions if c.type == kind)
    return found.status, found.reason, found.message


def first_model(world: FakeWorld) -> None:
    world.ready = False
    world.tick()


def stable_model_down(world: FakeWorld) -> None:
    world.healthy()
    lose(world, stable_of(world))
    world.tick()


def route_is(*, accepted: bool, reason: str) -> Callable[[FakeWorld], None]:
    def change(world: FakeWorld) -> None:
        world.healthy()
        world.gateway_accepts = accepted
        world.route = replace(world.route, accepted=accepted, reason=reason, message="words of the gateway")
        world.tick()

    return change


def route_gone(world: FakeWorld) -> None:
    world.healthy()
    world.route = None
    world.tick()


def in_a_step(world: FakeWorld) -> None:
    world.healthy()
    world.model(2)
    world.until("Progressing 1/2")


def without_requests(*arms: str) -> Callable[[FakeWorld], None]:
    def change(world: FakeWorld) -> None:
        in_a_step(world)
        assert world.status.candidate is not None
        names = {"stable": stable_of(world), "candidate": world.status.candidate.revision}
        world.realised = {names[arm]: 0 for arm in arms}
        world.tick(10)
        world.tick(10)

    return change


def split_otherwise(world: FakeWorld) -> None:
    in_a_step(world)
    assert world.status.candidate is not None
    world.realised = {world.status.candidate.revision: 50, stable_of(world): 50}
    world.tick(10)


@pytest.mark.parametrize(
    ("happens", "kind", "expected"),
    [
        (first_model, "Ready", ("False", "NoStableRevision", None)),
        (first_model, "Progressing", ("True", "Pending", None)),
        (first_model, "RouteAccepted", ("Unknown", "NotFound", "there is no route yet")),
        (first_model, "MetricsAvailable", ("Unknown", "NotMeasuring", "no candidate is being compared")),
        (stable_model_down, "Ready", ("False", "StableNotReady", "the stable model has no ready replica")),
        (
            route_is(accepted=True, reason="Accepted"),
            "Ready",
            ("True", "Serving", "the stable model is ready and has its route"),
        ),
        (route_is(accepted=True, reason="Accepted"), "Progressing", ("False", "Healthy", None)),
        (route_is(accepted=True, reason="Accepted"), "RouteAccepted", ("True", "Accepted", "words of the gateway")),
        (
            route_is(accepted=False, reason="Pending"),
            "Ready",
            ("True", "Serving", "the stable model is ready and has its route"),
        ),
        (route_is(accepted=False, reason="Pending"), "RouteAccepted", ("Unknown", "Pending", "words of the gateway")),
        (route_is(accepted=False, reason="Refused"), "Ready", ("False", "RouteNotAccepted", "words of the gateway")),
        (route_is(accepted=False, reason="Refused"), "RouteAccepted", ("False", "Refused", "words of the gateway")),
        (route_gone, "Ready", ("False", "RouteNotAccepted", "there is no route")),
        (in_a_step, "Progressing", ("True", "Progressing", None)),
        (in_a_step, "MetricsAvailable", ("True", "Available", "both arms are measured")),
        (
            without_requests("stable", "candidate"),
            "MetricsAvailable",
            ("Unknown", "NoTraffic", "neither model got a request in the last 10 s"),
        ),
        (
            without_requests("candidate"),
            "MetricsAvailable",
            ("Unknown", "NoCandidateTraffic", "the candidate got no request in the last 10 s"),
        ),
        (
            without_requests("stable"),
            "MetricsAvailable",
            ("Unknown", "NoStableTraffic", "the stable model got no request in the last 10 s: nothing to compare with"),
        ),
        (
            split_otherwise,
            "RouteAccepted",
            (
                "False",
                "RoutingMismatch",
                "the candidate got 50.0 % of 1,000 requests, although the gateway has accepted 10 %",
            ),
        ),
    ],
)
def test_a_condition_says_what_is_and_why(
    happens: Callable[[FakeWorld], None], kind: str, expected: tuple[str, str, str | None]
) -> None:
    world = FakeWorld()
    happens(world)
    status, reason, message = expected
    assert condition(world, kind) == (status, reason, world.status.message if message is None else message)


def test_the_generation_that_was_acted_on_is_in_the_status() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.tick()
    assert world.status.observed_generation == world.generation == 2


def test_a_generation_counts_as_seen_even_while_the_cluster_lacks_something() -> None:
    world = FakeWorld(missing=("KServeNotInstalled", "install KServe"))
    world.tick()
    assert world.status.observed_generation == world.generation


def test_the_spec_that_is_acted_on_is_in_the_status_as_json_has_it() -> None:
    world = FakeWorld().healthy()
    acted_on = world.status.acted_on
    assert acted_on is not None
    assert acted_on["model"]["uri"] == "s3://models/fraud/1"
    assert acted_on["route"]["hostnames"] == ["fraud.example.com"]


def test_a_spec_that_stays_invalid_is_so_since_it_was_found_invalid() -> None:
    since = Condition(
        type="Ready",
        status="False",
        reason="InvalidSpec",
        message="no",
        last_transition_time=moment(EPOCH - 60),
        observed_generation=1,
    )
    ready = invalid(FakeWorld().healthy().status, "no", 7, EPOCH, known=(since,)).conditions[0]
    assert (ready.type, ready.last_transition_time) == ("Ready", moment(EPOCH - 60))
