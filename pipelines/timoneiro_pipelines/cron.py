"""Times of a schedule, as Kubeflow reads them: six fields, the first of which is the second.

Own code, because Kubeflow takes five fields too and reads the first, the minute that everybody means, as the second.
"""

from __future__ import annotations

import re

from .errors import WRONG_USE, KubeflowError

# Lowest and highest number, and words that stand for one.
_FIELDS = (
    ("second", 0, 59, ""),
    ("minute", 0, 59, ""),
    ("hour", 0, 23, ""),
    ("day of the month", 1, 31, ""),
    ("month", 1, 12, "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"),
    ("day of the week", 0, 6, "sun|mon|tue|wed|thu|fri|sat"),
)
_ENTRY = re.compile(r"(\*|\?|[0-9]{1,2}|[a-z]{3})(?:-([0-9]{1,2}|[a-z]{3}))?(?:/([0-9]{1,2}))?")


def six_fields(text: str) -> str:
    """The expression with all six fields: where five are given, the second is 0.

    Raises KubeflowError for what is no expression.
    """
    fields = text.lower().split()
    if len(fields) == 5:
        fields = ["0", *fields]
    if len(fields) != 6:
        raise _wrong(f"{text!r} has {len(fields)} fields: write minute, hour, day, month and day of the week")
    for written, (name, least, most, words) in zip(fields, _FIELDS, strict=True):
        for entry in written.split(","):
            if not _right(entry, least, most, words):
                example = f"*, a number from {least} to {most}, a range such as {least}-{most}, or */2"
                raise _wrong(f"{text!r}: {entry!r} is no {name}: write {example}")
    return " ".join(fields)


def _wrong(sentence: str) -> KubeflowError:
    return KubeflowError(f"--cron {sentence}", code=WRONG_USE)


def _right(entry: str, least: int, most: int, words: str) -> bool:
    found = _ENTRY.fullmatch(entry)
    if not found:
        return False
    first, last, step = found.groups()
    if first in "*?":
        return last is None and step != "0"
    start, end = _number(first, least, words), _number(last or first, least, words)
    return start is not None and end is not None and least <= start <= end <= most and step != "0"


def _number(text: str, least: int, words: str) -> int | None:
    if text.isdigit():
        return int(text)
    known = words.split("|")
    return known.index(text) + least if text in known else None
