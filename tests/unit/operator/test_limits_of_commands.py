"""Limits of behaviour (commands), which mutants of `decide` found untested (docs/mutation.md)."""

import pytest

from support.fake_world import FakeWorld
from support.rolling import metric_of, rolled_back, rolling
from timoneiro_operator.api.command import Action, parse_command
from timoneiro_operator.api.status import (
    to_seconds,
)


def test_a_promotion_in_full_that_waits_for_capacity_is_neither_repeated_nor_paused() -> None:
    world = FakeWorld().healthy()
    world.ready = False
    world.model(2)
    world.tick()
    world.ask("promote", full=True)
    assert world.ask("promote", full=True).outcome == "Refused"
    assert world.ask("pause").outcome == "Refused"


def test_promote_in_full_ends_a_pause() -> None:
    world = rolling()
    world.ask("pause")
    world.ask("promote", full=True)
    assert world.trace(1, 3)[-1] == "Healthy - 2:100 2 -"


def test_promote_ends_a_pause_together_with_the_step() -> None:
    world = rolling()
    world.ask("pause")
    world.ask("promote")
    world.settle()
    assert world.line() == "Progressing 2/2 1:50,2:50 1 2"


def test_the_deadline_moves_by_as_long_as_a_person_had_the_rollout_paused() -> None:
    world = rolling()
    before = to_seconds(world.status.candidate.deadline)
    world.ask("pause")
    world.now += 600
    world.ask("resume")
    assert to_seconds(world.status.candidate.deadline) == before + 600


def test_a_retry_after_an_abort_keeps_the_evidence_that_there_was() -> None:
    world = rolling()
    world.tick(10)
    world.ask("abort")
    world.settle()
    world.ask("retry")
    world.until("Progressing 1/2")
    world.tick(10)
    assert metric_of(world).candidate.requests == 200


def test_a_rollback_does_not_go_to_a_revision_that_was_never_stable() -> None:
    world = rolled_back()
    record = world.ask("rollback", to=world.wanted())
    assert record.outcome == "Refused"


def test_a_rollback_that_is_refused_lists_former_models_with_the_latest_first() -> None:
    world = FakeWorld().healthy()
    revisions = [world.wanted()]
    for number in (2, 3):
        revisions.append(world.model(number))
        world.until(f"Healthy - {number}", seconds=10)
    record = world.ask("rollback", to="cafecafe")
    assert record.message.endswith(f"known: {revisions[1]}, {revisions[0]}")


@pytest.mark.parametrize(
    ("actions", "sentence"),
    [(("pause",), "the rollout stays where it is"), (("pause", "resume"), "the rollout goes on")],
)
def test_a_pause_and_its_end_are_put_on_record_in_a_sentence(actions: tuple[Action, ...], sentence: str) -> None:
    world = rolling()
    for action in actions:
        world.ask(action)
    assert world.status.commands[-1].message == sentence


def test_a_retry_is_put_on_record_with_the_version() -> None:
    world = rolled_back()
    assert world.ask("retry").message == f"version 2 ({world.wanted()}) is rolled out again"


def test_a_rollback_is_put_on_record_with_the_version_that_comes_back() -> None:
    world = FakeWorld().healthy()
    first = world.wanted()
    world.model(2)
    world.until("Healthy - 2", seconds=10)
    assert world.ask("rollback").message == f"version 1 ({first}) gets all traffic as soon as it is ready"


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        ("abort", "this is the first revision: it gets all traffic as soon as it is ready"),
        ("rollback", "no model serves yet"),
    ],
)
def test_before_anything_serves_a_refusal_says_so_and_nothing_else(action: Action, sentence: str) -> None:
    world = FakeWorld()
    world.ready = False
    world.settle()
    assert world.ask(action, revision=world.wanted()).message == sentence


def test_resume_without_a_pause_is_refused_in_a_sentence() -> None:
    assert rolling().ask("resume").message == "the rollout is not paused"


def test_an_abort_leaves_no_pause_behind() -> None:
    world = rolling()
    world.ask("pause")
    world.ask("abort")
    assert world.status.paused is None


def test_what_is_no_command_is_put_on_record_with_what_is_wrong() -> None:
    world = FakeWorld().healthy()
    world.command = parse_command("promote it!", None)
    world.tick()
    record = world.status.commands[-1]
    assert record.action == "unknown"
    assert record.message == "a command needs an action and a revision"


def test_a_pause_that_a_person_has_ended_is_over_even_if_the_rollout_cannot_go_on_yet() -> None:
    world = FakeWorld().healthy()
    world.spec["rollout"]["canary"]["steps"] = [{"weight": 10, "for": "1m"}, {"pause": {}}]
    world.model(2)
    world.until("Paused pause 2/2", seconds=10)
    world.problem = ("ScrapeFailed", "pod x did not answer")
    world.ask("resume")
    assert world.line().startswith("Holding pause 2/2")
    assert to_seconds(world.status.step.not_before) == world.now
