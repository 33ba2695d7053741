"""Step: bring the data in and set rows aside that no model is ever trained or judged on.

Guarantees: the same rows give the same bytes and digests on every machine; data and holdout share no row.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .definition.training import Training
from .errors import StepError
from .sources.table import read_source
from .tables import take_rows, write_table


@dataclass(frozen=True)
class Ingested:
    """Rows written to each file, and the digest of the data file."""

    rows: int
    holdout_rows: int
    digest: str


def ingest(training: Training, *, data: Path, holdout: Path) -> Ingested:
    """Writes the rows of the source to `data` (Parquet), and those of the holdout to `holdout` instead.

    The holdout is for load replay: real inputs that are new to every model. Raises StepError for a source that does not
    fit the definition, and for a holdout that leaves less than half of the rows.
    """
    loaded = read_source(training)
    table = loaded.table
    wanted, most = training.spec.split.holdout_rows, table.num_rows // 2
    if wanted > most:
        raise StepError(f"spec.split.holdoutRows is {wanted}, and there are {table.num_rows} rows: choose 0 to {most}")
    held, kept = take_rows(table, wanted, training, purpose="holdout")
    write_table(held, holdout)
    return Ingested(rows=kept.num_rows, holdout_rows=held.num_rows, digest=write_table(kept, data))
