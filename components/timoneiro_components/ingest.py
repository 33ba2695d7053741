"""Step: bring the data in and set rows aside that no model is ever trained or judged on.

Guarantees: the same data set gives the same bytes and digests on every machine; data and holdout
share no row.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .datasets import dataset_definition
from .errors import StepError
from .tables import take_rows, write_table


@dataclass(frozen=True)
class Ingested:
    """Rows written to each file, and the digest of the data file."""

    rows: int
    holdout_rows: int
    digest: str


def ingest(dataset: str, *, data: Path, holdout: Path, holdout_rows: int) -> Ingested:
    """Writes the data set to `data` (CSV) and `holdout_rows` of its rows to `holdout` instead.

    The holdout is for load replay: real inputs that are new to every model. Raises StepError for an
    unknown data set and for a holdout that leaves less than half of the rows.
    """
    definition = dataset_definition(dataset)
    frame = definition.load()
    if not 0 <= holdout_rows <= len(frame) // 2:
        raise StepError(
            f"holdout_rows is {holdout_rows}, data set {dataset!r} has {len(frame)} rows: choose 0 to {len(frame) // 2}"
        )
    held, kept = take_rows(frame, holdout_rows, purpose="holdout")
    write_table(held, holdout)
    return Ingested(rows=len(kept), holdout_rows=len(held), digest=write_table(kept, data))
