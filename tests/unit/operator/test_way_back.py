"""The way back to a former stable model: who may take it without steps, by how its place was lost."""

from collections.abc import Callable

import pytest

from support.fake_world import FakeWorld


def by_evidence(world: FakeWorld) -> None:
    world.until("Healthy - 2", seconds=10)


def in_full(world: FakeWorld) -> None:
    world.tick()
    world.ask("promote", full=True)
    world.until("Healthy - 2")


def without_evidence(world: FakeWorld) -> None:
    world.requests_per_second = 0.1
    world.spec["analysis"] |= {"promotion": "NoHarm", "minRequests": 0}
    world.until("Healthy - 2", seconds=10)


def inconclusive(world: FakeWorld) -> None:
    world.requests_per_second = 0.1
    world.spec["rollout"] = {**world.spec["rollout"], "deadline": "5m", "onInconclusive": "Promote"}
    world.until("Healthy - 2", seconds=10)


def spec_returns(world: FakeWorld) -> None:
    world.model(1)


def person_returns(world: FakeWorld) -> None:
    assert world.ask("rollback").outcome == "Done"


def returned(promoted: Callable[[FakeWorld], None], returns: Callable[[FakeWorld], None]) -> list[str]:
    """Lines of the way back to version 1 after version 2 was `promoted`."""
    world = FakeWorld().healthy()
    world.spec["rollout"] = {**world.spec["rollout"], "keepStable": "1h"}
    world.model(2)
    promoted(world)
    world.requests_per_second = 100.0
    returns(world)
    return world.trace(1, 4)


STEPS = ["Progressing 0/2 2:100 2 1", "Progressing 1/2 2:90,1:10 2 1"]
COMMANDED = ["Healthy - 1:100 1 -", "RolledBack - 1:100 1 -"]
AT_ONCE = ["Promoting promote 1:100 2 1", "Healthy - 1:100 1 -"]


@pytest.mark.parametrize(
    ("promoted", "returns", "lines"),
    [
        (by_evidence, spec_returns, STEPS),
        (in_full, spec_returns, AT_ONCE),
        (without_evidence, spec_returns, AT_ONCE),
        (inconclusive, spec_returns, AT_ONCE),
        (by_evidence, person_returns, COMMANDED),
        (in_full, person_returns, COMMANDED),
        (without_evidence, person_returns, COMMANDED),
        (inconclusive, person_returns, COMMANDED),
    ],
)
def test_the_way_back_without_steps_is_for_people_and_for_what_was_not_outdone(
    promoted: Callable[[FakeWorld], None], returns: Callable[[FakeWorld], None], lines: list[str]
) -> None:
    assert returned(promoted, returns) == lines


def test_what_was_outdone_stays_so_when_the_evidence_is_of_another_pair() -> None:
    world = FakeWorld().healthy()
    world.spec["rollout"] = {**world.spec["rollout"], "keepStable": "1h"}
    world.model(2)
    by_evidence(world)
    world.model(3)
    world.until("Progressing 1/2")
    world.model(1)
    assert "Promoting" not in " ".join(world.trace(1, 4))


def test_what_was_rejected_is_refused_however_warm_it_is() -> None:
    world = FakeWorld().healthy()
    world.spec["rollout"] = {**world.spec["rollout"], "keepStable": "1h"}
    world.model(2)
    by_evidence(world)
    person_returns(world)
    world.until("RolledBack - 1")
    assert world.trace(1, 5) == ["RolledBack - 1:100 1 -"]
