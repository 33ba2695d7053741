"""Expressions of rules, computed by Arrow: for which rows one is false.

Guarantees: a missing value makes an answer open and no error, and so does a result that is no finite number, such as
that of a division by zero. No text is run: what comes in was parsed and checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import acero

from ..definition.expressions import ColumnOperand, ConstantOperand, Expression, Operation

_MICROSECONDS_A_DAY = 86_400e6
_FLOAT, _INTEGER = pa.float64(), pa.int64()
_LOGIC: Mapping[str, Callable[..., pc.Expression]] = {"and": pc.and_kleene, "or": pc.or_kleene, "not": pc.invert}
_ARITHMETIC: Mapping[str, Callable[..., pc.Expression]] = {
    "+": pc.add,
    "-": pc.subtract,
    "*": pc.multiply,
    "/": pc.divide,
}
_COMPARISONS: Mapping[str, Callable[..., pc.Expression]] = {
    "==": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}


def broken(table: pa.Table, expression: Expression) -> pa.Array:
    """For each row of `table`, in its order, whether `expression` is false of it."""
    holds = pc.coalesce(compiled(expression), pc.scalar(True))
    source = acero.Declaration("table_source", acero.TableSourceNodeOptions(table))
    project = acero.Declaration("project", acero.ProjectNodeOptions([holds], ["holds"]), [source])
    # Threads would mix up the rows.
    found = project.to_table(use_threads=False).column("holds")
    return pc.invert(found.combine_chunks())


def compiled(expression: Expression) -> pc.Expression:
    """The expression as Arrow knows it: true, false, or null where a missing value leaves the answer open."""
    match expression:
        case ColumnOperand(name=name):
            return pc.field(name)
        case ConstantOperand(value=value):
            return pc.scalar(pa.scalar(value))
        case Operation(operator="isNull", operands=(column,)):
            return pc.is_null(compiled(column))
        case Operation(operator=operator, operands=operands) if operator in _LOGIC:
            parts = [compiled(operand) for operand in operands]
            return _LOGIC[operator](*parts) if operator == "not" else reduce(_LOGIC[operator], parts)
        case Operation(operator="daysBetween", operands=(left, right)):
            return pc.divide(pc.subtract(_microseconds(left), _microseconds(right)), pc.scalar(_MICROSECONDS_A_DAY))
        case Operation(operator=operator, operands=(left, right)) if operator in _ARITHMETIC:
            found = _ARITHMETIC[operator](_number(left), _number(right))
            return pc.if_else(pc.is_finite(found), found, pc.scalar(pa.scalar(None, _FLOAT)))
        case Operation(operator=operator, operands=(left, right)):
            # Said here, because Arrow by itself refuses whole numbers that no double holds exactly.
            as_read = _number if _has_fraction(left) or _has_fraction(right) else compiled
            return _COMPARISONS[operator](as_read(left), as_read(right))
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


def _microseconds(time: Expression) -> pc.Expression:
    return compiled(time).cast(_INTEGER).cast(_FLOAT, safe=False)


def _number(expression: Expression) -> pc.Expression:
    return compiled(expression).cast(_FLOAT, safe=False)
