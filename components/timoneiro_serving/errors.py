"""What can go wrong before the server answers its first request."""

from __future__ import annotations


class ModelLoadError(Exception):
    """The model cannot be served; the message is one sentence naming the file and the remedy."""


def first_line(error: BaseException, *, limit: int = 300) -> str:
    """`ValueError: text`: type and first line of the message, at most `limit` characters of it."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:limit]}" if lines else type(error).__name__
