"""Step: bring the data in and set rows aside that no model is ever trained or judged on.

Guarantees: the same rows give the same bytes and digests on every machine; data and holdout share no row.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .dataset import TablePart, write_dataset
from .definition.training import Training
from .errors import StepError
from .sources.table import read_source
from .tables import take_rows, write_table


@dataclass(frozen=True)
class Ingested:
    """Rows written to each file, the digest of the data file, and that of the dataset manifest."""

    rows: int
    holdout_rows: int
    digest: str
    dataset_digest: str


def ingest(training: Training, *, data: Path, holdout: Path, dataset: Path) -> Ingested:
    """Writes the rows of the source to `data` (Parquet), and those of the holdout to `holdout` instead; `dataset` says
    where they came from, and is written last.

    The holdout is for load replay: real inputs that are new to every model. Raises StepError for a source that does not
    fit the definition, and for a holdout that leaves less than half of the rows.
    """
    loaded = read_source(training)
    wanted, most = training.spec.split.holdout_rows, loaded.table.num_rows // 2
    if wanted > most:
        rows = loaded.table.num_rows
        raise StepError(f"spec.split.holdoutRows is {wanted}, and there are {rows} rows: choose 0 to {most}")
    held, kept = take_rows(loaded.table, wanted, training, purpose="holdout")
    parts = {
        "data": TablePart(kept.num_rows, write_table(kept, data)),
        "holdout": TablePart(held.num_rows, write_table(held, holdout)),
    }
    digest = write_dataset(training, loaded.origin, path=dataset, **parts)
    return Ingested(kept.num_rows, held.num_rows, parts["data"].digest, digest)
