"""Which command stands for what a person asks, in the state that was read; or the sentence why there is none. Pure."""

from dataclasses import dataclass

from timoneiro_operator.api.command import Action, Command
from timoneiro_operator.cli.errors import CliError
from timoneiro_operator.cli.presentation.refused import no_target, not_seen, refused_text
from timoneiro_operator.cli.presentation.view import View
from timoneiro_operator.decide.refusal import refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRequest:
    """What a person asks. `to`: revision, its first digits, or version to roll back to."""

    action: Action
    full: bool = False
    to: str | None = None


def command_for(*, view: View, request: CommandRequest, by: str, at: str, id: str) -> Command:
    """The command to write. Raises CliError, before anything is written, when the operator would refuse it.

    And when it is not clear which revision is meant.
    """
    meant = view.meant_by(request.to) if request.to is not None else []
    command = Command(
        id=id,
        action=request.action,
        revision=_meant_for(view, request.action),
        full=request.full,
        to=meant[0].revision if len(meant) == 1 else request.to,
        by=by,
        at=at,
    )
    refused = refusal(command, view.status, view.wanted)
    if refused is not None:
        raise CliError(refused_text(view, command, refused))
    if request.action == "retry" and not view.seen:
        # Which revision the spec wants now, and whether that was rejected, only the operator knows.
        raise CliError(not_seen(view))
    if request.to is not None and not meant:
        # An empty one: the operator takes that for none, and here somebody has slipped.
        raise CliError(no_target(view, request.to))
    return command


def _meant_for(view: View, action: Action) -> str:
    """The revision that a command is about; empty where there is none, which is refused."""
    if action == "retry":
        return _wanted(view)
    after = view.status.former is not None
    part = view.status.stable if action == "rollback" or after else view.status.candidate
    return part.revision if part is not None else ""


def _wanted(view: View) -> str:
    if view.invalid is not None:
        raise CliError(f"nothing to retry: the spec of '{view.name}' is invalid, fix it first: {view.invalid}")
    if view.foreign is not None:
        raise CliError(f"cannot say what to retry: {view.foreign}")
    if view.wanted is None:
        raise CliError(f"nothing to retry: '{view.name}' names no model; publish one")
    return view.wanted
