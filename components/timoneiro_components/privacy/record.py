"""What is kept of a run about personal data: findings, treatments and counts; never a value, nor a key.

It goes from ingest-data to the data report, the gate and the manifest of the package.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..definition.training import Training
from ..errors import StepError
from .detection import PersonalFinding


@dataclass(frozen=True)
class PrivacyRecord:
    """`treatments`: by column, what the definition says of it. `rows_scanned`: of `rows`, how many were looked at.

    `withheld`: whether no row was written, because a finding stops the run.
    """

    findings: tuple[PersonalFinding, ...]
    treatments: Mapping[str, Mapping[str, Any]]
    rows: int
    rows_scanned: int
    rows_erased: int
    retention: str | None
    withheld: bool

    @property
    def undeclared(self) -> tuple[PersonalFinding, ...]:
        """Findings in columns of which the definition says nothing."""
        return tuple(finding for finding in self.findings if finding.column not in self.treatments)

    def document(self) -> dict[str, Any]:
        """The record as JSON."""
        return {
            "findings": [
                {"column": found.column, "kind": found.kind, "foundBy": found.found_by}
                | {"values": found.values, "share": found.share}
                for found in self.findings
            ],
            "columns": {name: dict(treatment) for name, treatment in self.treatments.items()},
            "rows": self.rows,
            "rowsScanned": self.rows_scanned,
            "rowsErased": self.rows_erased,
            "retention": self.retention,
            "withheld": self.withheld,
        }


def treatments_of(training: Training) -> dict[str, dict[str, Any]]:
    """By column, what the definition says of personal data."""
    fields = {"personal", "legal_basis", "bin_width", "prefix_length"}
    return {
        name: column.model_dump(by_alias=True, include=fields, exclude_none=True)
        for name, column in training.spec.columns.items()
        if column.personal is not None
    }


def write_record(record: PrivacyRecord, path: Path) -> None:
    """Writes the record as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record.document(), indent=2) + "\n", encoding="utf-8")


def read_record(path: Path) -> PrivacyRecord:
    """The record as it was written. Raises StepError if the file is missing or no such record."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        findings = tuple(
            PersonalFinding(found["column"], found["kind"], found["foundBy"], found["values"], found["share"])
            for found in said["findings"]
        )
        return PrivacyRecord(
            findings,
            dict(said["columns"]),
            rows=int(said["rows"]),
            rows_scanned=int(said["rowsScanned"]),
            rows_erased=int(said["rowsErased"]),
            retention=said["retention"],
            withheld=bool(said["withheld"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StepError(
            f"{path} is no record of personal data ({type(error).__name__}): run ingest-data again"
        ) from error
