"""What a person asks of a running rollout: one annotation on the ModelDeployment, carried out once.

It is an annotation, and not a field of the spec, because it is a moment and not a wish: nobody's Git owns it. Who
asked is what the writer says; the audit log of the API server is what proves it.
"""

import hashlib
from typing import Literal

import msgspec

Action = Literal["promote", "abort", "pause", "resume", "retry", "rollback"]


class Command(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """One command.

    `id`: the same id is carried out once, however often it is read.
    `revision`: the revision that the command is meant for; for any other it is refused. For `rollback` the revision
    that serves and is to be left.
    `full`: promote to all traffic at once instead of to the next step.
    `to`: revision to roll back to; the last one before the stable model when absent.
    `problem`: why the annotation could not be read; never on the wire.
    """

    id: str = ""
    action: Action | Literal[""] = ""
    revision: str = ""
    full: bool = False
    to: str | None = None
    by: str = "somebody"
    at: str | None = None
    problem: str | None = None


def parse_command(text: str) -> Command:
    """Command of the annotation's `text`. What cannot be read becomes a command that is refused, and says why."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    try:
        command = msgspec.json.decode(text.encode(), type=Command)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        return Command(id=digest, problem=_plain(f"the annotation is no command: {error}", 256))
    problem = None if command.action and command.revision else "a command needs an action and a revision"
    return msgspec.structs.replace(
        command,
        id=_plain(command.id, 64) or digest,
        revision=_plain(command.revision, 64),
        to=None if command.to is None else _plain(command.to, 64),
        by=_plain(command.by, 128) or "somebody",
        problem=problem,
    )


def _plain(text: str, length: int) -> str:
    """What may stand in a status, an event and a log line, whoever wrote it."""
    return "".join(character for character in text if character.isprintable())[:length]


def encode_command(command: Command) -> str:
    """Text for the annotation; the inverse of `parse_command`."""
    return msgspec.json.encode(command).decode()
