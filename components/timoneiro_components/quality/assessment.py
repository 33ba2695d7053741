"""All checks of a table, and which of its rows they take out. The table is gone through part by part, once a stage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import pyarrow as pa

from ..definition.quality import Consequence
from ..definition.training import Training
from ..privacy.record import PrivacyRecord
from ..sources.columns import schema_of
from .check import Check, CheckedRows, Positions, SeenSoFar, TableFacts, Violation
from .completeness import count_missing, missing_share
from .consistency import copies_among, hash_rows
from .description import ColumnFigures, TableFigures, describe
from .drift import columns_look_as_before
from .personal import personal_data_is_declared
from .registry import STAGES

# Gives the parts of the table from its first row on, each time it is called.
Parts = Callable[[], Iterable[pa.Table]]
_SAMPLED_ROWS = 100_000


@dataclass(frozen=True)
class Assessment:
    """What was found. `rows`: of the table; `copies` of them are copies of others, `missing` by column the share of
    values that are not there, `figures` by column what its values are like. `taken`: by reason the rows that are taken
    out."""

    training: Training
    rows: int
    copies: int
    missing: Mapping[str, float]
    figures: Mapping[str, ColumnFigures]
    checks: tuple[Check, ...]
    taken: tuple[tuple[str, Positions], ...]
    privacy: PrivacyRecord

    @property
    def taken_rows(self) -> Positions:
        """Positions of the rows that are taken out, in their order."""
        return _positions([positions for _, positions in self.taken])

    def sentences(self, action: Consequence) -> tuple[str, ...]:
        """What is wrong and has this consequence, in one sentence for each cause."""
        return tuple(
            violation.sentence for check in self.checks for violation in check.violations if violation.action == action
        )

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the gate fails, in one sentence for each cause."""
        return (*self.sentences("Stop"), *self._too_many())

    def _too_many(self) -> tuple[str, ...]:
        most = self.training.spec.checks.max_quarantined
        taken = len(self.taken_rows)
        if taken <= most * self.rows:
            return ()
        return (f"{taken} of {self.rows} rows are quarantined ({taken / self.rows:.1%}), {most:.1%} are accepted",)


def assess(
    parts: Parts, rows: int, facts: TableFacts, privacy: PrivacyRecord, reference: Mapping[str, Any] | None = None
) -> Assessment:
    """Carries out every check, not only those up to the first that finds something.

    `rows`: how many there are. `reference` is that of the model that serves now, for drift. Where the rows were
    withheld because of personal data, nothing can be asked of them.
    """
    checks, taken = [personal_data_is_declared(privacy)], list[tuple[str, Positions]]()
    drift = columns_look_as_before(reference)
    # Of the table as it came, whatever becomes of its rows: in the same pass as the first stage.
    missing, copies, figures = SeenSoFar(0), 0, TableFigures({})
    asked: list[Callable[[CheckedRows], Any]] = [count_missing, hash_rows, describe]
    for stage in (*STAGES, (drift,) if reference else ()) if not privacy.withheld else ():
        partials = [*(kind.partial for kind in stage), *asked]
        seen = _seen(partials, parts, facts, _positions([positions for _, positions in taken]))
        if asked:
            missing, copies, figures = seen[-3], len(copies_among(seen[-2])), seen[-1]
            asked, seen = [], seen[:-3]
        # What one has seen is let go before the next is asked: it may be large.
        done = [check for kind in stage for check in kind.finish(seen.pop(0), facts)]
        taken += [(violation.label, violation.rows) for violation in _quarantining(done) if violation.rows is not None]
        checks += done
    if not (reference or privacy.withheld):
        checks += drift.finish(SeenSoFar(0), facts)
    return Assessment(
        facts.training,
        rows,
        copies,
        {name: missing_share(missing, name) for name in facts.training.columns},
        figures.by_column,
        tuple(checks),
        tuple(taken),
        privacy,
    )


def facts_of(training: Training, now: datetime, rows: int) -> TableFacts:
    """Those of a table of so many rows."""
    return TableFacts(training, now, step=max(1, -(-rows // _SAMPLED_ROWS)))


def checked_parts(parts: Parts, facts: TableFacts, taken: Positions) -> Iterator[CheckedRows]:
    """The rows of each part in turn that are not taken out."""
    first = 0
    for table in parts():
        positions = np.arange(first, first + table.num_rows, dtype=np.int64)
        first += table.num_rows
        yield CheckedRows(facts, table, positions).without(taken)


def _seen(
    partials: Sequence[Callable[[CheckedRows], Any]], parts: Parts, facts: TableFacts, taken: Positions
) -> list[Any]:
    """What each of them has seen of all parts, gone through once."""
    seen: list[list[Any]] = [[] for _ in partials]
    for rows in checked_parts(parts, facts, taken):
        for found, partial in zip(seen, partials, strict=True):
            found.append(partial(rows))
    empty = CheckedRows(facts, schema_of(facts.training.columns).empty_table(), np.zeros(0, dtype=np.int64))
    return [reduce(add, found or [partial(empty)]) for found, partial in zip(seen, partials, strict=True)]


def _quarantining(checks: Sequence[Check]) -> Iterator[Violation]:
    return (found for check in checks for found in check.violations if found.action == "Quarantine")


def _positions(arrays: Sequence[Positions]) -> Positions:
    return np.unique(np.concatenate(arrays)) if arrays else np.zeros(0, dtype=np.int64)
