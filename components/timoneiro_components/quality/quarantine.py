"""The rows that are taken out: all their columns, and why."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from .assessment import Assessment
from .check import Positions

REASONS_COLUMN = "quarantine_reasons"


def quarantine_schema(schema: pa.Schema) -> pa.Schema:
    """That of the table with a list of reasons in a last column, of a name that no other has."""
    name = REASONS_COLUMN
    while name in schema.names:
        name += "_"
    return schema.append(pa.field(name, pa.list_(pa.string())))


def quarantined(part: pa.Table, positions: Positions, assessment: Assessment) -> pa.Table:
    """The rows of a part of the table that are taken out, with their reasons. `positions`: of the rows of the part."""
    where = np.flatnonzero(np.isin(positions, assessment.taken_rows))
    reasons: list[Sequence[str]] = [[] for _ in where]
    for label, taken in assessment.taken:
        for place in np.flatnonzero(np.isin(positions[where], taken)):
            reasons[place] = [*reasons[place], label]
    schema = quarantine_schema(part.schema)
    return part.take(pa.array(where)).append_column(schema.field(-1), pa.array(reasons, schema.field(-1).type))
