"""Stands in for the HTTP session by which pods are read: each host answers with what a test has put there.

Fake below the line: no network. Pods behind real HTTP servers are in tests/unit/operator/test_metrics.py.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class _Answer:
    body: bytes
    status: int = 200

    @property
    def content(self) -> "_Answer":
        return self

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        for start in range(0, len(self.body), size):
            yield self.body[start : start + size]


@dataclass
class FakePods:
    """`expositions`: by address of the pod."""

    expositions: dict[str, str] = field(default_factory=dict)

    @asynccontextmanager
    async def get(self, url: str, **arguments: object) -> AsyncIterator[_Answer]:
        del arguments
        yield _Answer(self.expositions[urlsplit(url).hostname or ""].encode("utf-8", "replace"))
