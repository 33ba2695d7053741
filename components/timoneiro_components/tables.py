"""Tables between steps: Parquet with typed columns, and splits that depend on a row and on nothing else.

Guarantees: a table survives being written and read, types and all. A row falls on the same side of a split in every
run, whatever the seed, the order and the other rows are: a model of last month has not been trained on the rows that
this month's candidate is tested on. Rows with the same keys fall on the same side. Without keys the content of a row
decides, so that a column more or less makes other rows of all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from .definition.training import Training
from .errors import StepError

# What a table with missing values can hold in pandas without turning into something else.
_PANDAS_TYPES = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}


def write_table(table: pa.Table, path: Path) -> str:
    """Writes Parquet; gives the digest of the bytes, `sha256:<hex>`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, path, compression="zstd")
    return table_digest(path)


def read_table(path: Path) -> pa.Table:
    """The table as it was written. Raises StepError if the file is missing or no such table."""
    try:
        return parquet.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise StepError(f"{path} cannot be read as a Parquet table: {error}") from error


def frame_of(table: pa.Table) -> pd.DataFrame:
    """The table for pandas: float64, Int64, boolean, and text as objects with None where it is missing."""
    return table.to_pandas(types_mapper=_PANDAS_TYPES.get)


def table_digest(path: Path) -> str:
    """The digest of the bytes of a file, as `write_table` gives it."""
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def take_rows(table: pa.Table, count: int, training: Training, *, purpose: str) -> tuple[pa.Table, pa.Table]:
    """`count` rows chosen for `purpose`, and the others; both in the order of the table.

    Fewer where the last of them has a key, or a content, that others have too: those stay together.
    """
    numbers = _numbers(table, training, purpose)
    bound = sorted(numbers)[count] if count < len(numbers) else 2**62
    return _parted(table, [number < bound for number in numbers])


def take_fraction(table: pa.Table, fraction: float, training: Training, *, purpose: str) -> tuple[pa.Table, pa.Table]:
    """About `fraction` of the rows, chosen for `purpose`, and the others. A larger fraction holds the smaller ones."""
    bound = int(fraction * 2**62)
    return _parted(table, [number < bound for number in _numbers(table, training, purpose)])


def _parted(table: pa.Table, chosen: Sequence[bool]) -> tuple[pa.Table, pa.Table]:
    mask = pa.array(chosen, pa.bool_())
    return table.filter(mask), table.filter(pc.invert(mask))


def _numbers(table: pa.Table, training: Training, purpose: str) -> list[int]:
    """One number in 0..2**62 for each row, uniform, from its keys, or from all that is in it where it has none.

    Neither the order of the columns nor whether a number is whole makes another row of it.
    """
    names = training.keys or table.column_names
    columns = [_comparable(table.column(name)) for name in sorted(names)]
    start = hashlib.sha256(purpose.encode())
    numbers = []
    for row in zip(*columns, strict=True):
        digest = start.copy()
        digest.update(repr(row).encode())
        numbers.append(int.from_bytes(digest.digest()[:8], "big") >> 2)
    return numbers


def _comparable(column: pa.ChunkedArray) -> list[Any]:
    values: list[Any] = (column.cast(pa.float64()) if pa.types.is_integer(column.type) else column).to_pylist()
    return values
