"""Privacy: is everything that looks like personal data described as such?"""

from __future__ import annotations

from collections.abc import Iterator

from ..definition.quality import Consequence
from ..privacy.detection import PersonalFinding
from ..privacy.record import PrivacyRecord
from .check import Check, Violation


def personal_data_is_declared(record: PrivacyRecord) -> Check:
    """Findings in columns of which the definition says nothing; the action is what it says of findings."""
    action: Consequence = "Stop" if record.withheld else "Warn"
    violations = tuple(Violation(_sentence(found), action) for found in record.undeclared)
    declared = len(record.findings) - len(violations)
    found = f"findings in columns that say nothing of it: {len(violations)}, in others: {declared}"
    return Check("Is personal data described as such?", found, violations)


def personal_data_lines(record: PrivacyRecord) -> Iterator[tuple[str, ...]]:
    """Rows of a table: column, kind, how it was found, values, and what happened to the column."""
    told = {found.column for found in record.findings}
    for found in record.findings:
        treatment = record.treatments.get(found.column, {}).get("personal", "nothing")
        yield found.column, found.kind, found.found_by, f"{found.values:,} ({found.share:.1%})", str(treatment)
    for name, treatment in record.treatments.items():
        if name not in told:
            yield name, "", "", "", str(treatment["personal"])


def _sentence(found: PersonalFinding) -> str:
    seen = f"{found.values:,} values, {found.share:.1%}"
    what = (
        f"holds {found.kind} ({seen})"
        if found.found_by == "values"
        else f"is called like {found.kind}, and looks like them ({seen})"
    )
    return (
        f"column {found.column!r} {what}: say what happens to it in its `personal`, or put it into spec.ignore; Keep "
        "with a `legalBasis`, if it is none"
    )
