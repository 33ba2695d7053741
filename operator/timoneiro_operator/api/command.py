"""What a person asks of a running rollout: an annotation, carried out once, with another one that says who asks.

They are no fields of the spec, because a command is a moment and not a wish: nobody's Git owns it. Who asks is what the
writer says, unless the admission policy of the chart has compared it with who that was.
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
    `verified`: that `by` has asked is proven. `problem`: why the annotation could not be read. Neither is on the wire.
    """

    id: str = ""
    action: Action | Literal[""] = ""
    revision: str = ""
    full: bool = False
    to: str | None = None
    by: str = "somebody"
    at: str | None = None
    verified: bool = False
    problem: str | None = None

    @property
    def asker(self) -> str:
        return asker(self.by, verified=self.verified)


def asker(by: str, *, verified: bool) -> str:
    """Who has asked, for a sentence."""
    return by if verified else f"{by} (claimed)"


def parse_command(text: str, by: str | None) -> Command:
    """Command of the annotation's `text`, asked for `by` whom the other annotation names.

    What cannot be read becomes a command that is refused, and says why.
    """
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    try:
        command = msgspec.json.decode(text.encode(), type=Command)
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError) as error:
        why = plain(f"the annotation is not a command: {error}", 256)
        return Command(id=digest, by=plain(by or "", 128) or "somebody", problem=why)
    problem = None if command.action and command.revision else "a command needs an action and a revision"
    return msgspec.structs.replace(
        command,
        id=plain(command.id, 64) or digest,
        revision=plain(command.revision, 64),
        to=None if command.to is None else plain(command.to, 64),
        by=plain(by or command.by, 128) or "somebody",
        verified=False,
        problem=problem,
    )


def plain(text: str, length: int) -> str:
    """What may stand in a status, an event and a log line, whoever wrote it."""
    return "".join(character for character in text if character.isprintable())[:length]


def encode_command(command: Command) -> str:
    """Text for the annotation, without what the other one says; with that the inverse of `parse_command`."""
    return msgspec.json.encode(msgspec.structs.replace(command, by=Command().by, verified=False, problem=None)).decode()
