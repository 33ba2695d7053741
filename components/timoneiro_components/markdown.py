"""Tables of Markdown."""

from __future__ import annotations

from collections.abc import Iterable


def row(*cells: str) -> str:
    """One line of a table; what would end a cell or the line does not."""
    return f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in cells)} |"


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """The lines of a table."""
    names = list(header)
    return [row(*names), f"|{'---|' * len(names)}", *(row(*cells) for cells in rows)]
