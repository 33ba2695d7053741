"""Expressions of rules, computed by Arrow: for which rows one is false.

Guarantees: a missing value makes an answer open and no error, and so does a result that is no finite number, such as
that of a division by zero. No text is run: what comes in was parsed and checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ..definition.expressions import ColumnOperand, ConstantOperand, Expression, Operation

_MICROSECONDS_A_DAY = 86_400e6
_FLOAT, _INTEGER = pa.float64(), pa.int64()
# A column of the table, or one value for all rows.
_Values = Any
_LOGIC: Mapping[str, Callable[..., _Values]] = {"and": pc.and_kleene, "or": pc.or_kleene, "not": pc.invert}
_ARITHMETIC: Mapping[str, Callable[..., _Values]] = {
    "+": pc.add,
    "-": pc.subtract,
    "*": pc.multiply,
    "/": pc.divide,
}
_COMPARISONS: Mapping[str, Callable[..., _Values]] = {
    "==": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}


def broken(table: pa.Table, expression: Expression) -> pa.Array:
    """For each row of `table`, in its order, whether `expression` is false of it."""
    if not table.num_rows:
        return pa.array([], pa.bool_())
    return pc.invert(pc.coalesce(_computed(table, expression), pa.scalar(True))).combine_chunks()


def _computed(table: pa.Table, expression: Expression) -> _Values:
    """Of each row true, false, or null where a missing value leaves the answer open; or a value. Each part of the
    expression is computed once."""
    match expression:
        case ColumnOperand(name=name):
            return table.column(name)
        case ConstantOperand(value=value):
            return pa.scalar(value)
        case Operation(operator="isNull", operands=(column,)):
            return pc.is_null(_computed(table, column))
        case Operation(operator=operator, operands=operands) if operator in _LOGIC:
            parts = [_computed(table, operand) for operand in operands]
            return _LOGIC[operator](*parts) if operator == "not" else reduce(_LOGIC[operator], parts)
        case Operation(operator="daysBetween", operands=(left, right)):
            difference = pc.subtract(_microseconds(table, left), _microseconds(table, right))
            return pc.divide(difference, pa.scalar(_MICROSECONDS_A_DAY))
        case Operation(operator=operator, operands=(left, right)) if operator in _ARITHMETIC:
            found = _ARITHMETIC[operator](_number(table, left), _number(table, right))
            return pc.if_else(pc.is_finite(found), found, pa.scalar(None, _FLOAT))
        case Operation(operator=operator, operands=(left, right)):
            # Said here, because Arrow by itself refuses whole numbers that no double holds exactly.
            as_read = _number if _has_fraction(left) or _has_fraction(right) else _computed
            return _COMPARISONS[operator](as_read(table, left), as_read(table, right))
    raise TypeError(f"{type(expression).__name__} is no expression")


def _has_fraction(expression: Expression) -> bool:
    """Whether it is a number that Arrow holds as a double."""
    match expression:
        case ColumnOperand(type=kind):
            return kind == "Number"
        case ConstantOperand(value=value):
            return isinstance(value, float)
        case Operation(operator=operator):
            return operator in _ARITHMETIC or operator == "daysBetween"


def _microseconds(table: pa.Table, time: Expression) -> _Values:
    return pc.cast(pc.cast(_computed(table, time), _INTEGER), _FLOAT, safe=False)


def _number(table: pa.Table, expression: Expression) -> _Values:
    return pc.cast(_computed(table, expression), _FLOAT, safe=False)
