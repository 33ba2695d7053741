"""Whether a source has the columns that the definition describes, and their values in its types. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches

import pyarrow as pa
import pyarrow.compute as pc

from ..definition.columns import Column
from ..definition.training import Training
from ..errors import StepError

ARROW_TYPES = {
    "Number": pa.float64(),
    "Integer": pa.int64(),
    "Boolean": pa.bool_(),
    "Category": pa.string(),
    "Key": pa.string(),
}


def schema_of(columns: Mapping[str, Column]) -> pa.Schema:
    """Columns of a definition, in its order, in the types that all steps after the first one read."""
    return pa.schema([(name, ARROW_TYPES[column.type]) for name, column in columns.items()])


def check_names(training: Training, source: str, names: Sequence[str]) -> None:
    """Raises StepError with every column that `source` has more or less than the definition describes."""
    described = {*training.spec.columns, *training.spec.ignore}
    if names and described.isdisjoint(names):
        # Without what is there: it may be the first row.
        raise StepError(f"{source} has none of the columns that are described: does its first line name them?")
    if faults := list(_name_faults(training, names)):
        raise StepError(f"{source}: {'; '.join(faults)}")


def in_types(training: Training, source: str, table: pa.Table) -> pa.Table:
    """The table of a source that has types of its own, in those of the definition, all of whose columns it has.

    Raises StepError for columns that do not fit, and for a table without rows.
    """
    if not table.num_rows:
        raise StepError(f"{source} has no rows")
    arrays = [_in_type(source, name, column, table.column(name)) for name, column in training.spec.columns.items()]
    return pa.table(arrays, schema=schema_of(training.spec.columns))


def _in_type(source: str, name: str, column: Column, values: pa.ChunkedArray) -> pa.ChunkedArray:
    wanted = ARROW_TYPES[column.type]
    told = f"{source}: column {name!r} is {values.type}, and its type in the definition is {column.type}"
    # pyarrow would make 0 and 1 of truth values, truth of any number, and numbers of text and of times.
    fits = {
        pa.bool_(): pa.types.is_boolean(values.type),
        pa.float64(): _is_number(values.type),
        pa.int64(): _is_number(values.type),
    }
    if not fits.get(wanted, True) and not _is_null(values):
        raise StepError(told)
    try:
        found = pc.cast(values, wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise StepError(told) from None
    if wanted == pa.float64():
        if pc.any(pc.is_inf(found)).as_py():
            raise StepError(f"{source}: column {name!r} has values that are infinite")
        # NaN is how some tools write a missing value.
        found = pc.if_else(pc.is_nan(found), pa.scalar(None, pa.float64()), found)
    return found


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _is_null(values: pa.ChunkedArray) -> bool:
    """Whether nothing is there, whatever type that has."""
    return bool(values.null_count == len(values))


def _name_faults(training: Training, names: Sequence[str]) -> Iterator[str]:
    described, ignored = training.spec.columns, training.spec.ignore
    for name in (*described, *ignored):
        if name not in names:
            close = get_close_matches(name, names, n=1)
            yield f"there is no column {name!r}{f', did you mean {close[0]!r}?' if close else ''}"
    for position, name in enumerate(names):
        if name in names[:position]:
            yield f"two columns are called {name!r}: rename one"
        elif name not in described and name not in ignored:
            yield f"column {name!r} is not described: add it to spec.columns, or to spec.ignore"
