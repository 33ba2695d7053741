"""Consistency: is every row there once, and does its key say which it is?"""

from __future__ import annotations

from collections.abc import Iterator

from .check import Check, CheckedRows, Violation


def rows_are_there_once(rows: CheckedRows) -> Iterator[Check]:
    checks, copies = rows.training.spec.checks, rows.frame.duplicated().to_numpy(dtype=bool)
    count, total = int(copies.sum()), len(copies)
    violations: tuple[Violation, ...] = ()
    if count > checks.max_duplicates * total:
        sentence = f"{count} of {total} rows are copies of another row"
        violations = (Violation(sentence, checks.actions.duplicates, rows.positions[copies], "a copy of another row"),)
    yield Check("Is every row there once?", f"{count} copies", violations)


def keys_are_there_once(rows: CheckedRows) -> Iterator[Check]:
    keys = rows.training.keys
    if not keys:
        return
    named = ", ".join(keys)
    repeated = rows.frame.duplicated(subset=keys).to_numpy(dtype=bool)
    count = int(repeated.sum())
    violations: tuple[Violation, ...] = ()
    if count:
        sentence = f"{count} rows have a key ({named}) that an earlier row has"
        action = rows.training.spec.checks.actions.duplicate_keys
        violations = (Violation(sentence, action, rows.positions[repeated], "a key that an earlier row has"),)
    yield Check(f"Does the key ({named}) say which row it is?", f"{count} come twice", violations)
