"""A CSV file as a source: text, of which every value becomes what the definition says, or is told."""

from __future__ import annotations

import pyarrow as pa

from ..definition.source import Csv
from ..definition.training import Training
from ..errors import StepError
from .columns import check_names
from .dialect import dialect_of
from .files import digest_of, open_file, whole_file
from .origin import Origin, Stream
from .text import read_text
from .typed import Misfits, misfit_sentence, typed


def names(said: Csv) -> list[str]:
    """The columns of the file. Raises StepError if it is missing, or no table."""
    with open_file(said.path) as stream:
        return list(dialect_of(said.path, stream, said).names)


def read(said: Csv, training: Training) -> Stream:
    """Every row. Raises StepError with all columns whose values do not fit, how many of them and the first row."""
    columns = training.spec.columns
    misfits: dict[str, Misfits] = {}
    rows = 0
    with whole_file(said.path) as file:
        with file.path.open("rb") as stream:
            dialect = dialect_of(file.label, stream, said)
        check_names(training, said.path, dialect.names)
        for batch in read_text(file, dialect):
            found = typed(batch, columns, first_row=rows + 1, decimal=said.decimal, missing=said.missing)
            rows += batch.num_rows
            if not misfits and not found.misfits:
                yield pa.Table.from_batches([found.batch])
            for name, more in found.misfits.items():
                first = misfits.get(name)
                misfits[name] = more if first is None else Misfits(first.count + more.count, first.first_row)
        digest = digest_of(file)
    if misfits:
        sentences = [
            misfit_sentence(name, columns[name], found, decimal=said.decimal) for name, found in misfits.items()
        ]
        raise StepError(f"{said.path}: {'. '.join(sentences)}")
    if not rows:
        raise StepError(f"{said.path} has a header and no rows")
    return Origin("csv", digest.address, files=(digest,))
