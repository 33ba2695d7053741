"""Completeness: is enough there to learn from? Missing values, rows of each class, and columns that say nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from ..definition.columns import classes_of
from ..features.rows import labels_of
from .check import Check, CheckedRows, Violation


def missing_shares(frame: pd.DataFrame) -> pd.Series[float]:
    """By column, the share of values that are missing; nothing where there are no rows."""
    return frame.isna().mean() if len(frame) else pd.Series(dtype=float)


def few_values_are_missing(rows: CheckedRows) -> Iterator[Check]:
    most, missing = rows.training.spec.checks.max_missing, missing_shares(rows.frame)
    violations = tuple(
        Violation(f"column {name!r} lacks {share:.1%} of its values, {most:.1%} are accepted")
        for name, share in missing.items()
        if share > most
    )
    found = f"at most {missing.max() if len(missing) else 0.0:.1%} are"
    yield Check(f"Are at most {most:.1%} of the values of every column missing?", found, violations)


def every_class_has_rows(rows: CheckedRows) -> Iterator[Check]:
    spec = rows.training.spec
    target, least = spec.target.column, spec.checks.min_rows_per_class
    if not rows.training.classes:
        return
    counts = labels_of(rows.frame[target]).value_counts()
    found = {label: int(counts.get(label, 0)) for label in classes_of(spec.columns[target])}
    violations = tuple(
        Violation(f"class {label!r} has {count} rows, at least {least} are wanted")
        for label, count in found.items()
        if count < least
    )
    said = ", ".join(f"{label} {count}" for label, count in found.items())
    yield Check(f"Does every class have at least {least} rows?", said, violations)


def every_column_says_something(rows: CheckedRows) -> Iterator[Check]:
    """Features with one value in all rows, missing ones aside: nothing can be learnt from them. And a target of one
    number: there is nothing to learn."""
    frame = rows.frame
    found = [name for name in rows.training.features if len(frame) > 1 and frame[name].nunique(dropna=True) <= 1]
    violations = tuple(
        Violation(f"column {name!r} has no value, or the same one in all rows: put it into spec.ignore")
        for name in found
    )
    target = rows.training.spec.target.column
    if not rows.training.classes and len(frame) > 1 and frame[target].nunique() <= 1:
        violations += (Violation(f"the target {target!r} is the same in all rows: there is nothing to learn"),)
    yield Check("Does every column have more than one value?", f"{len(found)} have one or none", violations)
