"""One pass folds and judges its counts once, however many rules ask for the verdict."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from support.fake_world import FakeWorld
from timoneiro_operator.decide import analysis, comparisons


def time_for_a_window(world: FakeWorld) -> None:
    world.now += 10


def nothing_new(world: FakeWorld) -> None:
    world.now += 1


def past_the_deadline(world: FakeWorld) -> None:
    world.now += 7 * 3600


def before_the_promotion_is_accepted(world: FakeWorld) -> None:
    world.until("Promoting")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often evidence was read, written and judged."""
    counted: Counter[str] = Counter()

    def counting(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            counted[name] += 1
            return real(*args, **kwargs)

        return call

    monkeypatch.setattr(analysis, "judge", counting("judge", analysis.judge))
    monkeypatch.setattr(comparisons, "decode", counting("decode", comparisons.decode))
    monkeypatch.setattr(comparisons, "encode", counting("encode", comparisons.encode))
    return counted


@pytest.mark.parametrize(
    ("what", "written"),
    [
        (time_for_a_window, 1),
        (nothing_new, 0),
        (past_the_deadline, 1),
        (before_the_promotion_is_accepted, 0),
    ],
)
def test_a_pass_reads_and_judges_the_evidence_once(
    what: Callable[[FakeWorld], None], written: int, calls: Counter[str]
) -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.until("Progressing 1/2")
    world.tick(10)
    what(world)
    calls.clear()
    world.decide()
    assert calls == Counter(judge=1, decode=1, encode=written)


def test_a_deployment_at_rest_does_not_read_its_evidence(calls: Counter[str]) -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.until("Healthy - 2:100")
    calls.clear()
    world.tick(60)
    assert world.status.analysis is not None
    assert not calls
