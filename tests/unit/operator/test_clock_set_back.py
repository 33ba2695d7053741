"""The clock of the operator is set back, or was ahead for a while: nothing stands still until it is as late again."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.fake_world import EPOCH, FakeWorld
from support.rolling import BAD, BLUE_GREEN, rolling
from timoneiro_operator.api.status import Paused, Restored, Status
from timoneiro_operator.api.times import moment
from timoneiro_operator.decide.lifecycle import former
from timoneiro_operator.decide.set_back import TOLERANCE_SECONDS, set_back

HOUR = 3600.0


def backwards(world: FakeWorld) -> None:
    world.now -= HOUR


def forwards_and_right_again(world: FakeWorld) -> None:
    world.now += HOUR
    world.trace(1.0, 5)
    world.now -= HOUR


JUMPS = pytest.mark.parametrize("jump", [backwards, forwards_and_right_again])
Jump = Callable[[FakeWorld], None]


@JUMPS
@pytest.mark.parametrize("state", ["Progressing 1/2", "Progressing 2/2"])
def test_a_good_model_is_promoted_as_soon_as_ever(jump: Jump, state: str) -> None:
    world = rolling(state)
    jump(world)
    began = world.now
    world.until("Healthy", seconds=5)
    assert world.uris[world.status.stable.revision].endswith("/2")  # type: ignore[union-attr]
    # Two steps of a minute, and the evidence.
    assert world.now - began < 400


@JUMPS
def test_a_model_that_does_harm_goes_back_at_once(jump: Jump) -> None:
    world = rolling("Progressing 1/2")
    jump(world)
    world.rate.update(BAD)
    began = world.now
    world.until("RolledBack", seconds=5)
    assert world.now - began < 60


@JUMPS
def test_what_was_kept_warm_goes_when_its_time_is_over(jump: Jump) -> None:
    world = rolling("Progressing 1/2")
    world.ask("promote", full=True)
    world.until("Healthy", seconds=1)
    assert len(world.services) == 2
    jump(world)
    world.trace(30.0, 100)
    assert len(world.services) == 1


@JUMPS
def test_a_model_that_never_gets_ready_goes_at_its_deadline(jump: Jump) -> None:
    world = FakeWorld().healthy()
    world.ready = False
    world.model(2)
    world.tick(1.0)
    jump(world)
    began = world.now
    world.until("RolledBack", seconds=10)
    assert world.now - began <= 620


@JUMPS
@pytest.mark.parametrize("state", ["Progressing mirror", "Healthy bake"])
def test_blue_green_goes_on(jump: Jump, state: str) -> None:
    world = rolling(state, spec={**FakeWorld().spec, "rollout": BLUE_GREEN})
    jump(world)
    began = world.now
    world.until("Healthy", seconds=5)
    assert world.now - began < 600


@JUMPS
def test_a_rollback_goes_to_the_model_that_was_stable_last(jump: Jump) -> None:
    world = FakeWorld().healthy()
    for number in (2, 3, 4, 5):
        if number == 4:
            jump(world)
        world.trace(10.0, 2)
        world.model(number)
        world.tick(1.0)
        world.ask("promote", full=True)
        world.until(f"Healthy - {number}", seconds=1)
    last = {known.revision: known.model.uri for known in former(world.status)}
    assert list(last.values()) == [f"s3://models/fraud/{number}" for number in (4, 3, 2, 1)]


def test_an_edit_that_was_put_back_by_a_clock_that_was_ahead_is_told_again_in_time() -> None:
    status = Status(restored=Restored(what="the route of fraud was edited", at=moment(EPOCH + HOUR)))
    assert set_back(status, moment(EPOCH)).restored == Restored(what="the route of fraud was edited", at=moment(EPOCH))


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 60), st.floats(TOLERANCE_SECONDS + 1, 1e6))
def test_nothing_has_happened_later_than_now(passes: int, seconds: float) -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.trace(5.0, passes)
    now = world.now - seconds
    after = set_back(replace_paused(world.status, world.now), moment(now))
    happened = [
        after.candidate.started_at if after.candidate else None,
        after.step.started_at if after.step else None,
        after.analysis.last_window_end if after.analysis else None,
        after.stable.since if after.stable else None,
        after.history[-1].ended_at if after.history else None,
        after.paused.at if after.paused else None,
        *(known.stable_since for known in after.revisions),
    ]
    assert all(moment.timestamp() <= now + TOLERANCE_SECONDS for moment in happened if moment)
    assert set_back(after, moment(now)) == after


def replace_paused(status: Status, now: float) -> Status:
    return msgspec.structs.replace(status, paused=Paused(by="ana", at=moment(now)))


@pytest.mark.parametrize("seconds", [-HOUR, 0.0, TOLERANCE_SECONDS])
def test_clocks_that_differ_a_little_and_time_that_passes_change_nothing(seconds: float) -> None:
    status = FakeWorld().healthy().status
    assert set_back(status, moment(EPOCH - seconds)) == status
