"""What a check is asked about, what it has seen of a part of a table, and what it answers.

A check is carried out part by part: what it has seen of each is added up, so that memory is bounded whatever the table
holds, and parts may be looked at anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from ..definition.quality import Consequence
from ..definition.training import Training
from ..tables import frame_of

Positions = np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True)
class TableFacts:
    """What is the same for all parts of a table. `now`: the time of the run. `step`: checks that compare values of many
    rows look at every so many-th row."""

    training: Training
    now: datetime
    step: int = 1


@dataclass(frozen=True)
class CheckedRows:
    """Rows of a part of a table, by their positions in the whole. All of them at first, and later those that are not
    taken out."""

    facts: TableFacts
    table: pa.Table
    positions: Positions

    @property
    def training(self) -> Training:
        return self.facts.training

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The rows for pandas; the index is their positions. Not to be changed."""
        return frame_of(self.table).set_axis(self.positions, axis=0)

    def without(self, taken: Positions) -> CheckedRows:
        """All but the rows at these positions."""
        return self._where(~np.isin(self.positions, taken)) if len(taken) else self

    def sampled(self) -> CheckedRows:
        """Every so many-th of them."""
        return self if self.facts.step == 1 else self._where(self.positions % self.facts.step == 0)

    def _where(self, kept: np.ndarray[Any, np.dtype[np.bool_]]) -> CheckedRows:
        return replace(self, table=self.table.filter(pa.array(kept)), positions=self.positions[kept])


@dataclass(frozen=True)
class SeenSoFar:
    """What a check has seen of some rows. That of more rows is the sum, in the order of the rows.

    `counts`: numbers, by what was counted. `pieces`: arrays with something for each row that it is about, such as its
    position, by what that is.
    """

    rows: int
    counts: Mapping[Any, int] = field(default_factory=dict)
    pieces: Mapping[Any, tuple[Any, ...]] = field(default_factory=dict)

    def __add__(self, other: SeenSoFar) -> SeenSoFar:
        counts = {key: self.counts.get(key, 0) + other.counts.get(key, 0) for key in {**self.counts, **other.counts}}
        pieces = {key: self.pieces.get(key, ()) + other.pieces.get(key, ()) for key in {**self.pieces, **other.pieces}}
        return SeenSoFar(self.rows + other.rows, counts, pieces)

    def whole(self, key: Any) -> np.ndarray[Any, Any]:
        """The pieces as one array."""
        return np.concatenate(self.pieces[key]) if key in self.pieces else np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Violation:
    """Something that is not as it has to be: a sentence, and what follows.

    `rows`: positions of the rows that it is about; None where it is about the table as a whole, or none in particular.
    `label`: the reason that is kept with such a row.
    """

    sentence: str
    action: Consequence = "Stop"
    rows: Positions | None = None
    label: str = ""


@dataclass(frozen=True)
class Check:
    """One question, its answer in words, and what is wrong (nothing if it passed)."""

    question: str
    finding: str
    violations: tuple[Violation, ...] = ()

    @property
    def result(self) -> str:
        """The worst that follows, in one word."""
        actions = {violation.action for violation in self.violations}
        words: tuple[tuple[Consequence, str], ...] = (
            ("Stop", "failed"),
            ("Quarantine", "quarantined"),
            ("Warn", "warned"),
        )
        return next((word for action, word in words if action in actions), "passed")


class CheckKind(NamedTuple):
    """A check: what it sees of a part of the rows, and what it says when it has seen all of them."""

    partial: Callable[[CheckedRows], SeenSoFar]
    finish: Callable[[SeenSoFar, TableFacts], Iterable[Check]]
