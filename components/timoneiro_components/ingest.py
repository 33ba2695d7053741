"""Step: bring the data in, protect what is personal, and set rows aside that no model is ever trained or judged on.

Guarantees: the same rows give the same bytes and digests on every machine; data and holdout share no row. What is
dropped, hashed, made coarser or erased is written nowhere as it was, and nothing is written where undeclared personal
data stops the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .dataset import TablePart, write_dataset
from .definition.training import Training
from .errors import StepError
from .privacy.protection import as_read, protection_of
from .privacy.record import PrivacyRecord, write_record
from .sources.table import read_source
from .tables import take_rows, time_ranges, write_table


@dataclass(frozen=True)
class Ingested:
    """Rows written to each file, the digest of the data file, and that of the dataset manifest."""

    rows: int
    holdout_rows: int
    digest: str
    dataset_digest: str
    privacy: PrivacyRecord


def ingest(training: Training, *, data: Path, holdout: Path, privacy: Path, dataset: Path) -> Ingested:
    """Writes the rows of the source to `data` (Parquet), and those of the holdout to `holdout` instead; `dataset` says
    where they came from, and is written last.

    What was found of personal data goes to `privacy` (JSON).

    The holdout is for load replay: real inputs that are new to every model. Raises StepError for a source that does not
    fit the definition, for a holdout that leaves less than half of the rows, and for a key of hashes or an erasure list
    that is not there.
    """
    protection = protection_of(training)
    loaded = read_source(as_read(training))
    table, record = protection.applied(loaded.table)
    wanted, most = training.spec.split.holdout_rows, table.num_rows // 2
    if wanted > most:
        raise StepError(f"spec.split.holdoutRows is {wanted}, and there are {table.num_rows} rows: choose 0 to {most}")
    held, kept = take_rows(table, wanted, training, purpose="holdout")
    if record.withheld:
        held, kept = held.slice(0, 0), kept.slice(0, 0)
    write_record(record, privacy)
    parts = {
        "data": TablePart(kept.num_rows, write_table(kept, data), time_ranges(kept)),
        "holdout": TablePart(held.num_rows, write_table(held, holdout)),
    }
    digest = write_dataset(training, loaded.origin, path=dataset, **parts)
    return Ingested(kept.num_rows, held.num_rows, parts["data"].digest, digest, record)
