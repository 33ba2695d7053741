"""What is wrong is told when it begins and when it is over, and is counted when it comes and goes."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import Status as ApiStatus

from support.fake_world import FakeWorld
from support.rolling import BAD, lose, rolling, stable_of
from timoneiro_operator.api.times import moment
from timoneiro_operator.decide.conditions import invalid
from timoneiro_operator.decide.events import Event, events_between
from timoneiro_operator.decide.observation import Failure
from timoneiro_operator.kube.client import KubeClient
from timoneiro_operator.telemetry import Telemetry

CRASHED = Failure(reason="CrashLoopBackOff", message="digest differs", final=True)
STARTING = Failure(reason="CrashLoopBackOff", message="digest differs", final=False)


def events_of(world: FakeWorld, seconds: float = 1.0) -> list[Event]:
    """What one pass says."""
    before = world.status
    world.tick(seconds)
    return events_between(before, world.status)


def reasons(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.kind, event.reason) for event in events]


def back(world: FakeWorld, revision: str) -> None:
    world.services[revision] = replace(world.services[revision], ready_replicas=1)


class TestRecovered:
    def test_a_stable_model_that_serves_again_is_told(self) -> None:
        world = FakeWorld().healthy()
        name = stable_of(world)
        lose(world, name)
        assert reasons(events_of(world)) == [("Warning", "Degraded")]
        assert events_of(world) == []
        back(world, name)
        assert events_of(world) == [Event("Normal", "Recovered", "Degraded is over")]

    def test_metrics_that_are_back_end_both_what_they_froze_and_what_they_were(self) -> None:
        world = rolling()
        world.problem = ("ScrapeFailed", "pod x did not answer")
        assert reasons(events_of(world)) == [("Warning", "Holding"), ("Warning", "MetricsUnavailable")]
        world.problem = None
        assert events_of(world) == [
            Event("Normal", "Recovered", "Holding is over"),
            Event("Normal", "Recovered", "MetricsUnavailable is over"),
        ]

    def test_a_rollback_is_no_recovery_of_what_held_the_candidate(self) -> None:
        world = rolling(rate=dict(BAD))
        world.problem = ("ScrapeFailed", "pod x did not answer")
        events_of(world)
        world.problem = None
        told = [event.reason for _ in range(20) for event in events_of(world, 10)]
        assert "RolledBack" in told
        assert "Recovered" not in told

    def test_what_is_followed_by_something_else_that_is_wrong_is_not_over(self) -> None:
        world = rolling()
        world.problem = ("ScrapeFailed", "pod x did not answer")
        events_of(world)
        world.ask("abort")
        lose(world, stable_of(world))
        told = [event.reason for _ in range(3) for event in events_of(world)]
        assert (told[-1], "Recovered" in told) == ("Degraded", False)


def test_what_comes_and_goes_has_one_identity_whatever_its_words() -> None:
    world = rolling()
    told = []
    for number in range(10):
        world.problem = ("ScrapeFailed", f"pod {number} did not answer")
        told += events_of(world)
        world.problem = None
        told += events_of(world)
    warnings = [event for event in told if event.kind == "Warning"]
    assert len(warnings) == 20
    assert len({event.identity for event in warnings}) == 2


def test_steps_of_a_rollout_are_told_each_by_itself() -> None:
    world = rolling()
    told = [event for _ in range(30) for event in events_of(world, 10) if event.kind == "Normal"]
    assert len(told) == len({event.identity for event in told}) > 1


class TestAFirstModelThatCrashes:
    @given(st.lists(st.sampled_from([CRASHED, STARTING, None]), max_size=12))
    def test_it_stays_degraded_between_its_starts(self, states: list[Failure | None]) -> None:
        world = FakeWorld(ready=False)
        world.tick()
        known = False
        told: list[Event] = []
        for failure in states:
            name = world.wanted()
            world.services[name] = replace(world.services[name], failure=failure)
            told += events_of(world, 5)
            known = known or failure is CRASHED
            assert world.status.phase == ("Degraded" if known else "Pending")
            assert ("digest differs" in world.status.message) == (known or failure is not None)
        assert reasons(told) == [("Warning", "Degraded")] * known

    @pytest.fixture
    def degraded(self) -> FakeWorld:
        world = FakeWorld(ready=False)
        world.tick()
        world.services[world.wanted()] = replace(world.services[world.wanted()], failure=CRASHED)
        world.tick(1)
        assert world.status.phase == "Degraded"
        return world

    def test_it_is_over_when_it_is_ready(self, degraded: FakeWorld) -> None:
        name = degraded.wanted()
        degraded.services[name] = replace(degraded.services[name], ready_replicas=1, routable=True, failure=None)
        degraded.until("Healthy - 1")

    @pytest.mark.parametrize("wish", ["another model", "more replicas"])
    def test_it_is_over_when_something_new_is_wanted(self, degraded: FakeWorld, wish: str) -> None:
        if wish == "another model":
            degraded.model(2)
        else:
            degraded.spec["predictor"] = {"minReplicas": 2}
            degraded.generation += 1
        degraded.services = {name: replace(one, failure=None) for name, one in degraded.services.items()}
        degraded.tick(1)
        assert degraded.status.phase == "Pending"

    def test_a_spec_that_was_mended_is_something_new(self) -> None:
        world = FakeWorld(ready=False)
        world.tick()
        world.status = invalid(world.status, "nonsense", world.generation, world.now)
        world.generation += 1
        world.tick(1)
        assert world.status.phase == "Pending"


class FakeEvents:
    """Events in memory, with the API server's rule for names that are taken."""

    def __init__(self) -> None:
        self.stored: dict[str, dict[str, Any]] = {}

    async def create(self, event: Any) -> None:
        body = event.to_dict()
        if body["metadata"]["name"] in self.stored:
            raise ApiError(status=ApiStatus(code=409, message="exists"))
        self.stored[body["metadata"]["name"]] = body

    async def patch(self, resource: Any, name: str, patch: dict[str, Any], **_: Any) -> Any:
        self.stored[name] = {**self.stored[name], **patch}
        return resource.from_dict(self.stored[name])


async def test_a_repeat_is_counted_on_the_event_that_is_there_and_has_the_words_of_now() -> None:
    events = FakeEvents()
    client = KubeClient(events, Telemetry(), may_write=lambda: True)  # type: ignore[arg-type]
    body = {"metadata": {"name": "fraud", "namespace": "ns", "uid": "u", "resourceVersion": "1"}}
    for second in range(3):
        event = Event("Warning", "Holding", f"waiting for requests: {second}")
        await client.record_event(
            body,
            kind=event.kind,
            reason=event.reason,
            message=event.message,
            identity=event.identity,
            now=moment(second),
        )
    (stored,) = events.stored.values()
    assert (stored["count"], stored["message"]) == (3, "waiting for requests: 2")
    assert (stored["firstTimestamp"], stored["lastTimestamp"]) == ("1970-01-01T00:00:00Z", "1970-01-01T00:00:02Z")
