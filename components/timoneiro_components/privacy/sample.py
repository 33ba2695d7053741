"""Rows spread evenly over a table whose length is not known before its end."""

from __future__ import annotations

import pyarrow as pa


class EvenSample:
    """Every so many-th row, at most `most` of them: all until there are more, then every other one of those, and so on.

    `seen`: how many rows there were.
    """

    def __init__(self, most: int) -> None:
        self._most, self._step = most, 1
        self._kept: list[pa.Table] = []
        self.seen = 0

    def add(self, part: pa.Table) -> None:
        """The next rows of the table."""
        first = -self.seen % self._step
        self.seen += part.num_rows
        self._kept.append(part.take(pa.array(range(first, part.num_rows, self._step), pa.int64())))
        while sum(table.num_rows for table in self._kept) > self._most:
            whole = pa.concat_tables(self._kept)
            self._step *= 2
            self._kept = [whole.take(pa.array(range(0, whole.num_rows, 2), pa.int64()))]

    def rows(self) -> pa.Table | None:
        """Those that were kept; None if there was not even an empty table."""
        return pa.concat_tables(self._kept) if self._kept else None
