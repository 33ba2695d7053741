"""Completeness: is enough there to learn from? Missing values, rows of each class, and columns that say nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from ..definition.columns import classes_of
from ..features.rows import labels_of
from .check import Check, CheckedRows, CheckKind, SeenSoFar, TableFacts, Violation


def missing_share(tally: SeenSoFar, name: str) -> float:
    """Of a column, the share of values that are missing; 0 where there are no rows."""
    return tally.counts.get(name, 0) / tally.rows if tally.rows else 0.0


def count_missing(rows: CheckedRows) -> SeenSoFar:
    """By column, how many values are missing."""
    return SeenSoFar(
        rows.table.num_rows, {name: rows.table.column(name).null_count for name in rows.table.column_names}
    )


def _few_are_missing(tally: SeenSoFar, facts: TableFacts) -> Iterator[Check]:
    most = facts.training.spec.checks.max_missing
    shares = {name: missing_share(tally, name) for name in facts.training.columns}
    violations = tuple(
        Violation(f"column {name!r} lacks {share:.1%} of its values, {most:.1%} are accepted")
        for name, share in shares.items()
        if share > most
    )
    found = f"at most {max(shares.values(), default=0.0):.1%} are"
    yield Check(f"Are at most {most:.1%} of the values of every column missing?", found, violations)


def _count_classes(rows: CheckedRows) -> SeenSoFar:
    if not rows.training.classes:
        return SeenSoFar(rows.table.num_rows)
    counts = labels_of(rows.frame[rows.training.spec.target.column]).value_counts()
    return SeenSoFar(rows.table.num_rows, {label: int(counts.get(label, 0)) for label in rows.training.classes})


def _every_class_has_rows(tally: SeenSoFar, facts: TableFacts) -> Iterator[Check]:
    spec = facts.training.spec
    if not facts.training.classes:
        return
    least, labels = spec.checks.min_rows_per_class, classes_of(spec.columns[spec.target.column])
    found = {label: tally.counts.get(label, 0) for label in labels}
    violations = tuple(
        Violation(f"class {label!r} has {count} rows, at least {least} are wanted")
        for label, count in found.items()
        if count < least
    )
    said = ", ".join(f"{label} {count}" for label, count in found.items())
    yield Check(f"Does every class have at least {least} rows?", said, violations)


def _two_values(rows: CheckedRows) -> SeenSoFar:
    """Of each column up to two values that differ, which is enough to tell that it is not always the same."""
    names = [*rows.training.features, rows.training.spec.target.column]
    return SeenSoFar(
        rows.table.num_rows,
        {(name, value): 1 for name in names for value in pd.unique(rows.frame[name].dropna())[:2].tolist()},
    )


def _every_column_says_something(tally: SeenSoFar, facts: TableFacts) -> Iterator[Check]:
    """Features with one value in all rows, missing ones aside: nothing can be learnt from them. And a target of one
    number: there is nothing to learn."""
    training, different = facts.training, dict[str, int]()
    for name, _ in tally.counts:
        different[name] = different.get(name, 0) + 1
    same = [name for name in training.features if tally.rows > 1 and different.get(name, 0) <= 1]
    violations = tuple(
        Violation(f"column {name!r} has no value, or the same one in all rows: put it into spec.ignore")
        for name in same
    )
    target = training.spec.target.column
    if not training.classes and tally.rows > 1 and different.get(target, 0) <= 1:
        violations += (Violation(f"the target {target!r} is the same in all rows: there is nothing to learn"),)
    yield Check("Does every column have more than one value?", f"{len(same)} have one or none", violations)


FEW_VALUES_ARE_MISSING = CheckKind(count_missing, _few_are_missing)
EVERY_CLASS_HAS_ROWS = CheckKind(_count_classes, _every_class_has_rows)
EVERY_COLUMN_SAYS_SOMETHING = CheckKind(_two_values, _every_column_says_something)
