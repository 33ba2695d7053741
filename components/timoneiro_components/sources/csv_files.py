"""A CSV file as a source: text, of which every value becomes what the definition says, or is told."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from ..definition.source import Csv
from ..definition.training import Training
from ..errors import StepError
from .columns import check_names
from .dialect import dialect_of
from .text import read_text
from .typed import Misfits, misfit_sentence, typed


def names(said: Csv) -> list[str]:
    """The columns of the file. Raises StepError if it is missing, or no table."""
    return list(dialect_of(Path(said.path), said).names)


def read(said: Csv, training: Training) -> pa.Table:
    """Every row. Raises StepError with all columns whose values do not fit, how many of them and the first row."""
    file, columns = Path(said.path), training.spec.columns
    dialect = dialect_of(file, said)
    check_names(training, said.path, dialect.names)
    batches: list[pa.RecordBatch] = []
    misfits: dict[str, Misfits] = {}
    rows = 0
    for batch in read_text(file, dialect):
        found = typed(batch, columns, first_row=rows + 1, decimal=said.decimal, missing=said.missing)
        rows += batch.num_rows
        batches.append(found.batch)
        for name, more in found.misfits.items():
            first = misfits.get(name)
            misfits[name] = more if first is None else Misfits(first.count + more.count, first.first_row)
    if misfits:
        sentences = [
            misfit_sentence(name, columns[name], found, decimal=said.decimal) for name, found in misfits.items()
        ]
        raise StepError(f"{file}: {'. '.join(sentences)}")
    if not rows:
        raise StepError(f"{file} has a header and no rows")
    return pa.Table.from_batches(batches)
