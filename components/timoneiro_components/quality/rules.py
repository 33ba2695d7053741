"""The definition's own rules: expressions over columns, and functions of the user."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from ..definition.expressions import parse_expression
from ..definition.quality import DataRule
from ..errors import StepError
from ..functions import imported, place_of
from .check import Check, CheckedRows, CheckKind, SeenSoFar, TableFacts, Violation
from .expressions import broken

_Truths = np.ndarray[tuple[int], np.dtype[np.bool_]]


def _break_rules(rows: CheckedRows) -> SeenSoFar:
    """By rule, where the rows are that do not keep to it; or, once for each part, why it cannot be told."""
    counts, pieces = dict[Any, int](), dict[Any, tuple[Any, ...]]()
    for position, rule in enumerate(rows.training.spec.checks.rules):
        try:
            wrong = _broken(rule, f"spec.checks.rules[{position}].function", rows)
        except StepError as error:
            counts[position, str(error)] = 1
        else:
            pieces[position] = (rows.positions[wrong],)
    return SeenSoFar(rows.table.num_rows, counts, pieces)


def _rules_hold(tally: SeenSoFar, facts: TableFacts) -> Iterator[Check]:
    """One check for each rule. A function that fails is a violation that stops, whatever its action is."""
    for position, rule in enumerate(facts.training.spec.checks.rules):
        question = f"Does every row keep to {rule.name!r}{f' ({rule.expression})' if rule.expression else ''}?"
        if failure := next((sentence for place, sentence in tally.counts if place == position), ""):
            yield Check(question, "it cannot be told", (Violation(failure),))
            continue
        positions = tally.whole(position)
        violations: tuple[Violation, ...] = ()
        if count := len(positions):
            sentence = f"rule {rule.name!r}: {count} of {tally.rows} rows do not keep to it"
            violations = (Violation(sentence, rule.action, positions, f"rule {rule.name!r}"),)
        yield Check(question, f"{count} do not", violations)


def _broken(rule: DataRule, field: str, rows: CheckedRows) -> _Truths:
    if rule.expression is not None:
        found = broken(rows.table, parse_expression(rule.expression, rows.training.columns))
        return np.asarray(found.to_numpy(zero_copy_only=False), dtype=bool)
    function = imported(str(rule.function), what=field)
    try:
        # A copy: what the function does to it must not reach what is trained on.
        fine = function(rows.frame.copy())
    except Exception as error:
        # Without its words, which may hold values of the data; the log has them.
        raise StepError(
            f"rule {rule.name!r}: {rule.function} failed: {type(error).__name__} at {place_of(error)}"
        ) from error
    if fault := _answer_fault(fine, rows.frame):
        raise StepError(f"rule {rule.name!r}: {rule.function} gave {fault}")
    wrong: _Truths = ~fine.to_numpy(dtype=bool)
    return wrong


def _answer_fault(fine: Any, frame: pd.DataFrame) -> str:
    """What is wrong with the answer of a function; nothing if it is one."""
    wanted = ", and a pandas Series of true and false is wanted, one for each row"
    if not isinstance(fine, pd.Series):
        return f"a {type(fine).__name__}{wanted}"
    if len(fine) != len(frame):
        return f"{len(fine)} values for {len(frame)} rows{wanted}"
    if not fine.index.equals(frame.index):
        return f"its answers in another order, or with another index{wanted}"
    if fine.isna().any():
        return f"{int(fine.isna().sum())} missing values{wanted}"
    if not pd.api.types.is_bool_dtype(fine.dtype):
        return f"a Series of {fine.dtype}{wanted}"
    return ""


RULES_HOLD = CheckKind(_break_rules, _rules_hold)
