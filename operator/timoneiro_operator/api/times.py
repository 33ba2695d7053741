"""Moments as the API has them: aware datetimes in Python, RFC 3339 on the wire."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec

# Without a time zone a moment cannot be compared with any other.
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


def moment(seconds: float) -> Moment:
    """The moment so many seconds after the epoch, in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def read_moment(text: str) -> Moment:
    """Of an RFC 3339 text in somebody else's object. Raises ValueError where it is none."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def text_of(moment: Moment) -> str:
    """RFC 3339 in UTC with microseconds: `2026-11-24T10:00:00.250000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def clock(moment: Moment) -> str:
    """As people read it in a sentence: `2026-11-24 10:00:05 UTC`."""
    text = text_of(moment)
    return f"{text[:10]} {text[11:19]} UTC"
