"""Durations as Kubernetes users write them: `250ms`, `30s`, `10m`, `1h30m`, `6h`."""

import re
from datetime import timedelta

# With more a moment could be in no calendar.
LONGEST = timedelta(days=3650)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_WHOLE = re.compile(r"^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$")


class Duration(timedelta):
    """A length of time that remembers how people wrote it: that is its text, and what goes on the wire."""

    text: str

    def __new__(cls, text: str) -> "Duration":
        """Raises ValueError with a sentence that names the text when it is not a duration."""
        if not _WHOLE.match(text):
            raise ValueError(f"'{text}' is not a duration; write for example 30s, 10m or 1h30m")
        try:
            made = super().__new__(cls, seconds=sum(float(n) * _UNITS[unit] for n, unit in _PART.findall(text)))
        except OverflowError:
            raise ValueError(f"'{text}' is longer than any calendar") from None
        made.text = text
        return made

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[type["Duration"], tuple[str]]:
        """Copied and kept by its text."""
        return Duration, (self.text,)


def format_duration(length: float | timedelta) -> str:
    """`length` (seconds, if it is a number) in at most two units, for people: 45 s, 12 min, 3 h 5 min."""
    whole = max(0, round(length.total_seconds() if isinstance(length, timedelta) else length))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest and minutes < 10 else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
