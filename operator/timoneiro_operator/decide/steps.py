"""A rollout as a list of steps. Canary and blue-green are two such lists; everything else is one engine.

A step's place is its weight, and its rank among the steps of the same weight. Going by place rather than by position
in the list, an edit of the schedule in mid-rollout skips nothing and repeats nothing.
"""

from datetime import timedelta
from typing import NamedTuple

import msgspec

from timoneiro_operator.api.spec import Rollout
from timoneiro_operator.api.status import Status, Step, StepKind
from timoneiro_operator.api.times import Moment

# A gateway that is told of a backend and of its weight at once may send requests there before it knows where that is.
LISTED_SECONDS = 1.0
# Kinds in which one of the two gets a copy of what the other gets.
_MIRRORED = ("Mirror", "Bake")


class ScheduledStep(NamedTuple):
    """One step of the schedule. `seconds` None: until a person resumes."""

    kind: StepKind
    weight: int
    rank: int
    seconds: float | None


def schedule_of(rollout: Rollout) -> tuple[ScheduledStep, ...]:
    """The steps between the entry into the route and the promotion, in their order."""
    if rollout.strategy == "BlueGreen":
        return (ScheduledStep("Mirror", 0, 1, rollout.blue_green.mirror.total_seconds()),)
    planned: list[ScheduledStep] = []
    weight = rank = 0
    for step in rollout.canary.steps:
        if step.weight is None:
            rank += 1
            pause = step.pause.for_ if step.pause else None
            planned.append(ScheduledStep("Pause", weight, rank, None if pause is None else pause.total_seconds()))
        else:
            weight, rank = step.weight, 0
            planned.append(ScheduledStep("Weight", weight, rank, step.for_.total_seconds() if step.for_ else 0.0))
    return tuple(planned)


def following(rollout: Rollout, step: Step) -> Step:
    """The step after `step`; the promotion after the last one."""
    schedule = schedule_of(rollout)
    for index, planned in enumerate(schedule):
        if _comes_after(planned, step):
            return Step(
                kind=planned.kind,
                index=index,
                count=len(schedule),
                weight=planned.weight,
                rank=planned.rank,
                seconds=planned.seconds,
            )
    return promotion(rollout, holdback_of(rollout))


def _comes_after(planned: ScheduledStep, step: Step) -> bool:
    """By place; but a mirror and a pause without traffic share one, and an edit of one into the other means both."""
    if "Mirror" in (planned.kind, step.kind) and step.kind != planned.kind:
        return planned.weight >= step.weight
    return (planned.weight, planned.rank) > (step.weight, step.rank)


def entry(rollout: Rollout) -> Step:
    """The candidate is listed in the route, without traffic."""
    return Step(kind="Listed", index=-1, count=len(schedule_of(rollout)), weight=0, seconds=LISTED_SECONDS)


def promotion(rollout: Rollout, after: Step | None = None) -> Step:
    """All traffic to the candidate, for good; or what the step `after` the promotion leaves of it."""
    count = len(schedule_of(rollout))
    return Step(kind="Promotion", index=count, count=count, weight=after.weight if after else 100, seconds=0.0)


def holdback_of(rollout: Rollout) -> Step | None:
    """The test that goes on after a promotion by the steps; None where there is none.

    The former stable model is compared with the one that was promoted: on a part of the traffic, and with BlueGreen,
    which switches all of it at once, on a copy.
    """
    count = len(schedule_of(rollout))
    if rollout.strategy == "BlueGreen":
        step = Step(kind="Bake", index=count, count=count, weight=100, seconds=rollout.blue_green.bake.total_seconds())
    else:
        seconds = rollout.keep_stable.total_seconds()
        step = Step(kind="Holdback", index=count, count=count, weight=100 - rollout.holdback, seconds=seconds)
    is_none = not step.seconds or (step.kind == "Holdback" and step.weight == 100)
    return None if is_none else step


def start_clock(status: Status, now: Moment) -> Status:
    """The gateway has accepted the routing of the step: its time runs from now."""
    step, candidate = status.step, status.candidate
    if step is not None and step.started_at is None:
        step = msgspec.structs.replace(
            step,
            started_at=now,
            not_before=None if step.seconds is None else now + timedelta(seconds=step.seconds),
            requests_before=requests_of(status),
        )
    if candidate is not None and candidate.traffic_since is None and step is not None and _gives_traffic(step):
        candidate = msgspec.structs.replace(candidate, traffic_since=step.started_at)
    return msgspec.structs.replace(status, step=step, candidate=candidate)


def _gives_traffic(step: Step) -> bool:
    """Whether both arms get requests while it runs."""
    return step.kind in _MIRRORED or (step.kind in ("Weight", "Pause", "Holdback") and step.weight > 0)


def takes_all(step: Step) -> bool:
    """Whether the candidate has all traffic in it, but for what a holdback leaves to the old model."""
    return step.kind == "Promotion" or step.weight == 100


def waits_for_a_person(step: Step | None) -> bool:
    """A pause without a duration."""
    return step is not None and step.kind == "Pause" and step.seconds is None


def requests_of(status: Status) -> int:
    """Requests of the candidate that the analysis has counted so far."""
    if status.analysis is None:
        return 0
    return max((metric.candidate.requests for metric in status.analysis.metrics), default=0)


class Arms(NamedTuple):
    """The revisions whose counts are wanted, and at which routing: another one is another stretch of time."""

    stable: str
    candidate: str
    weight: int
    mirrored: bool
    accepted: bool


def arms_to_measure(status: Status) -> Arms | None:
    """The pair that is being compared; None while they do not get their traffic in a step.

    After a promotion the model that was promoted is still what the candidate was.
    """
    former, step = status.former, status.step
    stable, candidate = (former, status.stable) if former is not None else (status.stable, status.candidate)
    if stable is None or candidate is None or step is None:
        return None
    if not _gives_traffic(step):
        return None
    # Also before the gateway says that it has accepted: it may send requests there all the same.
    mirrored = step.kind in _MIRRORED
    return Arms(stable.revision, candidate.revision, step.weight, mirrored, step.started_at is not None)
