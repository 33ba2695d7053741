"""Whether a source has the columns that the definition describes, and their values in its types. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from difflib import get_close_matches

import pyarrow as pa
import pyarrow.compute as pc

from timoneiro_serving.times import FIRST_YEAR, LAST_YEAR, NoTime, microseconds, zone_of

from ..definition.columns import Column
from ..definition.training import Training
from ..errors import StepError

# Instants: what was written with an offset, or meant in a zone, is the same moment.
TIMES = pa.timestamp("us", tz="UTC")
_FIRST_SECOND, _LAST_SECOND = (
    int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (FIRST_YEAR, LAST_YEAR + 1)
)
ARROW_TYPES = {
    "Number": pa.float64(),
    "Integer": pa.int64(),
    "Boolean": pa.bool_(),
    "Category": pa.string(),
    "Time": TIMES,
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
    """A table, or a part of it, of a source that has types of its own, in those of the definition, all of whose columns
    it has.

    Raises StepError for columns that do not fit, and for a table without rows.
    """
    if not table.num_rows:
        raise StepError(f"{source} has no rows")
    arrays = [_in_type(source, name, column, table.column(name)) for name, column in training.spec.columns.items()]
    return pa.table(arrays, schema=schema_of(training.spec.columns))


def _in_type(source: str, name: str, column: Column, values: pa.ChunkedArray) -> pa.ChunkedArray:
    wanted = ARROW_TYPES[column.type]
    told = f"{source}: column {name!r} is {values.type}, and its type in the definition is {column.type}"
    if column.type == "Time" and not _is_null(values):
        return _times(source, name, column, values, told)
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
    if wanted == pa.string():
        _require_text(source, name, found)
    if wanted == pa.float64():
        if pc.any(pc.is_inf(found)).as_py():
            raise StepError(f"{source}: column {name!r} has values that are infinite")
        # NaN is how some tools write a missing value.
        found = pc.if_else(pc.is_nan(found), pa.scalar(None, pa.float64()), found)
    return found


def _require_text(source: str, name: str, texts: pa.ChunkedArray) -> None:
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        raise StepError(f"{source}: column {name!r} has a text that is no UTF-8: write it anew as UTF-8") from None


def _times(source: str, name: str, column: Column, values: pa.ChunkedArray, told: str) -> pa.ChunkedArray:
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        found, fits = times_of_texts(values.cast(pa.string()).combine_chunks(), column)
        if wrong := int(pc.sum(pc.and_(values.is_valid(), pc.invert(fits))).as_py()):
            count = "1 value is no time" if wrong == 1 else f"{wrong:,} values are no times"
            raise StepError(f"{source}: column {name!r}: {count}{no_time_hint(name, column)}")
        return pa.chunked_array([found])
    zone = column.time_zone
    if pa.types.is_date(values.type):
        values, zone = values.cast(pa.timestamp("us")), zone or "UTC"
    if not pa.types.is_timestamp(values.type):
        raise StepError(told)
    if values.type.tz is None:
        if zone is None:
            raise StepError(f"{source}: column {name!r} has times without a zone: say spec.columns.{name}.timeZone")
        values = pc.assume_timezone(values, zone, ambiguous="earliest", nonexistent="latest")
    seconds = pc.cast(values, pa.timestamp("s", tz="UTC"), safe=False).cast(pa.int64())
    ends = pc.min_max(seconds).as_py()
    if ends["min"] < _FIRST_SECOND or ends["max"] > _LAST_SECOND:
        raise StepError(
            f"{source}: column {name!r} has times outside of the years {FIRST_YEAR} to {LAST_YEAR}: a placeholder is "
            "better a missing value"
        )
    # What is finer than a microsecond is cut off, as it is of texts.
    return pc.cast(values, TIMES, safe=False)


def times_of_texts(texts: pa.Array, column: Column) -> tuple[pa.Array, pa.Array]:
    """The instants, missing where a text is no time; and for each row whether it is one."""
    zone = None if column.time_zone is None else zone_of(column.time_zone)
    encoded = texts.dictionary_encode()
    found = [_instant(text, zone) for text in encoded.dictionary.to_pylist()]
    instants = pa.array(found, pa.int64()).take(encoded.indices).cast(TIMES)
    return instants, instants.is_valid()


def _instant(text: str, zone: tzinfo | None) -> int | None:
    try:
        return microseconds(text, zone)
    except NoTime:
        return None


def no_time_hint(name: str, column: Column) -> str:
    """How times are written."""
    hint = f"; times without an offset need spec.columns.{name}.timeZone" if column.time_zone is None else ""
    return f": write 2025-01-31T12:00:00Z, in the years {FIRST_YEAR} to {LAST_YEAR}{hint}"


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
