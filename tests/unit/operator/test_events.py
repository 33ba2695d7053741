"""What happened, in typed events, each once."""

from dataclasses import replace
from typing import Any, Literal

import msgspec
import pytest

from support.fake_world import FakeWorld
from support.played import in_holdback
from support.rolling import BAD, BLUE_GREEN, lose, rolling, stable_of
from timoneiro_operator.api.command import Action
from timoneiro_operator.api.runtime import Runtime
from timoneiro_operator.api.spec import Predictor
from timoneiro_operator.api.status import Condition, HistoryEntry, Outcome, Phase, Status
from timoneiro_operator.api.times import moment
from timoneiro_operator.decide.events import Event, events_between
from timoneiro_operator.decide.observation import Failure


def events_of(world: FakeWorld, seconds: float = 0.0) -> list[Event]:
    """What one pass says."""
    before = world.status
    world.tick(seconds)
    return events_between(before, world.status)


def next_events_of(world: FakeWorld) -> list[Event]:
    """What the first pass says that says anything."""
    return next(events for _ in range(100) if (events := events_of(world, 10)))


def test_a_weight_is_announced_with_the_verdict_so_far() -> None:
    world = rolling()
    events = next_events_of(world)
    text = f"version 2 ({world.wanted()}): 50 % of the traffic; {world.status.verdict}"
    assert events == [Event("Normal", "WeightChanged", text)]
    assert world.status.verdict.startswith("no errors in")


def test_a_weight_is_announced_without_a_verdict_while_there_is_none() -> None:
    world = rolling("Progressing 0/2")
    text = f"version 2 ({world.wanted()}): 10 % of the traffic"
    assert events_of(world, 1) == [Event("Normal", "WeightChanged", text)]


def test_the_beginning_of_a_mirror_is_announced_as_a_copy() -> None:
    world = FakeWorld()
    world.spec["rollout"] = dict(BLUE_GREEN)
    world.healthy()
    world.model(2)
    world.until("Progressing 0/1")
    text = f"version 2 ({world.wanted()}): a copy of the traffic"
    assert events_of(world, 1) == [Event("Normal", "WeightChanged", text)]


def test_a_rollback_is_a_warning_with_version_and_reason() -> None:
    world = rolling(rate=dict(BAD))
    events = next_events_of(world)
    reason = world.status.history[-1].reason
    assert events == [Event("Warning", "RolledBack", f"version 2 ({world.wanted()}): {reason}")]


def test_an_abort_is_a_warning_with_who_asked() -> None:
    world = rolling()
    before = world.status
    world.ask("abort")
    event = next(event for event in events_between(before, world.status) if event.reason == "Aborted")
    assert event == Event("Warning", "Aborted", f"version 2 ({world.wanted()}): aborted by ana")


def test_a_promotion_is_no_warning() -> None:
    events = events_between(Status(), FakeWorld().healthy().status)
    assert [event.kind for event in events if event.reason == "Promoted"] == ["Normal"]


def test_a_new_candidate_is_announced_by_its_version() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    text = f"version 2 ({world.wanted()}) is the candidate"
    assert events_of(world) == [Event("Normal", "RolloutStarted", text)]


def test_lost_metrics_are_a_warning_in_the_words_of_the_source() -> None:
    world = rolling()
    world.problem = ("ScrapeFailed", "pod x did not answer")
    assert events_of(world, 1) == [
        Event("Warning", "Holding", "the weight is frozen: pod x did not answer"),
        Event("Warning", "MetricsUnavailable", "pod x did not answer"),
    ]


def test_a_stable_model_that_serves_no_more_is_a_warning() -> None:
    world = FakeWorld().healthy()
    name = stable_of(world)
    failure = Failure(reason="CrashLoopBackOff", message="out of memory", final=True)
    world.services[name] = replace(world.services[name], ready_replicas=0, failure=failure)
    text = f"version 1 ({name}) is not ready: CrashLoopBackOff: out of memory"
    assert events_of(world) == [Event("Warning", "Degraded", text)]


def test_a_pause_of_the_schedule_is_announced_once_and_is_no_warning() -> None:
    world = FakeWorld().healthy()
    world.spec["rollout"]["canary"]["steps"] = [{"weight": 10, "for": "1m"}, {"pause": {}}]
    world.model(2)
    events = [event for _ in range(30) for event in events_of(world, 10) if event.reason == "Paused"]
    assert events == [Event("Normal", "Paused", "the schedule pauses here until a person resumes or promotes")]


@pytest.mark.parametrize(
    ("action", "event"),
    [
        ("pause", Event("Normal", "CommandDone", "pause by ana: the rollout stays where it is")),
        ("resume", Event("Warning", "CommandRefused", "resume by ana: the rollout is not paused")),
    ],
)
def test_a_command_is_announced_with_who_asked_and_what_came_of_it(action: Action, event: Event) -> None:
    world = rolling()
    before = world.status
    world.ask(action)
    assert events_between(before, world.status)[0] == event


def test_what_somebody_else_did_is_a_warning_that_says_what_is_done_about_it() -> None:
    world = FakeWorld().healthy()
    world.route = None
    event = events_of(world)[0]
    assert (event.kind, event.message) == (
        "Warning",
        "the route of fraud was deleted by somebody else and is put back",
    )


def test_a_stranded_candidate_is_a_warning_that_says_why_it_stays() -> None:
    world = rolling()
    lose(world, stable_of(world))
    before = world.status
    world.ask("abort")
    stranded = [event for event in events_between(before, world.status) if event.reason == "Stranded"]
    assert stranded == [Event("Warning", "Stranded", world.status.message)]
    assert events_of(world, 1) == []


def test_a_revision_that_is_kept_no_longer_is_told_of_once() -> None:
    old, new = Status(forgotten=("a",)), Status(forgotten=("a", "b"))
    words = "revision b is no longer kept, since the status is full: no rollback can go to it"
    assert events_between(old, new) == [Event("Warning", "Forgotten", words)]


def condition(kind: str, status: Literal["True", "False"], reason: str, message: str) -> Condition:
    return Condition(
        type=kind,
        status=status,
        reason=reason,
        message=message,
        last_transition_time=moment(0.0),
        observed_generation=1,
    )


HELD = Status(phase="Holding", message="more evidence is needed")
RECOVERED = Event("Normal", "Recovered", "Holding is over")


def test_what_the_operator_lacks_is_a_warning_in_its_own_words() -> None:
    lacking = condition("OperatorReady", "False", "PermissionMissing", "it may not list pods")
    assert events_between(Status(), Status(conditions=(lacking,))) == [
        Event("Warning", "PermissionMissing", "it may not list pods")
    ]


@pytest.mark.parametrize("kind", ["Ready", "Progressing"])
def test_only_the_condition_of_the_operator_says_what_it_lacks(kind: str) -> None:
    other = condition(kind, "False", "PermissionMissing", "it may not list pods")
    assert events_between(Status(), Status(conditions=(other,))) == []


def test_what_was_wrong_and_is_not_any_more_is_told_as_over() -> None:
    assert events_between(HELD, Status(phase="Progressing")) == [RECOVERED]


@pytest.mark.parametrize("phase", ["RollingBack", "RolledBack"])
def test_a_rollout_that_is_rolled_back_has_not_recovered(phase: Phase) -> None:
    assert events_between(HELD, Status(phase=phase)) == []


@pytest.mark.parametrize(
    ("outcome", "recovers"),
    [("RolledBack", False), ("Aborted", False), ("Superseded", False), ("Withdrawn", False), ("Promoted", True)],
)
def test_a_rollout_that_ends_without_a_promotion_has_not_recovered(outcome: Outcome, recovers: bool) -> None:
    entry = HistoryEntry(revision="a", outcome=outcome, reason="x", started_at=moment(0.0), ended_at=moment(1.0))
    events = events_between(HELD, Status(phase="Healthy", history=(entry,)))
    assert (RECOVERED in events) == recovers


def test_a_holdback_in_which_nothing_was_counted_says_so_when_it_is_over() -> None:
    world = in_holdback()
    before = msgspec.structs.replace(world.status, verdict=None)
    after = msgspec.structs.replace(before, step=None)
    (event,) = [event for event in events_between(before, after) if event.reason == "HoldbackOver"]
    assert event.message.endswith(" has all traffic; nothing was counted")


def begun(**of_candidate: Any) -> Event:
    """How a rollout begins whose candidate differs from the stable model in that."""
    world = FakeWorld().healthy()
    before = world.status
    world.model(2)
    world.tick(1)
    candidate = world.status.candidate
    assert candidate is not None and before.stable is not None
    (known,) = [snapshot for snapshot in world.status.revisions if snapshot.revision == before.stable.revision]
    old = msgspec.structs.replace(known, runtime=Runtime(name="odd", digest="1"))
    new = msgspec.structs.replace(old, revision=candidate.revision, **of_candidate)
    return events_between(before, msgspec.structs.replace(world.status, revisions=(old, new)))[0]


def test_a_candidate_that_another_runtime_makes_says_so() -> None:
    event = begun(runtime=Runtime(name="odd", digest="2"))
    assert event.message.endswith(" is the candidate: the serving runtime odd has changed")


@pytest.mark.parametrize(
    "of_candidate",
    [
        {},
        {"runtime": None},
        {"runtime": Runtime(name="odd", digest="2"), "predictor": Predictor(min_replicas=2)},
    ],
    ids=["nothing else", "a runtime that is not known", "another predictor too"],
)
def test_a_candidate_that_differs_in_more_than_its_runtime_says_nothing_of_that(of_candidate: dict[str, Any]) -> None:
    assert begun(**of_candidate).message.endswith(" is the candidate")
