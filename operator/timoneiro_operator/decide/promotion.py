"""The candidate becomes the stable model, and what follows from that: a pure function from status to status."""

from datetime import timedelta
from typing import Literal

import msgspec

from timoneiro_operator.api.analysis_status import AnalysisStatus, PromotedBy
from timoneiro_operator.api.spec import Rollout
from timoneiro_operator.api.status import Candidate, Direct, Stable, Status, Step, Steps
from timoneiro_operator.decide.given import Given
from timoneiro_operator.decide.lifecycle import forget_snapshots, pardon, record, reject, retired
from timoneiro_operator.decide.steps import holdback_of

replace = msgspec.structs.replace


def promote(given: Given, status: Status, candidate: Candidate) -> Status:
    """The candidate, which has the traffic, becomes the stable model; the old one stays warm for a while.

    And is compared with it for longer, from evidence on that begins now, where the steps have led to the promotion.
    """
    deployment, now, old = given.deployment, given.now, status.stable
    after = _holdback(deployment.spec.rollout, status, candidate)
    stable = Stable(
        revision=candidate.revision,
        inference_service=candidate.inference_service,
        uri=candidate.uri,
        version=candidate.version,
        ready=True,
        replicas=candidate.replicas,
        transformer_replicas=candidate.transformer_replicas,
        since=now,
        backend=given.seen.workload(candidate.revision).backend or candidate.backend,
    )
    evidence = status.verdict or ("first revision" if old is None else "there was no evidence against it")
    reason = candidate.way.reason if isinstance(candidate.way, Direct) else _said(given, status, candidate, evidence)
    snapshots = tuple(
        replace(known, stable_since=now) if known.revision == candidate.revision else known
        for known in status.revisions
    )
    status = replace(status, stable=stable, candidate=None, step=after, paused=None, revisions=snapshots)
    status = record(status, candidate, "Restored" if candidate.asked else "Promoted", reason, now)
    status = pardon(status, candidate.revision)
    if old is not None:
        if candidate.asked:
            # The spec may still name what people went away from.
            status = reject(status, old, reason, now)
        keep = _kept(deployment.spec.rollout, after)
        # What a person went away from is no model to come back to without steps.
        was: Literal["Stable", "Candidate"] = "Candidate" if candidate.asked else "Stable"
        outdone = given.verdict(status) == "NotWorse"
        item = retired(old, was, now + keep, listed=True, outdone=outdone)
        status = replace(status, retiring=(*status.retiring, item))
    if after is not None:
        status = _tested_anew(status)
    return forget_snapshots(status)


def _said(given: Given, status: Status, candidate: Candidate, evidence: str) -> str:
    """The evidence, and who promoted it where the evidence alone would not have."""
    if given.deployment.spec.analysis.promotion != "Evidence" or given.verdict(status) == "NotWorse":
        return evidence
    about = (known for known in reversed(status.commands) if known.revision == candidate.revision)
    by_person = next((known for known in about if (known.action, known.outcome) == ("promote", "Done")), None)
    return evidence if by_person is None else f"promoted by {by_person.asker}; {evidence}"


def _holdback(rollout: Rollout, status: Status, candidate: Candidate) -> Step | None:
    """The step after the promotion, unless the spec had asked for another one when the traffic was moved."""
    after, step = holdback_of(rollout), status.step
    by_steps = status.stable is not None and isinstance(candidate.way, Steps)
    return after if by_steps and after is not None and step is not None and step.weight == after.weight else None


def _kept(rollout: Rollout, after: Step | None) -> timedelta:
    """How long the old model stays after a promotion. It has to be without traffic for a while before it goes."""
    keep = rollout.keep_stable
    if after is None:
        return keep
    return keep + (rollout.scale_down_delay if after.kind == "Holdback" else timedelta(seconds=after.seconds or 0.0))


def _tested_anew(status: Status) -> Status:
    """Evidence from nothing, of the same pair, with an error probability of its own."""
    if (before := status.analysis) is None:
        return status
    metrics = tuple(replace(metric, state=None) for metric in before.metrics)
    warm_up = replace(before.warm_up, state=None) if before.warm_up is not None else None
    anew = AnalysisStatus(
        candidate=before.candidate,
        stable=before.stable,
        bounds=before.bounds,
        promoted_by=PromotedBy(metrics=metrics, worse=before.worse, warm_up=warm_up, trail=before.trail),
    )
    return replace(status, analysis=anew, verdict="")
