"""Text becomes numbers, truth values and categories as the definition says; what does not fit is told, not guessed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from ..definition.columns import Column
from .columns import no_time_hint, schema_of, times_of_texts

NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
# Within the 63 bits of an int64.
INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_TRUE, _FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
_WANTED = {
    "Number": ("no number", "no numbers"),
    "Integer": ("no whole number", "no whole numbers"),
    "Boolean": ("neither true nor false", "neither true nor false"),
    "Time": ("no time", "no times"),
}


@dataclass(frozen=True)
class Misfits:
    """Values of one column that are not of its type: how many, and the first row, counted from 1 after the header."""

    count: int
    first_row: int


@dataclass(frozen=True)
class Typed:
    """A batch in the types of the definition, in its order, and what did not fit, by column."""

    batch: pa.RecordBatch
    misfits: Mapping[str, Misfits] = field(default_factory=dict)


def typed(
    batch: pa.RecordBatch, columns: Mapping[str, Column], *, first_row: int, decimal: str, missing: tuple[str, ...]
) -> Typed:
    """The batch of text columns as `columns` says. `first_row`: the number of its first row. `missing`: texts that
    stand for a missing value. What does not fit is missing in the result, and told."""
    arrays, misfits = [], {}
    for name, column in columns.items():
        text = batch.column(name)
        stripped = pc.utf8_trim_whitespace(text)
        present = pc.if_else(pc.is_in(stripped, pa.array(missing, pa.string())), None, stripped)
        if column.type in ("Category", "Key"):
            arrays.append(present)
            continue
        array, fits = _CONVERTERS[column.type](present, column, decimal)
        wrong = pc.indices_nonzero(pc.and_(pc.is_valid(present), pc.invert(fits)))
        if len(wrong):
            misfits[name] = Misfits(len(wrong), first_row + wrong[0].as_py())
        arrays.append(array)
    return Typed(pa.RecordBatch.from_arrays(arrays, schema=schema_of(columns)), misfits)


def misfit_sentence(name: str, column: Column, misfits: Misfits, *, decimal: str) -> str:
    """What is wrong with the column, without a value of it, and what may help."""
    hint = ""
    if column.type == "Number":
        other = "," if decimal == "." else "."
        hint = f"; if fractions are written with {other!r}, set spec.source.csv.decimal"
    if column.type == "Integer":
        hint = "; a whole number has at most 18 digits"
    if column.type == "Time":
        hint = no_time_hint(name, column)
    one, several = _WANTED[column.type]
    what = (
        f"1 value is {one}, in row" if misfits.count == 1 else f"{misfits.count:,} values are {several}, first in row"
    )
    return (
        f"column {name!r}: {what} {misfits.first_row:,}; "
        f"texts that stand for a missing value go into spec.source.csv.missing{hint}"
    )


Converter = Callable[[pa.Array, Column, str], tuple[pa.Array, pa.Array]]


def _number(text: pa.Array, column: Column, decimal: str) -> tuple[pa.Array, pa.Array]:
    del column
    if decimal != ".":
        # A point in a number with a decimal comma separates thousands, or is a mistake: nobody can tell.
        text = pc.if_else(pc.match_substring(text, "."), "?", pc.replace_substring(text, decimal, "."))
    fits = pc.fill_null(pc.match_substring_regex(text, f"^{NUMBER.pattern}$"), False)
    array = pc.cast(pc.if_else(fits, text, None), pa.float64())
    # 1e999 is written as a number, and is none.
    finite = pc.fill_null(pc.is_finite(array), False)
    return pc.if_else(finite, array, None), pc.and_(fits, finite)


def _integer(text: pa.Array, column: Column, decimal: str) -> tuple[pa.Array, pa.Array]:
    del column, decimal
    fits = pc.fill_null(pc.match_substring_regex(text, f"^{INTEGER.pattern}$"), False)
    digits = pc.utf8_ltrim(pc.if_else(fits, text, None), characters="+")
    return pc.cast(digits, pa.int64()), fits


def _boolean(text: pa.Array, column: Column, decimal: str) -> tuple[pa.Array, pa.Array]:
    del column, decimal
    lower = pc.utf8_lower(text)
    yes = pc.is_in(lower, pa.array(_TRUE))
    no = pc.is_in(lower, pa.array(_FALSE))
    fits = pc.or_(yes, no)
    return pc.if_else(fits, yes, pa.scalar(None, pa.bool_())), fits


def _time(text: pa.Array, column: Column, decimal: str) -> tuple[pa.Array, pa.Array]:
    del decimal
    return times_of_texts(text, column)


_CONVERTERS: Mapping[str, Converter] = {"Number": _number, "Integer": _integer, "Boolean": _boolean, "Time": _time}
