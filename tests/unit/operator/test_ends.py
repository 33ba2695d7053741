"""How rollouts end: what keeps traffic, with which reason, and what is remembered of them."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from support.fake_world import FakeWorld
from support.rolling import BLUE_GREEN, lose, rolled_back, rolling, stable_of
from timoneiro_operator.decide.observation import Failure


def test_a_candidate_with_a_copy_of_the_traffic_has_none_to_keep_and_goes_at_once() -> None:
    world = FakeWorld()
    world.spec["rollout"] = dict(BLUE_GREEN)
    world.healthy()
    world.model(2)
    world.until("Progressing mirror 1/1")
    lose(world, stable_of(world))
    world.ask("abort")
    assert world.status.candidate is None


def test_one_percent_of_the_traffic_is_kept_too_while_the_stable_model_cannot_take_it() -> None:
    world = FakeWorld().healthy()
    world.spec["rollout"]["canary"]["steps"] = [{"weight": 1, "for": "1m"}]
    world.model(2)
    world.until("Progressing 1/1")
    lose(world, stable_of(world))
    world.ask("abort")
    assert world.line() == "RollingBack 1/1 1:99,2:1 1 2"


def test_every_revision_that_was_rejected_stays_rejected() -> None:
    world = rolled_back()
    world.rate["s3://models/fraud/3"] = 0.5
    world.model(3)
    world.until("RolledBack", seconds=10)
    assert [entry.version for entry in world.status.rejected] == ["2", "3"]


def test_a_revision_that_is_rejected_again_is_rejected_once() -> None:
    world = rolled_back()
    world.ask("retry")
    world.until("RolledBack", seconds=10)
    assert [entry.version for entry in world.status.rejected] == ["2"]


def test_a_revision_that_is_about_to_go_keeps_its_version() -> None:
    assert [item.version for item in rolled_back().status.retiring] == ["2"]


def test_a_new_candidate_begins_without_the_verdict_on_the_one_before() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.until("Healthy - 2", seconds=10)
    assert world.status.verdict
    world.model(3)
    world.tick()
    assert world.status.verdict == ""


def test_the_first_model_is_promoted_because_it_is_the_first() -> None:
    assert FakeWorld().healthy().status.history[-1].reason == "first revision"


def test_a_promotion_by_evidence_has_the_verdict_as_its_reason() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.until("Healthy - 2", seconds=10)
    assert world.status.history[-1].reason == world.status.verdict


def test_a_promotion_without_any_evidence_says_that_nothing_spoke_against_it() -> None:
    world = FakeWorld().healthy()
    world.spec["rollout"]["canary"]["steps"] = [{"pause": {"for": "1m"}}]
    world.spec["analysis"]["promotion"] = "NoHarm"
    world.model(2)
    world.until("Healthy - 2", seconds=10)
    assert world.status.history[-1].reason == "there was no evidence against it"


def test_the_way_back_to_a_warm_model_has_its_warmth_as_its_reason() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.tick()
    world.ask("promote", full=True)
    world.until("Healthy - 2", seconds=10)
    world.model(1)
    world.until("Healthy - 1")
    assert world.status.history[-1].reason == "it was stable before and is still warm"


def go_back(world: FakeWorld) -> None:
    world.model(1)


def go_on(world: FakeWorld) -> None:
    world.model(3)


def name_none(world: FakeWorld) -> None:
    world.spec.pop("model")


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (go_back, "the spec went back to the stable model"),
        (go_on, "version 3 ({wanted}) is wanted"),
        (name_none, "the spec names no model any more"),
    ],
)
def test_a_candidate_that_is_not_wanted_any_more_goes_with_the_reason(
    happens: Callable[[FakeWorld], None], reason: str
) -> None:
    world = rolling()
    happens(world)
    world.tick()
    assert world.status.history[-1].reason == reason.format(wanted=world.wanted())


@pytest.mark.parametrize(
    ("failure", "detail"),
    [(None, ""), (Failure(reason="OOMKilled", message="too much", final=False), " (OOMKilled: too much)")],
)
def test_a_candidate_that_is_lost_goes_with_the_reason(failure: Failure | None, detail: str) -> None:
    world = rolling()
    lose(world, world.wanted())
    world.services[world.wanted()] = replace(world.services[world.wanted()], failure=failure)
    world.tick()
    reason = f"LostReadiness: the candidate has no ready replica any more{detail}"
    assert world.status.history[-1].reason == reason


def test_a_rejected_revision_that_is_wanted_again_is_named_with_the_reason() -> None:
    world = rolled_back()
    entry = world.status.rejected[-1]
    assert world.status.message == f"version 2 ({entry.revision}) is not rolled out again: {entry.reason}"


def back_to_a_model_that_is_gone() -> FakeWorld:
    """Three models were stable; people went back from the third to the second, and are on their way to the first."""
    world = FakeWorld().healthy()
    first = world.wanted()
    for number in (2, 3):
        world.model(number)
        world.until(f"Healthy - {number}", seconds=10)
    world.ask("rollback")
    world.until("RolledBack - 2")
    world.tick(3600)
    world.settle()
    world.ready = False
    world.ask("rollback", to=first)
    assert world.status.candidate.version == "1"
    return world


def test_a_rollback_goes_on_although_the_spec_names_a_rejected_model() -> None:
    world = back_to_a_model_that_is_gone()
    world.tick(1)
    assert world.status.candidate.version == "1"


def test_a_rollback_goes_on_although_the_spec_names_no_model_any_more() -> None:
    world = back_to_a_model_that_is_gone()
    world.spec.pop("model")
    world.tick(1)
    assert world.status.candidate.version == "1"


def test_the_last_ten_rollouts_are_remembered_and_the_last_ten_rejections() -> None:
    world = FakeWorld().healthy()
    for number in range(2, 14):
        world.model(number)
        world.tick(1)
        world.ask("abort")
        world.settle()
    last = [str(number) for number in range(4, 14)]
    assert [entry.version for entry in world.status.history] == last
    assert [entry.version for entry in world.status.rejected] == last


def test_a_candidate_that_was_withdrawn_says_where_its_traffic_goes() -> None:
    world = rolling()
    world.model(1)
    world.tick(1)
    assert (world.status.phase, world.status.message) == ("RollingBack", "all traffic goes back to the stable model")
