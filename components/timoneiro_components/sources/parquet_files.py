"""A Parquet file as a source."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
from pyarrow import parquet

from ..definition.source import Parquet
from ..definition.training import Training
from ..errors import StepError
from .columns import check_names, in_types
from .files import digest_of, open_file, whole_file
from .origin import Origin, Stream

_ROWS = 2**16


def names(said: Parquet) -> list[str]:
    """The columns of the file. Raises StepError if it is missing, or no Parquet."""
    with open_file(said.path) as stream, _sentences(said.path):
        return list(parquet.read_schema(stream).names)


def read(said: Parquet, training: Training) -> Stream:
    """Every row. Raises StepError for columns that do not fit."""
    with whole_file(said.path) as file:
        with _sentences(said.path):
            check_names(training, said.path, list(parquet.read_schema(file.path).names))
            with parquet.ParquetFile(file.path, pre_buffer=False) as opened:
                if not opened.metadata.num_rows:
                    raise StepError(f"{said.path} has no rows")
                for batch in opened.iter_batches(_ROWS, columns=list(training.spec.columns)):
                    yield in_types(training, said.path, pa.Table.from_batches([batch]))
        digest = digest_of(file)
    return Origin("parquet", digest.address, files=(digest,))


@contextmanager
def _sentences(path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowInvalid):
        raise StepError(f"{path} cannot be read as Parquet: is it another format, or cut off?") from None
