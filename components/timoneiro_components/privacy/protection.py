"""From a table as it was read to one that may be written, and the record of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from ..definition.training import Training
from .detection import personal_findings, step_of
from .erasure import erasure_list, without_erased
from .record import PrivacyRecord, treatments_of
from .treatment import hash_key, treated


@dataclass(frozen=True)
class Protection:
    """What a run needs to protect data, and has before anything is read: the key, and whose rows are left out."""

    training: Training
    # Neither is for a log.
    key: bytes | None = field(repr=False)
    key_names: list[str]
    erased_keys: set[tuple[str, ...]] = field(repr=False)

    def applied(self, table: pa.Table) -> tuple[pa.Table, PrivacyRecord]:
        """The table without erased rows and with every column as its `personal` says, and what was found before."""
        privacy = self.training.spec.privacy
        kept, erased = without_erased(table, self.key_names, self.erased_keys)
        findings = personal_findings(kept, max_rows=privacy.max_rows_scanned)
        treatments = treatments_of(self.training)
        undeclared = any(finding.column not in treatments for finding in findings)
        record = PrivacyRecord(
            findings,
            treatments,
            rows=kept.num_rows,
            rows_scanned=len(range(0, kept.num_rows, step_of(kept.num_rows, privacy.max_rows_scanned))),
            rows_erased=erased,
            retention=privacy.retention,
            withheld=undeclared and privacy.on_finding == "Stop",
        )
        return treated(kept, self.training, self.key), record


def protection_of(training: Training) -> Protection:
    """Raises StepError for a key that is missing, and for a list of erased rows that cannot be read."""
    names, keys = erasure_list(training)
    return Protection(training, hash_key(training), names, keys)


def as_read(training: Training) -> Training:
    """The definition for who reads the source: columns that are dropped are ignored there."""
    dropped = tuple(name for name in training.spec.columns if name not in training.columns)
    update = {"columns": training.columns, "ignore": (*training.spec.ignore, *dropped)}
    return training.model_copy(update={"spec": training.spec.model_copy(update=update)})
