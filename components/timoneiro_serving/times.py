"""Times as texts: what tables and requests both are read by, so that they mean the same instants. Standard library
only."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

# Python reads more than people write, such as weeks.
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}(?P<day>[T ]\d{2}:\d{2}.*)?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# What pandas holds in nanoseconds.
FIRST_YEAR, LAST_YEAR = 1678, 2261


class NoTime(ValueError):
    """The text is no time, or does not say enough to be one."""


@lru_cache(maxsize=64)
def zone_of(name: str) -> tzinfo:
    """The time zone, by its name in the tz database. Raises ValueError if there is none of that name."""
    try:
        # These are what a machine makes of them, and so another one on another machine.
        if name in ("localtime", "posixrules", "Factory"):
            raise ValueError
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise ValueError(f"there is no time zone {name!r}") from None


def microseconds(text: str, zone: tzinfo | None) -> int:
    """Microseconds since 1970 in UTC of an ISO 8601 date or time.

    A time of day without an offset is one of `zone`, and of an hour that comes twice it is the first one; with None it
    is no time. A date is its first moment, in UTC where there is no zone. Raises NoTime.
    """
    text = text.upper()
    form = _TIME.fullmatch(text)
    if form is None:
        raise NoTime
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            if zone is None and form["day"]:
                raise NoTime
            found = found.replace(tzinfo=zone or UTC)
        if not FIRST_YEAR <= found.year <= LAST_YEAR:
            raise NoTime
        return (found - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        raise NoTime from None


def iso(seconds: float) -> str:
    """The instant so many seconds after 1970, as text; a float holds those of our days to the microsecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def part_columns(column: str, part: str) -> tuple[str, str]:
    """What the two columns of a part of a time are called."""
    return f"{column} {part} sine", f"{column} {part} cosine"
