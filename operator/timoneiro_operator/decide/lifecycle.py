"""Changes of the status that begin or end something: each a pure function from status to status."""

from typing import Literal

import msgspec

from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.runtime import Runtime
from timoneiro_operator.api.status import (
    STEPS,
    Candidate,
    Direct,
    HistoryEntry,
    Leaving,
    Outcome,
    Rejected,
    Retiring,
    Revision,
    Snapshot,
    Stable,
    Status,
    Way,
)
from timoneiro_operator.api.times import Moment
from timoneiro_operator.decide.given import Given
from timoneiro_operator.decide.observation import Observation
from timoneiro_operator.decide.text import verdict_sentence

replace = msgspec.structs.replace

_KEPT_ENTRIES = 10
# Former stable models that a person can still go back to.
_KEPT_SNAPSHOTS = 5


def adopt(status: Status, snapshot: Snapshot, now: Moment) -> Status:
    """What an InferenceService that nobody has made for it serves becomes the stable model, as it is."""
    stable = Stable(
        revision=snapshot.revision,
        inference_service=snapshot.adopted or "",
        uri=snapshot.model.uri,
        version=snapshot.model.version,
        ready=True,
        since=now,
        started_at=now,
    )
    status = replace(status, stable=stable, revisions=(*status.revisions, replace(snapshot, stable_since=now)))
    return record(status, stable, "Adopted", f"InferenceService {snapshot.adopted} has served it before", now)


def wanted_snapshot(deployment: ModelDeployment, wanted: str) -> Snapshot:
    """What the spec describes, as a revision that is to be made."""
    spec, known = deployment.spec, snapshot_of(deployment.status, wanted)
    runtime = known.runtime if known is not None else deployment.wanted_runtime
    return Snapshot(
        revision=wanted,
        model=deployment.model,
        predictor=spec.predictor,
        transformer=spec.transformer,
        runtime=runtime,
    )


def with_runtimes(deployment: ModelDeployment, status: Status, seen: Observation) -> Status:
    """The status with a runtime for all that serves or is about to, and was not known to have one.

    What is there has the one that its pods are made of; what has to be made gets the one that it would get today.
    """
    serving = {part.revision for part in (status.stable, status.candidate) if part is not None}

    def pinned(known: Snapshot) -> Snapshot:
        if known.revision not in serving or (known.runtime is not None and known.runtime.spec is not None):
            return known
        there = seen.workloads.get(known.revision)
        name = there.runtime if there else deployment.runtime_name(known.model, known.predictor)
        unread = known.runtime if there or name is None else Runtime(name=name)
        return replace(known, runtime=deployment.runtimes.get(name or "", unread))

    return replace(status, revisions=tuple(pinned(known) for known in status.revisions))


def snapshot_of(status: Status, revision: str) -> Snapshot | None:
    """What `revision` is made of; None when it is not known any more."""
    return next((snapshot for snapshot in status.revisions if snapshot.revision == revision), None)


def former(status: Status) -> list[Snapshot]:
    """The revisions that were the stable model before the one that is, the last one first."""
    stable = status.stable.revision if status.stable else None
    kept = [known for known in status.revisions if known.stable_since is not None and known.revision != stable]
    return sorted(kept, key=lambda known: (known.stable_since, known.revision), reverse=True)


def is_adopted(status: Status, revision: str) -> bool:
    """Whether what serves `revision` was made by somebody else, and is not ours to change."""
    known = snapshot_of(status, revision)
    return known is not None and known.adopted is not None


def begin(
    given: Given,
    status: Status,
    snapshot: Snapshot,
    *,
    way: Way = STEPS,
    asked: bool = False,
) -> Status:
    """A revision becomes the candidate, with absolute deadlines.

    Evidence about the same pair of models goes on where it was: beginning again and again must not be a way to look
    for luck.
    """
    deployment, now = given.deployment, given.now
    rollout = deployment.spec.rollout
    candidate = Candidate(
        revision=snapshot.revision,
        inference_service=snapshot.adopted or deployment.made_name(snapshot.revision),
        uri=snapshot.model.uri,
        version=snapshot.model.version,
        started_at=now,
        progress_deadline=now + rollout.progress_deadline,
        deadline=now + rollout.deadline,
        instant=way.reason if isinstance(way, Direct) else None,
        asked=asked,
    )
    stable, analysis = status.stable, status.analysis
    if analysis is not None and (analysis.candidate, analysis.stable) != (
        candidate.revision,
        stable and stable.revision,
    ):
        analysis = None
    if analysis is not None:
        # Of another stretch of time, and perhaps of another gateway.
        analysis = replace(analysis, share=None, last_window=None, marks=None)
    known = snapshot_of(status, snapshot.revision)
    if known is not None:
        snapshot = replace(snapshot, stable_since=known.stable_since)
    status = replace(
        status,
        candidate=candidate,
        step=None,
        paused=None,
        analysis=analysis,
        revisions=(*(known for known in status.revisions if known.revision != snapshot.revision), snapshot),
        retiring=tuple(item for item in status.retiring if item.revision != snapshot.revision),
    )
    return forget_snapshots(replace(status, verdict=verdict_sentence(status)))


def spared(deployment: ModelDeployment, candidate: Candidate, now: Moment) -> Candidate:
    """The candidate while the cluster has no room for it: its time to become ready, or most of it, is still to come."""
    allowed = deployment.spec.rollout.progress_deadline
    if candidate.progress_deadline is None or candidate.deadline is None:
        return candidate
    left = candidate.progress_deadline - now
    # Not in every pass, which would be a write each.
    if left > allowed / 2:
        return candidate
    return replace(
        candidate,
        progress_deadline=now + allowed,
        deadline=candidate.deadline + allowed - left,
    )


def leave(given: Given, status: Status, candidate: Candidate, leaving: Leaving) -> Status:
    """The candidate goes: now, or as soon as its traffic has somewhere to go.

    While the stable model has no ready replica and the candidate has, the candidate keeps what it has: moving its
    traffic would lose it.
    """
    seen, stable, step = given.seen, status.stable, status.step
    has_traffic = step is not None and step.weight > 0
    stranded = stable is not None and not seen.workload(stable.revision).serving
    if has_traffic and stranded and seen.workload(candidate.revision).serving:
        return replace(status, candidate=replace(candidate, leaving=leaving))
    return _dismiss(given.deployment, status, candidate, leaving, given.now)


def _dismiss(
    deployment: ModelDeployment, status: Status, candidate: Candidate, leaving: Leaving, now: Moment
) -> Status:
    """No traffic from now on, and its pods go after a delay."""
    delay = deployment.spec.rollout.scale_down_delay
    listed = status.step is not None
    status = replace(status, candidate=None, step=None, paused=None)
    status = record(status, candidate, leaving.outcome, leaving.reason, now)
    status = replace(status, retiring=(*status.retiring, retired(candidate, "Candidate", now + delay, listed=listed)))
    if leaving.outcome == "RolledBack" or (leaving.outcome == "Aborted" and not candidate.asked):
        status = reject(status, candidate, leaving.reason, now)
    return forget_snapshots(status)


def reject(status: Status, revision: Revision, reason: str, now: Moment) -> Status:
    """`revision` is not rolled out again unless a person asks for it."""
    entry = Rejected(revision=revision.revision, at=now, reason=reason, version=revision.version)
    others = tuple(other for other in status.rejected if other.revision != revision.revision)
    return replace(status, rejected=(*others, entry)[-_KEPT_ENTRIES:])


def rejection_entry(status: Status, revision: str | None) -> Rejected | None:
    """Why and when `revision` was rejected; None when it was not."""
    return next((entry for entry in status.rejected if entry.revision == revision), None)


def pardon(status: Status, revision: str) -> Status:
    """`revision` may be rolled out again."""
    return replace(status, rejected=tuple(entry for entry in status.rejected if entry.revision != revision))


def retired(
    revision: Revision,
    was: Literal["Stable", "Candidate"],
    delete_at: Moment,
    *,
    listed: bool,
    outdone: bool = False,
) -> Retiring:
    return Retiring(
        was=was,
        listed=listed,
        outdone=outdone,
        revision=revision.revision,
        inference_service=revision.inference_service,
        uri=revision.uri,
        version=revision.version,
        delete_at=delete_at,
        backend=revision.backend,
    )


def record(status: Status, revision: Revision, outcome: Outcome, reason: str, now: Moment) -> Status:
    entry = HistoryEntry(
        revision=revision.revision,
        outcome=outcome,
        reason=reason,
        started_at=revision.started_at,
        ended_at=now,
        version=revision.version,
    )
    return replace(status, history=(*status.history, entry)[-_KEPT_ENTRIES:])


def forget_snapshots(status: Status) -> Status:
    """Keeps what serves, what is still warm, and the last models that were stable."""
    serving = {part.revision for part in (status.stable, status.candidate) if part is not None}
    kept = serving | {item.revision for item in status.retiring}
    former = sorted((known.stable_since, known.revision) for known in status.revisions if known.stable_since)
    kept |= {revision for _, revision in former[-_KEPT_SNAPSHOTS:]}
    return replace(status, revisions=tuple(known for known in status.revisions if known.revision in kept))
