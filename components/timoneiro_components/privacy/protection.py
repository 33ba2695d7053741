"""From a table as it was read to one that may be written, part by part, and the record of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from ..definition.training import Training
from .detection import personal_findings
from .erasure import erasure_list, without_erased
from .record import PrivacyRecord, treatments_of
from .sample import EvenSample
from .treatment import hash_key, treated


@dataclass(frozen=True)
class Protection:
    """What a run needs to protect data, and has before anything is read: the key, and whose rows are left out."""

    training: Training
    # Neither is for a log.
    key: bytes | None = field(repr=False)
    key_names: list[str]
    erased_keys: set[tuple[str, ...]] = field(repr=False)

    def begun(self) -> ProtectedTable:
        """For a table that comes part by part."""
        return ProtectedTable(self)


class ProtectedTable:
    """One table, whose parts come in their order."""

    def __init__(self, protection: Protection) -> None:
        self._protection = protection
        self._sample = EvenSample(protection.training.spec.privacy.max_rows_scanned)
        self._erased = 0

    def applied(self, part: pa.Table) -> pa.Table:
        """The part without erased rows and with every column as its `personal` says."""
        protection = self._protection
        kept, erased = without_erased(part, protection.key_names, protection.erased_keys)
        self._erased += erased
        self._sample.add(kept)
        return treated(kept, protection.training, protection.key)

    def record(self) -> PrivacyRecord:
        """What was found before any of it was treated, when all parts have been there."""
        training = self._protection.training
        scanned = self._sample.rows()
        findings = () if scanned is None else personal_findings(scanned)
        treatments = treatments_of(training)
        undeclared = any(finding.column not in treatments for finding in findings)
        return PrivacyRecord(
            findings,
            treatments,
            rows=self._sample.seen,
            rows_scanned=0 if scanned is None else scanned.num_rows,
            rows_erased=self._erased,
            retention=training.spec.privacy.retention,
            withheld=undeclared and training.spec.privacy.on_finding == "Stop",
        )


def protection_of(training: Training) -> Protection:
    """Raises StepError for a key that is missing, and for a list of erased rows that cannot be read."""
    names, keys = erasure_list(training)
    return Protection(training, hash_key(training), names, keys)


def as_read(training: Training) -> Training:
    """The definition for who reads the source: columns that are dropped are ignored there."""
    dropped = tuple(name for name in training.spec.columns if name not in training.columns)
    update = {"columns": training.columns, "ignore": (*training.spec.ignore, *dropped)}
    return training.model_copy(update={"spec": training.spec.model_copy(update=update)})
