"""Why a command is refused, in the words of the command line, which names the command that helps instead. Pure."""

from timoneiro_operator.api.command import Command
from timoneiro_operator.api.status import Snapshot
from timoneiro_operator.cli.presentation.text import was_refused
from timoneiro_operator.cli.presentation.view import View
from timoneiro_operator.decide.refusal import Refusal
from timoneiro_operator.decide.text import name_of, revision_name


def refused_text(view: View, command: Command, refused: Refusal) -> str:
    """The sentence for a command that nobody writes: the operator's own, where there is nothing to say beside it."""
    status, name, action = view.status, view.name, command.action
    candidate, stable = status.candidate, status.stable
    match refused.reason:
        case "NoRollout":
            return f"nothing to {action}: no rollout of '{name}' is running{_instead(view, command)}"
        case "Leaving" if candidate is not None and candidate.leaving is not None:
            return f"nothing to {action}: {revision_name(candidate)} is leaving already ({candidate.leaving.reason})"
        case "PausedAlready" if status.paused is not None:
            return (
                f"nothing to pause: the rollout of '{name}' was paused by {status.paused.by} already; "
                f"`timoneiro resume {name}` ends that"
            )
        case "NotPaused" if status.step is not None and status.step.kind == "Pause":
            return (
                f"nothing to resume: the schedule of '{name}' ends this pause by itself; "
                f"`timoneiro promote {name}` ends it now"
            )
        case "NotPaused":
            return (
                f"nothing to resume: the rollout of '{name}' is not paused; "
                f"`timoneiro explain {name}` says what it waits for"
            )
        case "NotRejected":
            return _not_rejected(view, command.revision)
        case "NothingServes":
            return f"nothing to roll back: no model of '{name}' serves yet"
        case "RolloutRuns" if candidate is not None:
            return (
                f"a rollout of {revision_name(candidate)} is running: `timoneiro abort {name}` ends it, "
                "and all traffic goes back to the stable model"
            )
        case "NoFormer" if command.to is not None:
            return no_target(view, command.to)
        case "NoFormer" if stable is not None:
            return (
                f"nothing to roll back to: {revision_name(stable)} is the only model of '{name}' that ever was "
                "stable; publish another one"
            )
        case _:
            return was_refused(action, command.revision, refused.sentence)


def not_seen(view: View) -> str:
    return f"nothing to retry yet: the operator has not seen the latest spec of '{view.name}'"


def no_target(view: View, to: str) -> str:
    """Why `to` names no one former revision."""
    matches, former, stable = view.meant_by(to), view.former(), view.status.stable
    if matches:
        return f"'{to}' means more than one revision: {_list(matches)}; name one by its revision"
    if stable is not None and to in (stable.revision, stable.version):
        return f"{revision_name(stable)} is the stable model already"
    choice = f"choose from {_list(former)}" if former else "no former revision is kept"
    return f"'{to}' is no revision or version that '{view.name}' can go back to; {choice}"


def _instead(view: View, command: Command) -> str:
    if not view.seen and view.invalid is None:
        return ", and the operator has not seen its latest spec yet; try again in a moment"
    if command.action == "promote" and view.rejection is not None:
        return f"; `timoneiro retry {view.name}` rolls the rejected revision out again"
    if command.action == "abort" and view.former():
        return f"; to leave the model that serves now, use `timoneiro rollback {view.name}`"
    return f"; `timoneiro status {view.name}` says what serves"


def _not_rejected(view: View, wanted: str) -> str:
    """Where the wanted revision is instead of being rejected."""
    status, name = view.status, name_of(wanted, view.wanted_version)
    if status.candidate is not None and status.candidate.revision == wanted and status.candidate.leaving is None:
        return f"nothing to retry: {name} is being rolled out; `timoneiro watch {view.name}` shows it"
    if status.stable is not None and status.stable.revision == wanted:
        return f"nothing to retry: {name} is the stable model already"
    if not view.seen:
        return not_seen(view)
    return f"nothing to retry: {name} was not rejected; `timoneiro explain {view.name}` says where it is"


def _list(snapshots: list[Snapshot]) -> str:
    return ", ".join(name_of(entry.revision, entry.model.version) for entry in snapshots)
