"""What people ask of a rollout: each command is carried out or refused once, and put on record with who asked."""

from collections.abc import Callable

import msgspec

from timoneiro_operator.api.command import Command
from timoneiro_operator.api.status import Candidate, CommandRecord, Direct, Leaving, Paused, Status
from timoneiro_operator.api.times import Moment
from timoneiro_operator.decide.capacity import lacks_replicas, with_capacity
from timoneiro_operator.decide.given import Given
from timoneiro_operator.decide.holdback import take_back
from timoneiro_operator.decide.lifecycle import begin, former, pardon, rejection_entry
from timoneiro_operator.decide.refusal import refusal
from timoneiro_operator.decide.size_limit import lacks_room
from timoneiro_operator.decide.steps import following, waits_for_a_person
from timoneiro_operator.decide.text import name_of, revision_name, share_text

replace = msgspec.structs.replace

_KEPT_RECORDS = 10


class _Refusal(Exception):
    """The command is not carried out; the sentence says why. `after`: what it has set going all the same."""

    def __init__(self, sentence: str, after: Status | None = None) -> None:
        super().__init__(sentence)
        self.after = after


def carry_out(given: Given, status: Status) -> Status:
    """The status after the command in the annotation, if there is one that nobody has seen before.

    The record and the effect are one status write: a crash before it repeats the command, one after it does not.
    """
    command, deployment, seen = given.deployment.command, given.deployment, given.seen
    if command is None or status.record(command.id) is not None:
        return status
    try:
        if command.problem is not None:
            raise _Refusal(command.problem)
        if seen.held is not None and not _goes_back(given, command, status):
            raise _Refusal(f"nothing goes forward now: {seen.held}")
        refused = refusal(command, status, deployment.revision)
        if refused is not None:
            raise _Refusal(refused.sentence)
        after, message = _ACTIONS[command.action](given, status, command)
        done = True
    except _Refusal as error:
        after, message, done = error.after or status, str(error), False
    record = CommandRecord(
        id=command.id,
        action=command.action or "unknown",
        revision=command.revision,
        by=command.by,
        verified=command.verified,
        at=given.now,
        outcome="Done" if done else "Refused",
        message=message,
    )
    return replace(after, commands=(*after.commands, record)[-_KEPT_RECORDS:])


def _goes_back(given: Given, command: Command, status: Status) -> bool:
    """Whether it gives no traffic to anything but what serves already: nothing may stand in its way."""
    if command.action != "rollback":
        return command.action in ("abort", "pause")
    known = status.former
    return known is not None and command.to in (None, known.revision) and given.seen.workload(known.revision).serving


def _candidate(status: Status) -> Candidate:
    """The candidate that a command is about which was not refused."""
    assert status.candidate is not None
    return status.candidate


def _promote(given: Given, status: Status, command: Command) -> tuple[Status, str]:
    if status.former is not None and status.stable is not None:
        return replace(status, step=None), f"{revision_name(status.stable)} gets all traffic now"
    candidate, step = _candidate(status), status.step
    name = revision_name(candidate)
    if command.full:
        asked = candidate.directly(f"promoted in full by {command.asker}")
        status = replace(_resumed(status, asked, given.now), paused=None)
        return status, f"{name} gets all traffic as soon as it is ready"
    assert step is not None
    after = following(given.deployment.spec.rollout, step)
    status = with_capacity(status, after, given.seen)
    lacking = lacks_replicas(given, status, after)
    if lacking is not None:
        raise _Refusal(f"{name} cannot go on yet: {lacking}; promote it again when they are", status)
    status = replace(_resumed(status, _candidate(status), given.now), step=after, paused=None)
    return status, f"{name} went on to {share_text(after)}"


def _abort(given: Given, status: Status, command: Command) -> tuple[Status, str]:
    leaving = Leaving(outcome="Aborted", reason=f"aborted by {command.asker}")
    if status.former is not None and status.stable is not None:
        if not given.seen.workload(status.former.revision).serving:
            raise _Refusal(f"{revision_name(status.former)} has no ready replica that could take the traffic")
        return take_back(given, status, leaving), f"{revision_name(status.stable)} is rolled back"
    candidate = _candidate(status)
    aborted = replace(status, candidate=replace(candidate, leaving=leaving))
    return aborted, f"{revision_name(candidate)} is rolled back"


def _pause(given: Given, status: Status, command: Command) -> tuple[Status, str]:
    return replace(status, paused=Paused(by=command.asker, at=given.now)), "the rollout stays where it is"


def _resume(given: Given, status: Status, command: Command) -> tuple[Status, str]:
    step = status.step
    after = replace(_resumed(status, _candidate(status), given.now), paused=None)
    if step is not None and waits_for_a_person(step):
        after = replace(after, step=replace(step, seconds=0.0, not_before=given.now))
    return after, "the rollout goes on"


def _resumed(status: Status, candidate: Candidate, now: Moment) -> Status:
    """The candidate with a deadline that is later by as long as people had it paused: waiting for them is no delay."""
    step = status.step
    begun = [status.paused.at] if status.paused else []
    if step is not None and waits_for_a_person(step) and step.started_at is not None:
        begun.append(step.started_at)
    if begun and candidate.deadline is not None:
        candidate = replace(candidate, deadline=candidate.deadline + (now - min(begun)))
    return replace(status, candidate=candidate)


def _retry(given: Given, status: Status, command: Command) -> tuple[Status, str]:
    entry = rejection_entry(status, command.revision)
    assert entry is not None
    judged = status.analysis is not None and status.analysis.candidate == command.revision
    if judged and given.verdict(status) == "Worse":
        # A person says that this evidence does not count: it would roll the candidate back at once.
        status = replace(status, analysis=None)
    return pardon(status, command.revision), f"{name_of(entry.revision, entry.version)} is rolled out again"


def _rollback(given: Given, status: Status, command: Command) -> tuple[Status, str]:
    snapshot = next(known for known in former(status) if known.revision == (command.to or known.revision))
    name, reason = name_of(snapshot.revision, snapshot.model.version), f"rolled back by {command.asker}"
    held = status.former is not None and status.former.revision == snapshot.revision
    if held and given.seen.workload(snapshot.revision).serving:
        return take_back(given, status, Leaving(outcome="RolledBack", reason=reason)), f"{name} gets all traffic now"
    wanted = given.deployment.spec.model
    if wanted is not None and not snapshot.model.satisfies(wanted.signature):
        raise _Refusal(f"{name} was not verified with the keys of spec.model.signature, which the spec demands now")
    too_large = lacks_room(given.deployment, status, snapshot)
    if too_large is not None:
        raise _Refusal(too_large)
    status = begin(given, status, snapshot, way=Direct(reason), asked=True)
    return status, f"{name} gets all traffic as soon as it is ready"


_Action = Callable[[Given, Status, Command], tuple[Status, str]]
_ACTIONS: dict[str, _Action] = {
    "promote": _promote,
    "abort": _abort,
    "pause": _pause,
    "resume": _resume,
    "retry": _retry,
    "rollback": _rollback,
}
