"""What people ask of a rollout: each command is carried out or refused once, and put on record with who asked."""

from collections.abc import Callable

import msgspec

from timoneiro_operator.api.command import Command
from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.status import CommandRecord, Leaving, Paused, Revision, Status, to_seconds, to_text
from timoneiro_operator.decide.capacity import lacks_replicas, with_capacity
from timoneiro_operator.decide.lifecycle import begin, pardon, rejection_entry, snapshot_of
from timoneiro_operator.decide.observation import Observation
from timoneiro_operator.decide.room import lacks_room
from timoneiro_operator.decide.rules import verdict_on
from timoneiro_operator.decide.steps import following, waits_for_a_person
from timoneiro_operator.decide.text import name_of, revision_name, share_text

replace = msgspec.structs.replace

_KEPT_RECORDS = 10
# What gives no traffic to anything: nothing may stand in its way.
_ALWAYS = ("abort", "pause")


class _Refusal(Exception):
    """The command does not apply; the sentence says why and what would. `after`: what it has set going all the same."""

    def __init__(self, sentence: str, after: Status | None = None) -> None:
        super().__init__(sentence)
        self.after = after


def carry_out(deployment: ModelDeployment, status: Status, seen: Observation, now: float) -> Status:
    """The status after the command in the annotation, if there is one that nobody has seen before.

    The record and the effect are one status write: a crash before it repeats the command, one after it does not.
    """
    command = deployment.command
    if command is None or any(record.id == command.id for record in status.commands):
        return status
    try:
        if command.problem is not None:
            raise _Refusal(command.problem)
        if seen.held is not None and command.action not in _ALWAYS:
            raise _Refusal(f"nothing goes forward now: {seen.held}")
        after, message = _ACTIONS[command.action](deployment, status, command, seen, now)
        done = True
    except _Refusal as refusal:
        after, message, done = refusal.after or status, str(refusal), False
    record = CommandRecord(
        id=command.id,
        action=command.action or "unknown",
        revision=command.revision,
        by=command.by,
        verified=command.verified,
        at=to_text(now),
        outcome="Done" if done else "Refused",
        message=message,
    )
    return replace(after, commands=(*after.commands, record)[-_KEPT_RECORDS:])


def _candidate(status: Status, command: Command) -> Revision:
    """The candidate that the command is meant for."""
    candidate = status.candidate
    if candidate is None:
        raise _Refusal("no rollout is running")
    if candidate.revision != command.revision:
        raise _Refusal(f"it is meant for revision {command.revision}, and the candidate is {candidate.revision}")
    if candidate.leaving is not None:
        raise _Refusal(f"the candidate is on its way out: {candidate.leaving.reason}")
    if status.stable is None:
        raise _Refusal("this is the first revision: it gets all traffic as soon as it is ready")
    return candidate


def _promote(
    deployment: ModelDeployment, status: Status, command: Command, seen: Observation, now: float
) -> tuple[Status, str]:
    candidate, step = _candidate(status, command), status.step
    name = revision_name(candidate)
    if candidate.instant is not None or (step is not None and step.kind == "Promotion"):
        raise _Refusal(f"{name} is going to all traffic already")
    if command.full:
        asked = replace(candidate, instant=f"promoted in full by {command.asker}")
        return replace(_resumed(status, asked, now), paused=None), f"{name} gets all traffic as soon as it is ready"
    if step is None or step.kind == "Listed":
        raise _Refusal(f"{name} has no step to end yet; promote it in full to skip all of them")
    after = following(deployment.spec.rollout, step)
    status = with_capacity(deployment, status, after, seen)
    lacking = lacks_replicas(deployment, status, after, seen)
    if lacking is not None:
        raise _Refusal(f"{name} cannot go on yet: {lacking}; promote it again when they are", status)
    candidate = _candidate(status, command)
    status = replace(_resumed(status, candidate, now), step=after, paused=None)
    return status, f"{name} went on to {share_text(after)}"


def _abort(
    deployment: ModelDeployment, status: Status, command: Command, seen: Observation, now: float
) -> tuple[Status, str]:
    candidate = _candidate(status, command)
    leaving = Leaving(outcome="Aborted", reason=f"aborted by {command.asker}")
    aborted = replace(status, candidate=replace(candidate, leaving=leaving))
    return aborted, f"{revision_name(candidate)} is taken back"


def _pause(
    deployment: ModelDeployment, status: Status, command: Command, seen: Observation, now: float
) -> tuple[Status, str]:
    candidate, step = _candidate(status, command), status.step
    if status.paused is not None:
        raise _Refusal(f"it is paused already, by {status.paused.by} since {status.paused.at}")
    if candidate.instant is not None or (step is not None and step.kind == "Promotion"):
        raise _Refusal(f"{revision_name(candidate)} is going to all traffic already; abort takes it back")
    return replace(status, paused=Paused(by=command.asker, at=to_text(now))), "the rollout stays where it is"


def _resume(
    deployment: ModelDeployment, status: Status, command: Command, seen: Observation, now: float
) -> tuple[Status, str]:
    candidate, step = _candidate(status, command), status.step
    if status.paused is None and not waits_for_a_person(step):
        raise _Refusal("the rollout is not paused")
    after = replace(_resumed(status, candidate, now), paused=None)
    if step is not None and waits_for_a_person(step):
        after = replace(after, step=replace(step, seconds=0.0, not_before=to_text(now)))
    return after, "the rollout goes on"


def _resumed(status: Status, candidate: Revision, now: float) -> Status:
    """The candidate with a deadline that is later by as long as people had it paused: waiting for them is no delay."""
    step = status.step
    begun = [status.paused.at] if status.paused else []
    if step is not None and waits_for_a_person(step) and step.started_at is not None:
        begun.append(step.started_at)
    if begun and candidate.deadline is not None:
        later = to_seconds(candidate.deadline) + now - min(to_seconds(since) for since in begun)
        candidate = replace(candidate, deadline=to_text(later))
    return replace(status, candidate=candidate)


def _retry(
    deployment: ModelDeployment, status: Status, command: Command, seen: Observation, now: float
) -> tuple[Status, str]:
    wanted, entry = deployment.revision, rejection_entry(status, command.revision)
    if entry is None:
        raise _Refusal(f"revision {command.revision} was not rolled back")
    if command.revision != wanted:
        raise _Refusal(f"the spec wants revision {wanted}, not {command.revision}")
    judged = status.analysis is not None and status.analysis.candidate == command.revision
    if judged and verdict_on(deployment, status) == "Worse":
        # A person says that this evidence does not count: it would take the candidate back at once.
        status = replace(status, analysis=None)
    return pardon(status, command.revision), f"{name_of(entry.revision, entry.version)} is rolled out again"


def _rollback(
    deployment: ModelDeployment, status: Status, command: Command, seen: Observation, now: float
) -> tuple[Status, str]:
    stable = status.stable
    if stable is None:
        raise _Refusal("no model serves yet")
    if stable.revision != command.revision:
        raise _Refusal(f"it is meant for revision {command.revision}, and the stable model is {stable.revision}")
    if status.candidate is not None:
        raise _Refusal(f"a rollout of {revision_name(status.candidate)} is running; abort it first")
    former = sorted(
        (known.stable_since, known.revision)
        for known in status.revisions
        if known.stable_since is not None and known.revision != stable.revision
    )
    known = [revision for _, revision in former]
    target = command.to or (known[-1] if known else None)
    snapshot = snapshot_of(status, target) if target in known and target is not None else None
    if snapshot is None:
        choice = ", ".join(reversed(known)) or "none is known any more"
        raise _Refusal(f"there is no former stable revision {target or ''} to go back to; known: {choice}")
    too_large = lacks_room(deployment, status, snapshot)
    if too_large is not None:
        raise _Refusal(too_large)
    status = begin(deployment, status, snapshot, now, instant=f"rolled back by {command.asker}", asked=True)
    return status, f"{name_of(snapshot.revision, snapshot.model.version)} gets all traffic as soon as it is ready"


_Action = Callable[[ModelDeployment, Status, Command, Observation, float], tuple[Status, str]]
_ACTIONS: dict[str, _Action] = {
    "promote": _promote,
    "abort": _abort,
    "pause": _pause,
    "resume": _resume,
    "retry": _retry,
    "rollback": _rollback,
}
