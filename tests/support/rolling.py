"""Rollouts in a FakeWorld that tests of `decide` begin with."""

from dataclasses import replace
from typing import Any

from support.fake_world import FakeWorld
from timoneiro_operator.api.analysis_status import MetricStatus

BAD = {"s3://models/fraud/1": 0.01, "s3://models/fraud/2": 0.5}
BLUE_GREEN = {"strategy": "BlueGreen", "blueGreen": {"mirror": "1m", "bake": "1m"}}


def world_of(rollout: dict[str, Any], **fields: Any) -> FakeWorld:
    """Version 1 serves, and what comes next goes by this schedule."""
    world = FakeWorld(**fields)
    world.spec["rollout"] = dict(rollout)
    return world.healthy()


def rolling(state: str = "Progressing 1/2", **fields: object) -> FakeWorld:
    """Version 2 is on its way and in the step that `state` begins with."""
    world = FakeWorld(**fields).healthy()  # type: ignore[arg-type]
    world.model(2)
    world.until(state)
    return world


def rolled_back() -> FakeWorld:
    world = FakeWorld(rate=dict(BAD)).healthy()
    world.model(2)
    world.until("RolledBack", seconds=10)
    return world


def lose(world: FakeWorld, revision: str) -> None:
    world.services[revision] = replace(world.services[revision], ready_replicas=0)


def stable_of(world: FakeWorld) -> str:
    assert world.status.stable is not None
    return world.status.stable.revision


def metric_of(world: FakeWorld) -> MetricStatus:
    assert world.status.analysis is not None
    return world.status.analysis.metrics[0]
