"""Step: is the data what its definition says?

Guarantees: every check is carried out and reported, not only up to the first that fails. Each row is either accepted or
taken out with the reasons, and all of them stay in their order; a row of the holdout stays in the holdout.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from .definition.training import Training
from .privacy.record import read_record
from .quality.assessment import assess, facts_of
from .quality.check import Check
from .quality.drift import read_drift_reference
from .quality.quarantine import quarantine_schema, quarantined
from .quality.report import report as report_of
from .sources.columns import schema_of
from .stores.store import ModelStore
from .tables import parts_of, rows_in, table_writer

GATE = "data validation"


@dataclass(frozen=True)
class Validation:
    """What was found. `missing_share` is the largest share of missing values of any column, 0..1."""

    rows: int
    columns: int
    missing_share: float
    duplicates: int
    quarantined: int
    checks: tuple[Check, ...]
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def metrics(self) -> dict[str, float]:
        return {
            "rows": self.rows,
            "columns": self.columns,
            "missing_share": round(self.missing_share, 4),
            "duplicates": self.duplicates,
            "quarantined": self.quarantined,
        }


def validate(
    training: Training,
    *,
    data: Path,
    holdout: Path,
    privacy: Path,
    accepted: Path,
    accepted_holdout: Path,
    quarantine: Path,
    report: Path,
    champion_uri: str = "",
    now: datetime | None = None,
) -> Validation:
    """Checks the rows of `data` and `holdout`, and writes those that are accepted, those that are not, and a report.

    `privacy` is what the step before has found of personal data. `champion_uri` is the package that serves now
    ("" for none), whose reference tells drift. `now` is what times are compared with (None: the clock's). `reasons` of
    the result are why the gate fails. Raises StepError for a table, and for a package, that cannot be read.
    """
    kept, held = rows_in(data), rows_in(holdout)
    facts = facts_of(training, now or datetime.now(UTC), kept + held)
    assessment = assess(
        lambda: parts_of(data, holdout), kept + held, facts, read_record(privacy), _reference(champion_uri)
    )
    schema, first = schema_of(training.columns), 0
    with table_writer(quarantine, quarantine_schema(schema)) as write_taken:
        for source, target in ((data, accepted), (holdout, accepted_holdout)):
            with table_writer(target, schema) as write_left:
                for part in parts_of(source):
                    positions = np.arange(first, first + part.num_rows, dtype=np.int64)
                    first += part.num_rows
                    write_taken(quarantined(part, positions, assessment))
                    write_left(part.filter(pa.array(~np.isin(positions, assessment.taken_rows))))
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(report_of(assessment), encoding="utf-8")
    return Validation(
        rows=assessment.rows,
        columns=len(training.columns),
        missing_share=max(assessment.missing.values(), default=0.0),
        duplicates=assessment.copies,
        quarantined=len(assessment.taken_rows),
        checks=assessment.checks,
        reasons=assessment.reasons,
        warnings=assessment.sentences("Warn"),
    )


def _reference(champion_uri: str) -> dict[str, Any] | None:
    if not champion_uri:
        return None
    with ModelStore.connect().downloaded(champion_uri) as folder:
        return read_drift_reference(folder)
