"""Which command stands for what a person asks, in the state that was read; or the sentence why there is none.

The operator has the last word: here is refused only what could not name a revision that it makes sense for.
"""

from dataclasses import dataclass

from timoneiro_operator.api.command import Action, Command
from timoneiro_operator.api.status import Revision, Snapshot
from timoneiro_operator.cli.errors import CliError
from timoneiro_operator.cli.view import View
from timoneiro_operator.decide.text import name_of, revision_name

_SHORTEST_PREFIX = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a person asks. `to`: revision, its first digits, or version to roll back to."""

    action: Action
    full: bool = False
    to: str | None = None


def command_for(*, view: View, request: Request, by: str, at: str, id: str) -> Command:
    """The command to write. Raises CliError, before anything is written, when the state has nothing to name."""
    to = None
    if request.action == "retry":
        revision = _rejected(view)
    elif request.action == "rollback":
        revision, to = _way_back(view, request.to)
    else:
        revision = _candidate(view, request.action).revision
    return Command(id=id, action=request.action, revision=revision, full=request.full, to=to, by=by, at=at)


def _candidate(view: View, action: Action) -> Revision:
    """The candidate that promote, abort, pause and resume are about."""
    status, candidate = view.status, view.status.candidate
    if candidate is None:
        raise CliError(f"nothing to {action}: no rollout of '{view.name}' is running{_instead(view, action)}")
    if candidate.leaving is not None:
        raise CliError(
            f"nothing to {action}: {revision_name(candidate)} is leaving already ({candidate.leaving.reason})"
        )
    if action == "pause" and status.paused is not None:
        raise CliError(
            f"nothing to pause: the rollout of '{view.name}' was paused by {status.paused.by} already; "
            f"`timoneiro resume {view.name}` ends that"
        )
    if action == "resume":
        _check_paused(view)
    return candidate


def _check_paused(view: View) -> None:
    """Only a pause that a person ends can be resumed."""
    status, step = view.status, view.status.step
    if status.paused is not None or (step is not None and step.kind == "Pause" and step.seconds is None):
        return
    if step is not None and step.kind == "Pause":
        raise CliError(
            f"nothing to resume: the schedule of '{view.name}' ends this pause by itself; "
            f"`timoneiro promote {view.name}` ends it now"
        )
    raise CliError(
        f"nothing to resume: the rollout of '{view.name}' is not paused; "
        f"`timoneiro explain {view.name}` says what it waits for"
    )


def _instead(view: View, action: Action) -> str:
    if not view.seen and view.invalid is None:
        return ", and the operator has not seen its latest spec yet; try again in a moment"
    if action == "promote" and view.rejection is not None:
        return f"; `timoneiro retry {view.name}` rolls the rejected revision out again"
    if action == "abort" and view.former():
        return f"; to leave the model that serves now, use `timoneiro rollback {view.name}`"
    return f"; `timoneiro status {view.name}` says what serves"


def _rejected(view: View) -> str:
    """The wanted revision, which was rolled back or aborted, for `retry`."""
    status, wanted = view.status, view.wanted
    if view.invalid is not None:
        raise CliError(f"nothing to retry: the spec of '{view.name}' is invalid, mend it first: {view.invalid}")
    if view.foreign is not None:
        raise CliError(f"cannot say what to retry: {view.foreign}")
    if wanted is None:
        raise CliError(f"nothing to retry: '{view.name}' names no model; publish one")
    name = name_of(wanted, view.wanted_version)
    if status.candidate is not None and status.candidate.revision == wanted and status.candidate.leaving is None:
        raise CliError(f"nothing to retry: {name} is being rolled out; `timoneiro watch {view.name}` shows it")
    if status.stable is not None and status.stable.revision == wanted:
        raise CliError(f"nothing to retry: {name} is the stable model already")
    if not view.seen:
        raise CliError(f"nothing to retry yet: the operator has not seen the latest spec of '{view.name}'")
    if view.rejection is None:
        raise CliError(f"nothing to retry: {name} was not rejected; `timoneiro explain {view.name}` says where it is")
    return wanted


def _way_back(view: View, to: str | None) -> tuple[str, str | None]:
    """The stable revision that is left, and the revision to go to if one was named."""
    stable, former = view.status.stable, view.former()
    if stable is None:
        raise CliError(f"nothing to roll back: no model of '{view.name}' serves yet")
    if view.status.candidate is not None:
        raise CliError(
            f"a rollout of {revision_name(view.status.candidate)} is running: `timoneiro abort {view.name}` ends it, "
            "and all traffic goes back to the stable model"
        )
    if to is None and not former:
        raise CliError(
            f"nothing to roll back to: {revision_name(stable)} is the only model of '{view.name}' that ever was "
            "stable; publish another one"
        )
    return stable.revision, None if to is None else _named(view, stable, former, to)


def _named(view: View, stable: Revision, former: list[Snapshot], to: str) -> str:
    """The one former revision that `to` means."""
    exact = [entry for entry in former if entry.revision == to]
    versions = [entry for entry in former if entry.model.version == to]
    started = [entry for entry in former if len(to) >= _SHORTEST_PREFIX and entry.revision.startswith(to)]
    matches = exact or versions or started
    if len(matches) == 1:
        return matches[0].revision
    if matches:
        raise CliError(f"'{to}' means more than one revision: {_list(matches)}; name one by its revision")
    if to in (stable.revision, stable.version):
        raise CliError(f"{revision_name(stable)} is the stable model already")
    choice = f"choose from {_list(former)}" if former else "no former revision is kept"
    raise CliError(f"'{to}' is no revision or version that '{view.name}' can go back to; {choice}")


def _list(snapshots: list[Snapshot]) -> str:
    return ", ".join(name_of(entry.revision, entry.model.version) for entry in snapshots)
