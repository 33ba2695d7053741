"""Tables between steps: Parquet with typed columns, and splits that depend on a row and on nothing else.

Guarantees: a table survives being written and read, types and all. A row falls on the same side of a split in every
run, whatever the seed, the order and the other rows are: a model of last month has not been trained on the rows that
this month's candidate is tested on. Rows of one group, or with the same keys, fall on the same side. Without either the
content of a row decides, so that a column more or less makes other rows of all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.util import hash_array
from pyarrow import parquet

from timoneiro_serving.times import iso

from .definition.training import Training
from .errors import StepError

# Of a table that is not held whole, and of a row group of a file.
PART_ROWS, _GROUP_ROWS = 2**15, 2**16
_HIGHEST = np.uint64(2**62)
ChoiceValues = np.ndarray[Any, np.dtype[np.uint64]]
# Odd, so that no hash of an earlier column is lost.
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
# What a table with missing values can hold in pandas without turning into something else.
_PANDAS_TYPES = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}


def parts_of(*paths: Path) -> Iterator[pa.Table]:
    """The rows of these files one after the other, at most `PART_ROWS` at a time. Raises StepError if one is missing or
    no such table."""
    for path in paths:
        try:
            # Buffered it would be in memory whole.
            with parquet.ParquetFile(path, pre_buffer=False) as file:
                yield from (pa.Table.from_batches([batch]) for batch in file.iter_batches(PART_ROWS))
        except (OSError, pa.ArrowInvalid) as error:
            raise _unreadable(path, error) from error


def rows_in(path: Path) -> int:
    """How many rows the file has. Raises StepError if it is missing or no such table."""
    try:
        return int(parquet.read_metadata(path).num_rows)
    except (OSError, pa.ArrowInvalid) as error:
        raise _unreadable(path, error) from error


@contextmanager
def table_writer(
    path: Path, schema: pa.Schema, *, compression: Literal["zstd", "lz4"] = "zstd"
) -> Iterator[Callable[[pa.Table], None]]:
    """Writes parts of a table one after the other. The same rows give the same bytes, whatever parts they come in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Of numbers most are different: a dictionary of them takes long, and is given up in the end.
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    with parquet.ParquetWriter(path, schema, compression=compression, use_dictionary=texts) as writer:
        waiting: list[pa.Table] = []

        def write(part: pa.Table) -> None:
            waiting.append(part)
            while sum(table.num_rows for table in waiting) >= _GROUP_ROWS:
                whole = pa.concat_tables(waiting)
                writer.write_table(whole.slice(0, _GROUP_ROWS).combine_chunks())
                waiting[:] = [whole.slice(_GROUP_ROWS)]

        yield write
        writer.write_table(pa.concat_tables(waiting).combine_chunks() if waiting else schema.empty_table())


def write_table(table: pa.Table, path: Path) -> str:
    """Writes Parquet; gives the digest of the bytes, `sha256:<hex>`."""
    with table_writer(path, table.schema) as write:
        write(table)
    return table_digest(path)


def read_table(path: Path) -> pa.Table:
    """The table as it was written. Raises StepError if the file is missing or no such table."""
    try:
        return parquet.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> StepError:
    return StepError(f"{path} cannot be read as a Parquet table: {error}")


def frame_of(table: pa.Table) -> pd.DataFrame:
    """The table for pandas: float64, Int64, boolean, and text as objects with None where it is missing."""
    return table.to_pandas(types_mapper=_PANDAS_TYPES.get)


def table_digest(path: Path) -> str:
    """The digest of the bytes of a file, as `write_table` gives it."""
    with path.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"


def take_rows(table: pa.Table, count: int, training: Training, *, purpose: str) -> tuple[pa.Table, pa.Table]:
    """`count` rows chosen for `purpose`, and the others; both in the order of the table.

    Fewer where the last of them has a key, or a content, that others have too: those stay together.
    """
    return parted(table, chosen(choice_values(table, training, purpose), count))


def choice_values(table: pa.Table, training: Training, purpose: str) -> ChoiceValues:
    """For each row what decides whether it is chosen for `purpose`: those of parts of a table are those of the whole.

    One number in 0..2**62, uniform, from its group or keys, or from all that is in it where it has none.
    """
    start = np.frombuffer(hashlib.sha256(purpose.encode()).digest()[:8], dtype=np.uint64)
    # Hashed once more: the hashes of two purposes would differ by the same bits in every row.
    numbers = hash_array(hashes_of(table, _together(training) or table.column_names) ^ start)
    return np.asarray(numbers >> np.uint64(2))


def chosen(values: ChoiceValues, count: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """For each row of a whole table, by its `choice_values`, whether it is one of `count` that are chosen."""
    bound = np.partition(values, count)[count] if count < len(values) else _HIGHEST
    return np.asarray(values < bound)


def take_test(table: pa.Table, training: Training) -> tuple[pa.Table, pa.Table]:
    """The rows that a model is judged on, and the others."""
    return parted(table, test_rows(table, training))


def test_rows(table: pa.Table, training: Training) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """For each row whether a model is judged on it: see `test_rows_of`."""
    return test_rows_of(split_values(table, training), training)


def split_values(table: pa.Table, training: Training) -> np.ndarray[Any, Any]:
    """For each row what decides on which side of the split it is: those of parts of a table are those of the whole."""
    order_by = training.spec.split.order_by
    return choice_values(table, training, "test") if order_by is None else order_of(table, order_by)


def test_rows_of(values: np.ndarray[Any, Any], training: Training) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """For each row of the whole table, by its `split_values`, whether a model is judged on it: the latest ones where an
    order is said, or else about `split.test` of them by what is in them, of which a larger share holds the smaller
    ones. Rows with the same time are on the same side."""
    split = training.spec.split
    if split.order_by is None:
        return np.asarray(values < np.uint64(split.test * int(_HIGHEST)))
    if not len(values):
        return np.zeros(0, dtype=bool)
    return np.asarray(values >= np.sort(values)[int((1 - split.test) * len(values))])


def order_of(table: pa.Table, column: str) -> np.ndarray[Any, Any]:
    """The column that says when, as values that sort."""
    values = table.column(column)
    return np.asarray((values.cast(pa.int64()) if pa.types.is_timestamp(values.type) else values).to_pandas())


def groups_of(table: pa.Table, training: Training) -> np.ndarray[Any, np.dtype[np.int64]]:
    """For each row the number of its group: rows that stay together have the same one."""
    names = _together(training)
    if not names:
        return np.arange(table.num_rows)
    numbers: np.ndarray[Any, np.dtype[np.int64]] = np.unique(hashes_of(table, names), return_inverse=True)[1]
    return numbers


def time_range(part: pa.Table, before: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """The first and the last time of each column that has any, by name: of these rows and of those `before`."""
    found = dict(before)
    for column in part.schema:
        if pa.types.is_timestamp(column.type):
            ends = pc.min_max(part.column(column.name).cast(pa.int64())).as_py()
            if ends["min"] is not None:
                first, last = iso(ends["min"] / 1e6), iso(ends["max"] / 1e6)
                known = found.get(column.name, (first, last))
                found[column.name] = (min(first, known[0]), max(last, known[1]))
    return found


def _together(training: Training) -> list[str]:
    group_by = training.spec.split.group_by
    return training.keys if group_by is None else [group_by]


def parted(table: pa.Table, chosen: np.ndarray[Any, np.dtype[np.bool_]]) -> tuple[pa.Table, pa.Table]:
    """The rows that are chosen, and the others."""
    mask = pa.array(chosen, pa.bool_())
    return table.filter(mask), table.filter(pc.invert(mask))


def hashes_of(table: pa.Table, names: Sequence[str]) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """One number for each row, from its values in these columns, whatever table it is in.

    Neither the order of the columns nor whether a number is whole makes another row of it.
    """
    found = np.zeros(table.num_rows, dtype=np.uint64)
    for name in sorted(names):
        column = table.column(name)
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.int64())
        if not (pa.types.is_string(column.type) or pa.types.is_floating(column.type)):
            column = column.cast(pa.uint8() if pa.types.is_boolean(column.type) else column.type).cast(
                pa.float64(), safe=False
            )
        values = column.to_pandas().to_numpy()
        if values.dtype != object:
            values = values + 0.0  # -0.0 is 0.0
        with np.errstate(over="ignore"):
            found = found * _MULTIPLIER + hash_array(values, categorize=False)
    return found
