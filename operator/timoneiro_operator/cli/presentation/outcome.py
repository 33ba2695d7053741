"""Whether the rollout of what the spec wants is over, and how: one exit code and one line for scripts and people."""

from dataclasses import dataclass

from timoneiro_operator.api.status import CommandRecord
from timoneiro_operator.cli.errors import DONE, FAILED, NO_ANSWER, UNFINISHED
from timoneiro_operator.cli.presentation.text import status_line, was_refused
from timoneiro_operator.cli.presentation.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """`code`: DONE, FAILED, UNFINISHED, or NO_ANSWER. `line`: the state, in one line without the time."""

    code: int
    line: str

    @property
    def over(self) -> bool:
        return self.code != UNFINISHED


def status_exit(view: View) -> Ending:
    """The outcome for the spec as it is now: a status about an older spec is no answer, and so is UNFINISHED."""
    line = status_line(view.name, view.status)
    if view.invalid is not None:
        return Ending(code=FAILED, line=f"{view.name}: the spec is invalid: {view.invalid}")
    if view.foreign is not None:
        return Ending(code=NO_ANSWER, line=f"{view.name}: {view.foreign}")
    if not view.seen:
        seen = view.status.observed_generation
        what = f"spec {view.generation}, it knows {seen}" if seen else f"spec {view.generation}"
        return Ending(code=UNFINISHED, line=f"{view.name}: the operator has not seen the latest spec yet ({what})")
    return Ending(code=_code(view), line=line)


def _code(view: View) -> int:
    status, wanted = view.status, view.wanted
    if status.phase == "Degraded":
        return FAILED
    # Traffic is still moving: also what is rejected already is over only when the stable model has everything.
    if status.candidate is not None or status.phase == "RollingBack":
        return UNFINISHED
    if status.phase == "RolledBack" or view.rejection is not None:
        return FAILED
    if view.not_taken is not None:
        # A host name stays somebody else's until a person does something; what was refused is tried again.
        return FAILED if view.not_taken.reason == "HostnameConflict" else UNFINISHED
    if status.phase == "Healthy" and (wanted is None or (status.stable and status.stable.revision == wanted)):
        return DONE
    return UNFINISHED


def timed_out(view: View, waited: str) -> str:
    """The sentence for a wait that ended before the rollout did."""
    outcome = status_exit(view)
    hint = f"`timoneiro explain {view.name}` says what it waits for"
    if view.status.phase == "Paused":
        hint = f"`timoneiro resume {view.name}` lets it go on"
    elif not view.seen:
        hint = "is the operator running?"
    return f"{outcome.line}; not over after {waited}: {hint}"


def answer(record: CommandRecord) -> Ending:
    """The answer to a command: what was done, or why not."""
    if record.outcome == "Done":
        return Ending(code=DONE, line=record.message or f"{record.action} of {record.revision}: done")
    reason = record.message or "no reason was given"
    return Ending(code=FAILED, line=was_refused(record.action, record.revision, reason))


def unanswered(view: View, *, action: str, waited: str) -> str:
    """The sentence for a command that nobody has carried out in time."""
    return (
        f"the operator has not answered the {action} in {waited}: is the operator running? "
        "The command stays written, and is carried out when it is and nobody has asked for something else. "
        f"{status_line(view.name, view.status)}"
    )
