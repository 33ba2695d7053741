"""Tables of Markdown."""

from __future__ import annotations

from collections.abc import Iterable


def text(said: str) -> str:
    """As it is, and never as a tag of HTML, which Markdown lets through."""
    return said.replace("&", "&amp;").replace("<", "&lt;")


def row(*cells: str) -> str:
    """One line of a table; what would end a cell or the line, or be a tag, does not."""
    return f"| {' | '.join(' '.join(text(cell).split()).replace('|', chr(92) + '|') for cell in cells)} |"


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """The lines of a table."""
    names = list(header)
    return [row(*names), f"|{'---|' * len(names)}", *(row(*cells) for cells in rows)]
