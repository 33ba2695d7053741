"""What a check is asked about, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa

from ..definition.quality import Consequence
from ..definition.training import Training
from ..tables import frame_of


@dataclass(frozen=True)
class CheckedRows:
    """Rows of a table, by their positions in it. All of them at first, and later those that are not taken out. `now`:
    the time of the run."""

    training: Training
    table: pa.Table
    positions: np.ndarray[tuple[int], np.dtype[np.int64]]
    now: datetime

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The rows for pandas; the index is their positions. Not to be changed."""
        return frame_of(self.table).set_axis(self.positions, axis=0)

    def without(self, taken: np.ndarray[tuple[int], np.dtype[np.int64]]) -> CheckedRows:
        """All but the rows at these positions."""
        if not len(taken):
            return self
        kept = ~np.isin(self.positions, taken)
        return replace(self, table=self.table.filter(pa.array(kept)), positions=self.positions[kept])


@dataclass(frozen=True)
class Violation:
    """Something that is not as it has to be: a sentence, and what follows.

    `rows`: positions of the rows that it is about; None where it is about the table as a whole, or none in particular.
    `label`: the reason that is kept with such a row.
    """

    sentence: str
    action: Consequence = "Stop"
    rows: np.ndarray[tuple[int], np.dtype[np.int64]] | None = None
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
