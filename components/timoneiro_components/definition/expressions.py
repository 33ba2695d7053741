"""Expressions over the columns of a row, such as `end >= start` or `debt / income`: what they mean, or what is wrong
with them.

The text is parsed by Python's own parser, and nothing of it is ever run: what is neither a comparison, and, or, not,
arithmetic, a column, a number, a text nor `isNull(column)` is refused. Names with odd characters stand in backquotes.
Pure: no table is needed to find every fault.
"""

from __future__ import annotations

import ast
import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Literal

from .columns import Column, ColumnType

ExpressionKind = Literal["a number", "true or false", "a text", "a time"]
_KINDS: Mapping[str, ExpressionKind] = {
    "Number": "a number",
    "Integer": "a number",
    "Boolean": "true or false",
    "Category": "a text",
    "Time": "a time",
    "Key": "a text",
}
_ORDERED: frozenset[ExpressionKind] = frozenset({"a number", "a time"})
_EQUAL: Mapping[type[ast.cmpop], str] = {ast.Eq: "==", ast.NotEq: "!="}
_COMPARISONS: Mapping[type[ast.cmpop], str] = {**_EQUAL, ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_ARITHMETIC: Mapping[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_DEEPEST = 50
# A text in quotes, or a name in backquotes.
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`([^`]*)`""")
_LONE_EQUAL = re.compile(r"(?<![=<>!])=(?!=)")
_INT64 = 2**63


@dataclass(frozen=True)
class ColumnOperand:
    """The value of a column."""

    name: str
    type: ColumnType


@dataclass(frozen=True)
class ConstantOperand:
    """A value that is the same in every row."""

    value: float | int | bool | str


@dataclass(frozen=True)
class Operation:
    """`operator` as it is written, `isNull`, or `daysBetween` for the difference of two times; `and` and `or` have two
    operands or more, `not` and `isNull` one."""

    operator: str
    operands: tuple[Expression, ...]


Expression = ColumnOperand | ConstantOperand | Operation


class ExpressionError(Exception):
    """The text is no expression over these columns; the message says why."""


def parse_expression(text: str, columns: Mapping[str, Column]) -> Expression:
    """What `text` says about a row with these columns. Raises ExpressionError with the first fault."""
    found, kind = _parsed(text, columns)
    if kind != "true or false":
        raise ExpressionError(f"it is {kind} for each row, and has to be true or false: compare it with something")
    return found


def parse_formula(text: str, columns: Mapping[str, Column]) -> Expression:
    """The number that `text` computes of a row with these columns. Raises ExpressionError with the first fault."""
    found, kind = _parsed(text, columns)
    if kind != "a number":
        hint = ": the days since another time are a number" if kind == "a time" else ""
        raise ExpressionError(f"it is {kind} for each row, and has to be a number{hint}")
    if isinstance(found, ColumnOperand):
        raise ExpressionError(f"it is what {found.name!r} says already: leave it out")
    return found


@lru_cache(maxsize=256)
def columns_in(text: str) -> frozenset[str]:
    """Names in a text, whether or not it is an expression and they are columns."""
    marked, names = _without_backquotes(text)
    try:
        tree = _tree(marked)
    except ExpressionError:
        return frozenset()
    return frozenset(names.get(node.id, node.id) for node in ast.walk(tree) if isinstance(node, ast.Name))


def _parsed(text: str, columns: Mapping[str, Column]) -> tuple[Expression, ExpressionKind]:
    marked, names = _without_backquotes(text)
    parser = _Parser(columns, names)
    found, kind = parser.read(_tree(marked), 0)
    if not parser.used:
        raise ExpressionError("it names no column, so that it says nothing about a row")
    return found, kind


def _without_backquotes(text: str) -> tuple[str, dict[str, str]]:
    """The text with a plain name in the place of each one in backquotes, and which is which."""
    prefix = "column_"
    while prefix in text:
        prefix += "_"
    names: dict[str, str] = {}

    def plain(match: re.Match[str]) -> str:
        if match.group(1) is None:
            return match.group(0)
        mark = f"{prefix}{len(names)}"
        names[mark] = match.group(1)
        return f" {mark} "

    return _QUOTED.sub(plain, text), names


def _tree(text: str) -> ast.expr:
    try:
        if not text.strip():
            raise ValueError("nothing is there")
        with warnings.catch_warnings():
            # Python warns of what is refused later, or is no matter here, such as a backslash in a text.
            warnings.simplefilter("ignore")
            # It may have several lines, and no bracket of its own is closed by one around it.
            return ast.parse(" ".join(text.split("\n")).strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ExpressionError(f"it cannot be read: {_hint(_QUOTED.sub('', text))}") from None


def _hint(text: str) -> str:
    if "`" in text or "'" in text or '"' in text:
        return "a quote or a backquote is not closed"
    if _LONE_EQUAL.search(text):
        return "two values are compared with =="
    if text.count("(") != text.count(")"):
        return "a bracket is not closed, or was never opened"
    if "&" in text or "|" in text:
        return "write and, or, not"
    return "write it like end >= start; a column whose name is no plain word stands in backquotes: `end date`"


class _Parser:
    def __init__(self, columns: Mapping[str, Column], names: Mapping[str, str]) -> None:
        self.used: set[str] = set()
        self._columns = columns
        self._names = names

    def read(self, node: ast.expr, depth: int) -> tuple[Expression, ExpressionKind]:
        if depth > _DEEPEST:
            raise ExpressionError("it is nested too deeply: make several rules of it")
        match node:
            case ast.Name(id=name):
                return self._name(name)
            case ast.Constant(value=value):
                return _constant(value)
            case ast.BoolOp(op=operator, values=values):
                word = "and" if isinstance(operator, ast.And) else "or"
                operands = tuple(self._of(value, "true or false", word, depth) for value in values)
                return Operation(word, operands), "true or false"
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return Operation("not", (self._of(operand, "true or false", "not", depth),)), "true or false"
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                negated = self._of(operand, "a number", "-", depth)
                return Operation("-", (ConstantOperand(0), negated)), "a number"
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _ARITHMETIC:
                return self._arithmetic(_ARITHMETIC[type(operator)], left, right, depth), "a number"
            case ast.Compare():
                return self._comparison(node, depth), "true or false"
            case ast.Call(func=ast.Name(id="isNull"), args=arguments, keywords=keywords):
                if not keywords and len(arguments) == 1 and isinstance(arguments[0], ast.Name):
                    column, _ = self._name(arguments[0].id)
                    if isinstance(column, ColumnOperand):
                        return Operation("isNull", (column,)), "true or false"
                raise ExpressionError("isNull asks about one column: isNull(income)")
        raise ExpressionError(
            "only columns, numbers, texts, comparisons, and, or, not, + - * / and isNull(column) are known"
        )

    def _name(self, mark: str) -> tuple[Expression, ExpressionKind]:
        name = self._names.get(mark, mark)
        if mark == name and name in ("true", "false"):
            return ConstantOperand(name == "true"), "true or false"
        column = self._columns.get(name)
        if column is None:
            if name.lower() in ("null", "none", "nan"):
                raise ExpressionError("whether a value is missing is asked with isNull(column)")
            close = get_close_matches(name, self._columns, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "a text stands in quotes"
            raise ExpressionError(f"the data has no column {name!r}; {hint}")
        self.used.add(name)
        return ColumnOperand(name, column.type), _KINDS[column.type]

    def _arithmetic(self, sign: str, left: ast.expr, right: ast.expr, depth: int) -> Expression:
        sides = [self.read(side, depth + 1) for side in (left, right)]
        if sign == "-" and all(kind == "a time" for _, kind in sides):
            return Operation("daysBetween", tuple(found for found, _ in sides))
        return Operation(sign, tuple(_required(found, kind, "a number", sign) for found, kind in sides))

    def _of(self, node: ast.expr, wanted: ExpressionKind, operator: str, depth: int) -> Expression:
        found, kind = self.read(node, depth + 1)
        return _required(found, kind, wanted, operator)

    def _comparison(self, node: ast.Compare, depth: int) -> Expression:
        if not all(type(operator) in _COMPARISONS for operator in node.ops):
            raise ExpressionError("of comparisons ==, !=, <, <=, > and >= are known")
        sides = [self.read(side, depth + 1) for side in (node.left, *node.comparators)]
        parts: list[Expression] = []
        for operator, (left, kind), (right, other) in zip(node.ops, sides, sides[1:], strict=False):
            sign = _COMPARISONS[type(operator)]
            if kind != other:
                raise ExpressionError(f"{_told(left)} is {kind} and {_told(right)} is {other}: they never compare")
            if kind not in _ORDERED and type(operator) not in _EQUAL:
                raise ExpressionError(f"{sign} takes numbers or times, and {_told(left)} is {kind}")
            self._require_known(left, right)
            self._require_known(right, left)
            parts.append(Operation(sign, (left, right)))
        return parts[0] if len(parts) == 1 else Operation("and", tuple(parts))

    def _require_known(self, left: Expression, right: Expression) -> None:
        if isinstance(left, ColumnOperand) and isinstance(right, ConstantOperand):
            values = self._columns[left.name].values
            if values is not None and right.value not in values:
                raise ExpressionError(f"{left.name!r} is never {right.value!r}: it is one of {', '.join(values)}")


def _required(found: Expression, kind: ExpressionKind, wanted: ExpressionKind, operator: str) -> Expression:
    if kind != wanted:
        raise ExpressionError(f"{operator} takes {wanted} on each side, and {_told(found)} is {kind}")
    return found


def _constant(value: object) -> tuple[Expression, ExpressionKind]:
    if isinstance(value, bool):
        return ConstantOperand(value), "true or false"
    if isinstance(value, str):
        return ConstantOperand(value), "a text"
    if isinstance(value, int) and abs(value) < _INT64:
        return ConstantOperand(value), "a number"
    if isinstance(value, int | float):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise ExpressionError("a number in it is too large")
        return ConstantOperand(number), "a number"
    if value is None:
        raise ExpressionError("whether a value is missing is asked with isNull(column)")
    raise ExpressionError("of constants numbers, texts, true and false are known")


def _told(found: Expression) -> str:
    if isinstance(found, ColumnOperand):
        return repr(found.name)
    if isinstance(found, ConstantOperand):
        return str(found.value).lower() if isinstance(found.value, bool) else repr(found.value)
    return f"the result of {found.operator}"
