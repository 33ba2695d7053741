"""A table as it came from a source, and what identifies where it came from."""

from __future__ import annotations

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
