"""Consistency: is every row there once, does its key say which it is, and is no row on both sides of the split?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ..tables import test_rows
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


def no_row_is_trained_and_tested_on(rows: CheckedRows) -> Iterator[Check]:
    """Without keys rows that are alike fall on the same side; with keys only those of the same key do."""
    training, checks = rows.training, rows.training.spec.checks
    if not training.keys:
        return
    alike = pd.util.hash_pandas_object(rows.frame[[*training.features, training.spec.target.column]], index=False)
    is_test = test_rows(rows.table, training)
    hashes = alike.to_numpy()
    seen = np.isin(hashes[is_test], hashes[~is_test])
    count, total = int(seen.sum()), len(seen)
    violations: tuple[Violation, ...] = ()
    if count > checks.max_test_duplicates * total:
        sentence = (
            f"{count} of {total} test rows are like a training row with another key ({count / total:.1%}): the model "
            "is judged on what it has seen"
        )
        twins = rows.positions[~is_test & np.isin(hashes, hashes[is_test][seen])]
        violations = (Violation(sentence, checks.actions.test_duplicates, twins, "like a test row with another key"),)
    yield Check("Is no test row like a training row with another key?", f"{count} are", violations)
