"""Step: is the data what its definition says?

Checks limits and categories, completeness, duplicates and keys, and that each class has enough rows to learn from;
types were checked when the data came in. Guarantees: every check is carried out and reported, not only up to the first
that fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pandera.pandas as pa
from pyarrow import concat_tables

from .definition.columns import Column, classes_of
from .definition.training import Training
from .features.preparation import labels_of
from .leaks import constant_columns, revealing_columns
from .markdown import table
from .tables import frame_of, read_table

GATE = "data validation"


@dataclass(frozen=True)
class Check:
    """One question, its answer in words, and what is wrong (nothing if it passed)."""

    question: str
    finding: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Validation:
    """What was found. `missing_share` is the largest share of missing values of any column, 0..1."""

    rows: int
    columns: int
    missing_share: float
    duplicates: int
    checks: tuple[Check, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the gate fails, in one sentence for each cause."""
        return tuple(reason for check in self.checks for reason in check.reasons)

    @property
    def metrics(self) -> dict[str, float]:
        return {
            "rows": self.rows,
            "columns": self.columns,
            "missing_share": round(self.missing_share, 4),
            "duplicates": self.duplicates,
        }


def validate(training: Training, *, data: Path, holdout: Path, report: Path) -> Validation:
    """Checks the rows of both tables and writes a Markdown report. Raises StepError for an unreadable table."""
    frame = frame_of(concat_tables([read_table(data), read_table(holdout)]))
    missing = frame.isna().mean() if len(frame) else pd.Series(dtype=float)
    duplicates = int(frame.duplicated().sum())
    validation = Validation(
        rows=len(frame),
        columns=len(frame.columns),
        missing_share=float(missing.max()) if len(missing) else 0.0,
        duplicates=duplicates,
        checks=(
            _check_values(frame, training),
            _check_completeness(missing, training),
            _check_duplicates(duplicates, len(frame), training.spec.checks.max_duplicates),
            *_check_keys(frame, training),
            _check_classes(frame, training),
            _check_constant(frame, training),
            _check_leaks(frame, training),
        ),
    )
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(_report(training, frame, validation), encoding="utf-8")
    return validation


def _schema(training: Training) -> pa.DataFrameSchema:
    return pa.DataFrameSchema(
        {
            name: pa.Column(checks=list(_value_checks(column)), nullable=column.nullable)
            for name, column in training.spec.columns.items()
        },
        strict=True,
        ordered=True,
    )


def _value_checks(column: Column) -> Iterator[pa.Check]:
    if column.minimum is not None:
        yield pa.Check.ge(column.minimum)
    if column.maximum is not None:
        yield pa.Check.le(column.maximum)
    if column.values is not None:
        yield pa.Check.isin(column.values)


def _check_values(frame: pd.DataFrame, training: Training) -> Check:
    question = "Are all values among those that the definition allows?"
    try:
        _schema(training).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        reasons = tuple(_reasons(error.failure_cases, training))
        return Check(question, f"{len(reasons)} deviations", reasons)
    return Check(question, f"those of all {len(frame.columns)} columns are")


def _reasons(cases: pd.DataFrame, training: Training) -> Iterable[str]:
    for (name, check), group in cases.groupby(["column", "check"], dropna=False, sort=True):
        column = training.spec.columns.get(name)
        if column is None:
            yield f"the columns are not those of the definition: {group['failure_case'].iloc[0]!r}"
        elif check == "not_nullable":
            yield f"column {name!r} lacks {len(group)} values and may lack none: say nullable if they may be missing"
        elif column.values is not None:
            yield f"column {name!r} has {len(group)} values other than {', '.join(column.values)}"
        else:
            below = str(check).startswith("greater")
            limit = f"below {column.minimum:g}" if below else f"above {column.maximum:g}"
            yield f"column {name!r} has {len(group)} values {limit}"


def _check_completeness(missing: pd.Series[float], training: Training) -> Check:
    most = training.spec.checks.max_missing
    reasons = tuple(
        f"column {name!r} lacks {share:.1%} of its values, {most:.1%} are accepted"
        for name, share in missing.items()
        if share > most
    )
    found = f"at most {missing.max() if len(missing) else 0.0:.1%} are"
    return Check(f"Are at most {most:.1%} of the values of every column missing?", found, reasons)


def _check_duplicates(duplicates: int, rows: int, most: float) -> Check:
    reasons = (f"{duplicates} of {rows} rows are copies of another row",) if duplicates > most * rows else ()
    return Check("Is every row there once?", f"{duplicates} copies", reasons)


def _check_keys(frame: pd.DataFrame, training: Training) -> Iterator[Check]:
    if keys := training.keys:
        named = ", ".join(keys)
        twice = int(frame.duplicated(subset=keys).sum())
        reasons = (f"{twice} rows have a key ({named}) that an earlier row has",) if twice else ()
        yield Check(f"Does the key ({named}) say which row it is?", f"{twice} come twice", reasons)


def _check_classes(frame: pd.DataFrame, training: Training) -> Check:
    target, least = training.spec.target.column, training.spec.checks.min_rows_per_class
    counts = labels_of(frame[target]).value_counts()
    found = {label: int(counts.get(label, 0)) for label in classes_of(training.spec.columns[target])}
    reasons = tuple(
        f"class {label!r} has {count} rows, at least {least} are wanted"
        for label, count in found.items()
        if count < least
    )
    said = ", ".join(f"{label} {count}" for label, count in found.items())
    return Check(f"Does every class have at least {least} rows?", said, reasons)


def _check_constant(frame: pd.DataFrame, training: Training) -> Check:
    found = list(constant_columns(frame, training))
    reasons = tuple(
        f"column {name!r} has no value, or the same one in all rows: put it into spec.ignore" for name in found
    )
    return Check("Does every column have more than one value?", f"{len(found)} have one or none", reasons)


def _check_leaks(frame: pd.DataFrame, training: Training) -> Check:
    most = training.spec.checks.max_single_auc
    found = list(revealing_columns(frame, training))
    reasons = tuple(
        f"column {name!r} alone predicts the target with a ROC AUC of {area:.4f}: is it known only afterwards? "
        "Put it into spec.ignore, or raise spec.checks.maxSingleAuc if it is known before"
        for name, area in found
    )
    return Check(f"Does no column alone predict the target (ROC AUC above {most:g})?", f"{len(found)} do", reasons)


def _report(training: Training, frame: pd.DataFrame, validation: Validation) -> str:
    verdict = "passed" if not validation.reasons else f"failed for {len(validation.reasons)} reasons"
    source = training.spec.source.title or "a source that is not described"
    checks = ((check.question, check.finding, "failed" if check.reasons else "passed") for check in validation.checks)
    lines = [
        f"# Data report: {verdict}",
        "",
        f"{training.title}. {validation.rows:,} rows, {validation.columns} columns, from {source}.",
        "",
        *table(("check", "finding", "result"), checks),
    ]
    if validation.reasons:
        lines += ["", "## What is wrong", "", *(f"* {reason}" for reason in validation.reasons)]
    header = ("column", "type", "minimum", "mean", "maximum", "missing")
    columns = (_described(name, column.type, frame[name]) for name, column in training.spec.columns.items())
    return "\n".join([*lines, "", "## Columns", "", *table(header, columns)]) + "\n"


def _described(name: str, kind: str, values: pd.Series) -> tuple[str, ...]:
    figures = ("", "", "")
    if kind in ("Number", "Integer") and values.notna().any():
        figures = (f"{values.min():.4g}", f"{values.mean():.4g}", f"{values.max():.4g}")
    return (name, kind, *figures, f"{values.isna().mean():.1%}")
