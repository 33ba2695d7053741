"""Consistency: is every row there once, does its key say which it is, and is no row on both sides of the split?

Rows are compared by 64 bits of what is in them: two of five million that differ are taken for one another in one of a
million tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..tables import hashes_of, split_values, test_rows_of
from .check import Check, CheckedRows, CheckKind, Positions, SeenSoFar, TableFacts, Violation

_ROW, _KEY, _ALIKE, _SPLIT, _AT = "row", "key", "alike", "split", "position"
_AT_A_TIME = 2**16
_Truths = np.ndarray[Any, np.dtype[np.bool_]]


def copies_among(tally: SeenSoFar) -> Positions:
    """Positions of the rows that are copies of an earlier one."""
    return tally.whole(_AT)[_later(tally.whole(_ROW))]


def hash_rows(rows: CheckedRows) -> SeenSoFar:
    """What is in each row."""
    pieces = {_AT: (rows.positions,), _ROW: (hashes_of(rows.table, rows.table.column_names),)}
    return SeenSoFar(rows.table.num_rows, pieces=pieces)


def _rows_are_there_once(tally: SeenSoFar, facts: TableFacts) -> Iterator[Check]:
    checks, copies = facts.training.spec.checks, copies_among(tally)
    violations: tuple[Violation, ...] = ()
    if len(copies) > checks.max_duplicates * tally.rows:
        sentence = f"{len(copies)} of {tally.rows} rows are copies of another row"
        violations = (Violation(sentence, checks.actions.duplicates, copies, "a copy of another row"),)
    yield Check("Is every row there once?", f"{len(copies)} copies", violations)


def _hash_keys(rows: CheckedRows) -> SeenSoFar:
    keys = rows.training.keys
    if not keys:
        return SeenSoFar(rows.table.num_rows)
    return SeenSoFar(rows.table.num_rows, pieces={_AT: (rows.positions,), _KEY: (hashes_of(rows.table, keys),)})


def _keys_are_there_once(tally: SeenSoFar, facts: TableFacts) -> Iterator[Check]:
    if not facts.training.keys:
        return
    named = ", ".join(facts.training.keys)
    repeated = tally.whole(_AT)[_later(tally.whole(_KEY))]
    violations: tuple[Violation, ...] = ()
    if len(repeated):
        sentence = f"{len(repeated)} rows have a key ({named}) that an earlier row has"
        action = facts.training.spec.checks.actions.duplicate_keys
        violations = (Violation(sentence, action, repeated, "a key that an earlier row has"),)
    yield Check(f"Does the key ({named}) say which row it is?", f"{len(repeated)} come twice", violations)


def _hash_what_is_learnt(rows: CheckedRows) -> SeenSoFar:
    training = rows.training
    if not training.keys:
        return SeenSoFar(rows.table.num_rows)
    alike = hashes_of(rows.table, [*training.features, training.spec.target.column])
    pieces = {_AT: (rows.positions,), _ALIKE: (alike,), _SPLIT: (split_values(rows.table, training),)}
    return SeenSoFar(rows.table.num_rows, pieces=pieces)


def _no_row_is_trained_and_tested_on(tally: SeenSoFar, facts: TableFacts) -> Iterator[Check]:
    """Without keys rows that are alike fall on the same side; with keys only those of the same key do."""
    training, checks = facts.training, facts.training.spec.checks
    if not training.keys:
        return
    hashes, is_test = tally.whole(_ALIKE), test_rows_of(tally.whole(_SPLIT), training)
    seen = _among(hashes[is_test], hashes[~is_test])
    count, total = int(seen.sum()), len(seen)
    violations: tuple[Violation, ...] = ()
    if count > checks.max_test_duplicates * total:
        sentence = (
            f"{count} of {total} test rows are like a training row with another key ({count / total:.1%}): the model "
            "is judged on what it has seen"
        )
        twins = tally.whole(_AT)[~is_test & _among(hashes, hashes[is_test][seen])]
        violations = (Violation(sentence, checks.actions.test_duplicates, twins, "like a test row with another key"),)
    yield Check("Is no test row like a training row with another key?", f"{count} are", violations)


def _later(values: np.ndarray[Any, Any]) -> _Truths:
    """For each value whether an earlier one is the same."""
    found = np.zeros(len(values), dtype=bool)
    ordered = np.sort(values)
    several = ordered[1:][ordered[1:] == ordered[:-1]]
    del ordered
    if len(several):
        # Most are there once: only the others are worth an order, which takes as much memory again as the values.
        at = np.flatnonzero(_among(values, several))
        order = np.argsort(values[at], kind="stable")
        alike = values[at][order]
        found[at[order[1:]]] = alike[1:] == alike[:-1]
    return found


def _among(values: np.ndarray[Any, Any], others: np.ndarray[Any, Any]) -> _Truths:
    """For each value whether it is one of the others. As numpy's `isin`, which holds five times the memory."""
    found = np.zeros(len(values), dtype=bool)
    if len(others):
        ordered = np.sort(others)
        for first in range(0, len(values), _AT_A_TIME):
            part = values[first : first + _AT_A_TIME]
            at = np.minimum(np.searchsorted(ordered, part), len(ordered) - 1)
            found[first : first + _AT_A_TIME] = ordered[at] == part
    return found


ROWS_ARE_THERE_ONCE = CheckKind(hash_rows, _rows_are_there_once)
KEYS_ARE_THERE_ONCE = CheckKind(_hash_keys, _keys_are_there_once)
NO_ROW_IS_TRAINED_AND_TESTED_ON = CheckKind(_hash_what_is_learnt, _no_row_is_trained_and_tested_on)
