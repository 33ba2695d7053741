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


def names(said: Parquet) -> list[str]:
    """The columns of the file. Raises StepError if it is missing, or no Parquet."""
    with _sentences(said.path):
        return list(parquet.read_schema(said.path).names)


def read(said: Parquet, training: Training) -> pa.Table:
    """Every row. Raises StepError for columns that do not fit."""
    check_names(training, said.path, names(said))
    with _sentences(said.path):
        table = parquet.read_table(said.path, columns=list(training.spec.columns))
    return in_types(training, said.path, table)


@contextmanager
def _sentences(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise StepError(f"{path} is not there: spec.source.parquet.path is relative to training.yaml") from None
    except (OSError, pa.ArrowInvalid):
        raise StepError(f"{path} cannot be read as Parquet: is it another format, or cut off?") from None
