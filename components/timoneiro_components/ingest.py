"""Step: bring the data in, protect what is personal, and set rows aside that no model is ever trained or judged on.

Guarantees: the same rows give the same bytes and digests on every machine; data and holdout share no row; the table is
never held whole. What is dropped, hashed, made coarser or erased is written nowhere as it was, and nothing is written
where undeclared personal data stops the run; what was read is in the temporary folder while the step runs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from .dataset import TablePart, TimeRanges, write_dataset
from .definition.training import Training
from .errors import StepError
from .privacy.protection import as_read, protection_of
from .privacy.record import PrivacyRecord, write_record
from .sources.columns import schema_of
from .sources.origin import consumed
from .sources.table import source_parts
from .tables import ChoiceValues, choice_values, chosen, parted, parts_of, table_digest, table_writer, time_range


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
    protected, schema = protection_of(training).begun(), schema_of(training.columns)
    # In the temporary folder, where what was read may lie until the run ends: what stops it may be in the last row.
    with tempfile.TemporaryDirectory(prefix="timoneiro-ingest-") as scratch:
        spool, choices = Path(scratch) / "rows.parquet", list[ChoiceValues]()
        with table_writer(spool, schema, compression="lz4") as write:

            def take(part: pa.Table) -> None:
                treated = protected.applied(part)
                # Where none is held out, nobody needs to know which.
                if training.spec.split.holdout_rows:
                    choices.append(choice_values(treated, training, "holdout"))
                write(treated)

            origin = consumed(source_parts(as_read(training)), take)
        record = protected.record()
        is_held = _held(choices, record.rows, training)
        parts = () if record.withheld else parts_of(spool)
        written, times = _divided(parts, schema, is_held, data=data, holdout=holdout)
    write_record(record, privacy)
    digest = write_dataset(training, origin, path=dataset, times=times, **written)
    return Ingested(written["data"].rows, written["holdout"].rows, written["data"].digest, digest, record)


def _held(choices: Sequence[ChoiceValues], rows: int, training: Training) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """For each row whether it is held out."""
    wanted, most = training.spec.split.holdout_rows, rows // 2
    if wanted > most:
        raise StepError(f"spec.split.holdoutRows is {wanted}, and there are {rows} rows: choose 0 to {most}")
    return chosen(np.concatenate(choices), wanted) if wanted else np.zeros(rows, dtype=bool)


def _divided(
    parts: Iterable[pa.Table], schema: pa.Schema, is_held: np.ndarray[Any, Any], *, data: Path, holdout: Path
) -> tuple[dict[str, TablePart], TimeRanges]:
    """Writes the rows that are held out to `holdout`, and the others to `data`; from when to when all of them are."""
    first, rows, times = 0, {"data": 0, "holdout": 0}, dict[str, tuple[str, str]]()
    with table_writer(data, schema) as write_kept, table_writer(holdout, schema) as write_held:
        for part in parts:
            mask = is_held[first : first + part.num_rows]
            first += part.num_rows
            held, kept = parted(part, mask)
            write_kept(kept)
            write_held(held)
            rows = {"data": rows["data"] + kept.num_rows, "holdout": rows["holdout"] + held.num_rows}
            times = time_range(part, times)
    return {
        "data": TablePart(rows["data"], table_digest(data)),
        "holdout": TablePart(rows["holdout"], table_digest(holdout)),
    }, times
