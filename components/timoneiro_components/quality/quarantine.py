"""The table of rows that are taken out: all their columns, and why."""

from __future__ import annotations

import pyarrow as pa

from .assessment import Assessment

REASONS_COLUMN = "quarantine_reasons"


def quarantined(assessment: Assessment) -> pa.Table:
    """The rows in their order, with a list of reasons in a last column of a name that no other has."""
    positions = sorted(assessment.reasons_by_row)
    reasons = [list(assessment.reasons_by_row[position]) for position in positions]
    table, name = assessment.rows.table, REASONS_COLUMN
    while name in table.column_names:
        name += "_"
    return table.take(pa.array(positions, pa.int64())).append_column(name, pa.array(reasons, pa.list_(pa.string())))
