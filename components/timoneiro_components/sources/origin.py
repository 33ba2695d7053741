"""A table as it came from a source, and what identifies where it came from."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

import pyarrow as pa

from .files import FileDigest


@dataclass(frozen=True)
class Origin:
    """Where a table came from: the field of `spec.source` that says so, and the address, never with credentials.

    `query`: the digest of its text, `sha256:<hex>`. `joined`: tables whose columns were added, in that order.
    """

    kind: str
    address: str
    files: tuple[FileDigest, ...] = ()
    query: str | None = None
    joined: tuple[Origin, ...] = ()


@dataclass(frozen=True)
class Loaded:
    """A table in the types and the order of the definition."""

    table: pa.Table
    origin: Origin


# Parts of the table one after the other, at least one row in all, and in the end where they came from. What is wrong
# with it may only be found in the end: nothing of a table is true before.
Stream = Generator[pa.Table, None, Origin]


def consumed(stream: Stream, use: Callable[[pa.Table], object]) -> Origin:
    """Hands each part to `use`, and says where they came from."""
    while True:
        try:
            part = next(stream)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # typeshed does not know of what
        use(part)


def loaded(stream: Stream) -> Loaded:
    """All of it."""
    parts: list[pa.Table] = []
    origin = consumed(stream, parts.append)
    return Loaded(pa.concat_tables(parts), origin)
