"""The checks, in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .accuracy import no_column_tells_the_target, values_as_described
from .check import Check, CheckedRows
from .completeness import every_class_has_rows, every_column_says_something, few_values_are_missing
from .consistency import keys_are_there_once, no_row_is_trained_and_tested_on, rows_are_there_once
from .rules import rules_hold
from .timeliness import rows_are_recent, times_have_been

CheckFunction = Callable[[CheckedRows], Iterable[Check]]
# Checks of a stage are about the rows that those of the stages before it have not taken out: first each row by itself,
# then rows beside others, then the table that is left.
STAGES: tuple[tuple[CheckFunction, ...], ...] = (
    (values_as_described, times_have_been, rules_hold),
    (rows_are_there_once, keys_are_there_once, no_row_is_trained_and_tested_on),
    (
        rows_are_recent,
        few_values_are_missing,
        every_class_has_rows,
        every_column_says_something,
        no_column_tells_the_target,
    ),
)
