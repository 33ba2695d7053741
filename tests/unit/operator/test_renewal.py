"""Evidence for "not worse" begins anew with the last step before all traffic, where there is traffic enough."""

from typing import Any

import msgspec
import pytest

from support.fake_world import FakeWorld
from timoneiro_operator.api.analysis_status import LastWindow, MetricStatus
from timoneiro_operator.api.status import Status, Step
from timoneiro_operator.decide.renewal import renewed

change = msgspec.structs.replace
LAST = Step(kind="Weight", index=1, count=2, weight=50, seconds=60.0)


def proven(*, requests_per_second: float = 100.0) -> tuple[FakeWorld, MetricStatus]:
    """In the first step, with a candidate that is known not to be worse."""
    world = FakeWorld(requests_per_second=requests_per_second).healthy()
    world.model(2)
    world.until("Progressing 1/2")
    metric = only(world.status)
    while metric.verdict != "NotWorse":
        world.spec["rollout"]["canary"]["steps"][0]["for"] = "10m"
        world.tick(10)
        metric = only(world.status)
    return world, metric


def only(status: Status) -> MetricStatus:
    return status.analysis.metrics[0] if status.analysis and status.analysis.metrics else MetricStatus(name="none")


def at_the_last_step(world: FakeWorld, step: Step = LAST, **analysis: Any) -> MetricStatus:
    assert world.status.analysis is not None
    status = change(world.status, analysis=change(world.status.analysis, **analysis))
    return only(renewed(world.deployment.spec.analysis, status, step))


def test_where_there_is_traffic_enough_what_was_proven_is_to_be_proven_again() -> None:
    world, before = proven()
    metric = at_the_last_step(world)
    assert (metric.verdict, metric.evidence.not_worse) == ("Undecided", 1.0)
    assert (metric.candidate, metric.evidence.worse) == (before.candidate, before.evidence.worse)


@pytest.mark.parametrize(
    "step",
    [
        change(LAST, seconds=1.0),
        change(LAST, weight=0),
        change(LAST, kind="Pause", seconds=None),
    ],
)
def test_a_step_that_is_too_short_or_has_no_traffic_or_no_end_keeps_what_was_proven(step: Step) -> None:
    world, before = proven()
    assert at_the_last_step(world, step) == before


@pytest.mark.parametrize("last", [None, LastWindow(seconds=0.0, candidate=0, stable=0)])
def test_where_the_traffic_is_not_known_what_was_proven_stays(last: LastWindow | None) -> None:
    world, before = proven()
    assert at_the_last_step(world, last_window=last) == before


def test_a_copy_of_the_traffic_is_half_of_what_is_compared() -> None:
    world, _ = proven()
    assert at_the_last_step(world, change(LAST, kind="Mirror", weight=0)).verdict == "Undecided"


def test_without_evidence_there_is_nothing_to_begin_anew() -> None:
    assert renewed(FakeWorld().deployment.spec.analysis, Status(), LAST) == Status()


def test_what_is_worse_stays_worse_and_a_metric_without_evidence_as_it_is() -> None:
    world, before = proven()
    worse, other = change(before, verdict="Worse"), MetricStatus(name="slo", verdict="NotWorse")
    assert world.status.analysis is not None
    status = change(world.status, analysis=change(world.status.analysis, metrics=(worse, other)))
    after = renewed(world.deployment.spec.analysis, status, LAST)
    assert after.analysis is not None
    assert [metric.verdict for metric in after.analysis.metrics] == ["Worse", "NotWorse"]


def test_a_stable_model_without_requests_says_nothing_of_how_soon_it_is_proven() -> None:
    world, before = proven()
    assert at_the_last_step(world, metrics=(change(before, state=None),)).verdict == "NotWorse"


def test_a_good_candidate_proves_it_again_and_is_promoted_at_the_end_of_its_schedule() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.until("Progressing 2/2")
    assert only(world.status).verdict == "Undecided"
    begun = world.now
    world.until("Healthy - 2:100")
    assert world.now - begun <= 70


def test_a_candidate_that_turns_bad_in_the_last_step_is_not_promoted_for_what_it_was() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.until("Progressing 2/2")
    world.rate["s3://models/fraud/2"] = 0.2
    world.tick(50)
    assert world.status.stable is not None
    assert world.status.stable.version == "1"
