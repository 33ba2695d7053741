"""A file of which only parts are asked for, wherever it is."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, BinaryIO, cast

_BLOCK_BYTES = 8 * 2**20


def in_parts(size: int, part: Callable[[int, int], bytes]) -> BinaryIO:
    """A file of `size` bytes. `part(start, end)` gives those from `start` up to and without `end`."""
    return cast("BinaryIO", io.BufferedReader(_Parts(size, part), _BLOCK_BYTES))


class _Parts(io.RawIOBase):
    def __init__(self, size: int, part: Callable[[int, int], bytes]) -> None:
        self._size = size
        self._part = part
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        end = min(self._position + len(buffer), self._size)
        if end <= self._position:
            return 0
        found = self._part(self._position, end)
        buffer[: len(found)] = found
        self._position += len(found)
        return len(found)
