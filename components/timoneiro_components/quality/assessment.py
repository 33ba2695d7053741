"""All checks of a table, and which of its rows they take out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from ..definition.quality import Consequence
from ..definition.training import Training
from ..privacy.record import PrivacyRecord
from .check import Check, CheckedRows
from .drift import columns_look_as_before
from .personal import personal_data_is_declared
from .registry import STAGES


@dataclass(frozen=True)
class Assessment:
    """What was found. `left`: the rows that no check takes out; `reasons_by_row`: of the others, by their positions."""

    rows: CheckedRows
    left: CheckedRows
    checks: tuple[Check, ...]
    reasons_by_row: Mapping[int, tuple[str, ...]]
    privacy: PrivacyRecord

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
        most = self.rows.training.spec.checks.max_quarantined
        taken, total = len(self.reasons_by_row), len(self.rows.positions)
        if taken <= most * total:
            return ()
        return (f"{taken} of {total} rows are quarantined ({taken / total:.1%}), {most:.1%} are accepted",)


def assess(
    table: pa.Table, training: Training, privacy: PrivacyRecord, reference: Mapping[str, Any] | None, now: datetime
) -> Assessment:
    """Carries out every check, not only those up to the first that finds something.

    `reference` is that of the model that serves now, for drift; `now` the time of the run. Where the rows were withheld
    because of personal data, nothing can be asked of them.
    """
    rows = CheckedRows(training, table, np.arange(table.num_rows, dtype=np.int64), now)
    left, checks, reasons = rows, [personal_data_is_declared(privacy)], dict[int, tuple[str, ...]]()
    for stage in STAGES if not privacy.withheld else ():
        done = [check for function in stage for check in function(left)]
        taken = [
            violation
            for check in done
            for violation in check.violations
            if violation.action == "Quarantine" and violation.rows is not None
        ]
        for violation in taken:
            for position in violation.rows.tolist() if violation.rows is not None else ():
                reasons[position] = (*reasons.get(position, ()), violation.label)
        left = left.without(np.array(sorted(reasons), dtype=np.int64))
        checks += done
    if not privacy.withheld:
        checks.append(columns_look_as_before(left, reference))
    return Assessment(rows, left, tuple(checks), reasons, privacy)
