"""Everything that follows from a status: traffic, what has to exist, what may go, conditions, when to look again."""

from datetime import timedelta

import msgspec

from timoneiro_operator.api.spec_struct import write
from timoneiro_operator.api.status import Retiring, Revision, Snapshot, Status
from timoneiro_operator.decide.capacity import released, released_at, replicas
from timoneiro_operator.decide.conditions import conditions_of
from timoneiro_operator.decide.decision import Decision
from timoneiro_operator.decide.given import Given
from timoneiro_operator.decide.lifecycle import is_adopted, snapshot_of, with_runtimes
from timoneiro_operator.decide.observation import Observation, Routing
from timoneiro_operator.decide.routing import routing_of, settled, traffic_of, with_restored, without_loss, without_more
from timoneiro_operator.decide.size_limit import fitted
from timoneiro_operator.decide.steps import arms_to_measure
from timoneiro_operator.decide.text import step_text
from timoneiro_operator.decide.warm_up import settle_seconds, warms_up_until

replace = msgspec.structs.replace

# While the cluster lacks something, or room, only a look tells when it is there.
_MISSING_SECONDS = 10.0
# No watch tells of what has no label of ours.
_ADOPTED_SECONDS = 30.0
# Counts are read when their interval is over, and bring a pass. Where none come in this time, it is to be said why.
_COUNTS_SECONDS = 5.0


def conclude(given: Given, status: Status) -> Decision:
    """The decision that makes `status` true. Nothing is done while the cluster lacks what the driver needs."""
    deployment, seen, now = given.deployment, given.seen, given.now
    if seen.missing is not None:
        status = replace(status, observed_generation=deployment.generation)
        status = replace(status, conditions=conditions_of(given, status))
        return Decision(status=status, look_again=_MISSING_SECONDS)
    status = released(deployment, with_runtimes(deployment, status, seen), now)
    routing = routing_of(given, status)
    delete = _to_delete(given, status, routing)
    # What was adopted is only left alone.
    gone = [item for item in delete if item.revision not in seen.workloads or is_adopted(status, item.revision)]
    traffic = traffic_of(status, routing, seen)
    status = replace(
        status,
        retiring=tuple(item for item in status.retiring if item not in gone),
        observed_generation=deployment.generation,
        wanted=deployment.revision or "",
        # By way of JSON: as it comes back from the API server, with lists in the place of tuples.
        acted_on=msgspec.json.decode(msgspec.json.encode(deployment.spec, enc_hook=write)),
        step_text=step_text(status.step),
        traffic=traffic,
        weight=traffic.desired.candidate if traffic else None,
    )
    status = fitted(deployment, with_restored(given, status, routing))
    status = replace(status, conditions=conditions_of(given, status))
    return Decision(
        status=status,
        ensure=_to_ensure(status, seen),
        routing=without_more(without_loss(routing, seen), status, seen),
        scale={
            part.revision: replicas(deployment, status, part)
            for part in _serving(status)
            if not is_adopted(status, part.revision)
        },
        delete=tuple(item.revision for item in delete if item not in gone),
        look_again=_look_again(given, status),
    )


def _to_delete(given: Given, status: Status, routing: Routing) -> list[Retiring]:
    """Only what the accepted route does not even name may go: traffic before deletion."""
    seen, now = given.seen, given.now
    if seen.held is not None or (seen.route is not None and not settled(routing, seen)):
        return []
    routed = seen.route.routing.weights if seen.route else {}
    return [item for item in status.retiring if now >= item.delete_at and item.revision not in routed]


def _to_ensure(status: Status, seen: Observation) -> tuple[Snapshot, ...]:
    """What serves or is about to, and is not there, is not what it was built as, or has no runtime of its own yet."""
    lacking = [
        part.revision
        for part in _serving(status)
        if (there := seen.workloads.get(part.revision)) is None or not (there.as_built and there.pinned)
    ]
    known = (snapshot_of(status, revision) for revision in lacking)
    return tuple(snapshot for snapshot in known if snapshot is not None and snapshot.adopted is None)


def _serving(status: Status) -> list[Revision]:
    """What serves or is about to."""
    return [part for part in (status.stable, status.candidate) if part is not None]


def _look_again(given: Given, status: Status) -> float | None:
    """Seconds until the next deadline or measurement; None when only a change can make a difference."""
    deployment, seen, now = given.deployment, given.seen, given.now
    times = [item.delete_at for item in status.retiring]
    release = released_at(deployment, status)
    times += [release] if release is not None else []
    candidate, step = status.candidate, status.step
    if any(is_adopted(status, part.revision) for part in _serving(status)):
        times.append(now + timedelta(seconds=_ADOPTED_SECONDS))
    if deployment.spec.adopt is not None and not _serving(status):
        times.append(now + timedelta(seconds=_MISSING_SECONDS))
    if candidate is not None:
        limit = candidate.deadline if step else candidate.progress_deadline
        times += [limit] if limit else []
    if step is not None and step.not_before:
        times.append(step.not_before)
    if any(seen.workload(part.revision).lacks_pods for part in _serving(status)):
        times.append(now + timedelta(seconds=_MISSING_SECONDS))
    if arms_to_measure(status) is not None:
        analysis = deployment.spec.analysis
        warm = warms_up_until(status, analysis)
        times += [now + analysis.interval + timedelta(seconds=_COUNTS_SECONDS), *([warm] if warm is not None else [])]
        if step is not None and step.started_at is not None:
            times.append(step.started_at + timedelta(seconds=settle_seconds(analysis)))
    future = [(time - now).total_seconds() for time in times if time > now]
    return min(future, default=None)
