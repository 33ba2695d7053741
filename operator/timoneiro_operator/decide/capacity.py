"""Capacity before traffic, where an autoscaler chooses the number of pods.

An autoscaler follows the load, which comes after the traffic. So each minimum is raised to what the next step will
bring before that step begins, and what the stable model had is kept for it until the rollout is over: the way back
needs it. The minimum is a number in the status, so that a restart or a second pass finds the same one.
"""

import msgspec

from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.scaling import Replicas, autoscaler_class, replicas_of
from timoneiro_operator.api.status import AnyRevision, Revision, Status, Step
from timoneiro_operator.api.times import Moment, moment
from timoneiro_operator.decide.given import Given
from timoneiro_operator.decide.lifecycle import snapshot_of
from timoneiro_operator.decide.observation import Observation
from timoneiro_operator.decide.text import because, share_text

replace = msgspec.structs.replace


def replicas(deployment: ModelDeployment, status: Status, part: Revision) -> Replicas:
    """Between how many replicas `part` is to serve. How many what was adopted has is not ours to say."""
    known, spec = snapshot_of(status, part.revision), deployment.spec
    predictor, transformer = (known.predictor, known.transformer) if known else (spec.predictor, spec.transformer)
    if known is not None and known.adopted is not None:
        one = Replicas(least=1, most=1)
        return one._replace(transformer=one if transformer is not None else None)
    before = None
    if transformer is not None:
        before = replicas_of(spec.transformer or transformer, transformer, part.transformer_replicas)
    return replicas_of(spec.predictor, predictor, part.replicas)._replace(transformer=before)


def with_capacity(status: Status, step: Step, seen: Observation) -> Status:
    """The status with what candidate and stable model need of replicas before `step` may begin.

    The candidate needs its share of the most that the stable model had before any step, and the stable model all of
    it: traffic may come back at any time. So does each one's transformer.
    """
    stable, candidate = status.stable, status.candidate
    assert stable is not None
    assert candidate is not None
    serves = seen.workload(stable.revision)
    had = max(stable.replicas or 0, serves.replicas)
    before = max(stable.transformer_replicas or 0, serves.transformer.staying if serves.transformer else 0)
    # A copy of the traffic is as much as the traffic itself, and after a promotion nothing waits for replicas any more.
    share = 100 if step.kind in ("Mirror", "Promotion") else step.weight
    return replace(
        status,
        stable=_held(status, stable, had, before),
        candidate=_held(status, candidate, -(-had * share // 100), -(-before * share // 100)),
    )


def as_it_serves(status: Status, part: AnyRevision, seen: Observation) -> AnyRevision:
    """`part`, whose autoscaler keeps what it has chosen for it until now."""
    serves = seen.workload(part.revision)
    return _held(status, part, serves.replicas, serves.transformer.staying if serves.transformer else 0)


def _held(status: Status, part: AnyRevision, number: int, before: int) -> AnyRevision:
    known = snapshot_of(status, part.revision)
    if known is None or known.adopted is not None:
        return part
    if number and autoscaler_class(known.predictor) != "none":
        part = replace(part, replicas=number)
    if before and known.transformer is not None and autoscaler_class(known.transformer) != "none":
        part = replace(part, transformer_replicas=before)
    return part


def lacks_replicas(given: Given, status: Status, step: Step) -> str | None:
    """A sentence while the candidate has too few ready replicas for `step`; None when it has enough."""
    candidate = status.candidate
    assert candidate is not None
    workload = given.seen.workload(candidate.revision)
    wanted = replicas(given.deployment, status, candidate)
    if workload.has(wanted):
        return None
    needed = f", which {share_text(step)} needs" if candidate.replicas or candidate.transformer_replicas else ""
    return f"{workload.replicas_text(wanted)} of the candidate are ready{needed}{because(workload.failure)}"


def released_at(deployment: ModelDeployment, status: Status) -> Moment | None:
    """When the autoscaler of the stable model may take back what a rollout has held; None while none is held or ends.

    As long after its end as the former model stays warm: the autoscaler has to see the new load before that.
    """
    stable = status.stable
    held = stable is not None and (stable.replicas is not None or stable.transformer_replicas is not None)
    if not held or status.candidate is not None:
        return None
    # Without a history it ended long ago.
    ended = status.history[-1].ended_at if status.history else moment(0.0)
    return ended + deployment.spec.rollout.keep_stable


def released(deployment: ModelDeployment, status: Status, now: Moment) -> Status:
    """The status without numbers of replicas that nothing needs any more."""
    at = released_at(deployment, status)
    if at is None or now < at or status.stable is None:
        return status
    return replace(status, stable=replace(status.stable, replicas=None, transformer_replicas=None))
