"""Step: is the data what its definition says? A gate.

Checks the schema (columns, types, ranges, classes), completeness, duplicates, and that each class
has enough rows to learn from. Guarantees: every check is carried out and reported, not only up to
the first failure, and the report is written whether the gate passes or not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pandera.pandas as pa

from .datasets import DatasetDefinition, dataset_definition
from .errors import GateFailed
from .tables import read_table

MINIMUM_ROWS_PER_CLASS = 20


@dataclass(frozen=True)
class Check:
    """One question, its answer in words, and what is wrong (nothing if it passed)."""

    question: str
    finding: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Validation:
    """Outcome of the gate. `missing_share` is the largest share of missing values of any column, 0..1."""

    rows: int
    columns: int
    missing_share: float
    duplicates: int
    checks: tuple[Check, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        return tuple(reason for check in self.checks for reason in check.reasons)

    @property
    def passed(self) -> bool:
        return not self.reasons

    @property
    def metrics(self) -> dict[str, float]:
        return {
            "rows": self.rows,
            "columns": self.columns,
            "missing_share": round(self.missing_share, 4),
            "duplicates": self.duplicates,
        }

    def require(self) -> None:
        """Raises GateFailed with every reason unless the gate passed."""
        if not self.passed:
            raise GateFailed("data validation", self.reasons)


def validate(dataset: str, *, data: Path, report: Path, max_missing: float) -> Validation:
    """Checks the table `data` and writes a Markdown report.

    `max_missing` is the largest accepted share of missing values in any column, 0..1. Raises
    StepError for an unknown data set or an unreadable table; a failed check raises nothing here.
    """
    definition = dataset_definition(dataset)
    frame = read_table(data)
    missing = frame.isna().mean() if len(frame) else pd.Series(dtype=float)
    duplicates = int(frame.duplicated().sum())
    validation = Validation(
        rows=len(frame),
        columns=len(frame.columns),
        missing_share=float(missing.max()) if len(missing) else 0.0,
        duplicates=duplicates,
        checks=(
            _check_schema(frame, definition),
            _check_completeness(missing, max_missing),
            _check_duplicates(duplicates, len(frame)),
            _check_classes(frame, definition),
        ),
    )
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(_report(definition, frame, validation), encoding="utf-8")
    return validation


def _schema(definition: DatasetDefinition) -> pa.DataFrameSchema:
    features = {
        column.name: pa.Column(
            float,
            pa.Check.in_range(column.minimum, column.maximum),
            nullable=column.nullable,
        )
        for column in definition.columns
    }
    target = pa.Column(str, pa.Check.isin(definition.classes), nullable=False)
    return pa.DataFrameSchema({**features, definition.target: target}, strict=True, ordered=True)


def _check_schema(frame: pd.DataFrame, definition: DatasetDefinition) -> Check:
    question = "Do columns, types, ranges and classes match the definition?"
    try:
        _schema(definition).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        reasons = tuple(_schema_reasons(error.failure_cases, definition))
        return Check(question, f"{len(reasons)} deviations", reasons)
    return Check(question, f"{len(definition.columns)} features and the target {definition.target!r} do")


def _schema_reasons(cases: pd.DataFrame, definition: DatasetDefinition) -> Iterable[str]:
    limits = {column.name: (column.minimum, column.maximum) for column in definition.columns}
    # A column of the wrong type fails the other checks as well, with nonsense about its values.
    mistyped = set(cases.loc[cases["check"].astype(str).str.startswith("dtype"), "column"])
    for (column, check), group in cases.groupby(["column", "check"], dropna=False, sort=True):
        name = group["failure_case"].iloc[0]
        if check == "column_in_dataframe":
            yield f"column {name!r} is missing"
        elif check == "column_in_schema":
            yield f"column {name!r} is not part of the definition"
        elif check == "column_ordered":
            yield f"column {name!r} is not in its place"
        elif str(check).startswith("dtype"):
            yield f"column {column!r} does not hold {'numbers' if column in limits else 'text'}"
        elif column in mistyped:
            continue
        elif check == "not_nullable":
            yield f"column {column!r} lacks {len(group)} values and may lack none"
        elif column in limits:
            low, high = limits[column]
            yield f"column {column!r} has {len(group)} values outside {low:g}..{high:g}"
        else:
            classes = ", ".join(definition.classes)
            yield f"column {column!r} has {len(group)} values other than {classes}"


def _check_completeness(missing: pd.Series[float], max_missing: float) -> Check:
    question = f"Are at most {max_missing:.1%} of the values of every column missing?"
    reasons = tuple(
        f"column {name!r} lacks {share:.1%} of its values, {max_missing:.1%} are accepted"
        for name, share in missing.items()
        if share > max_missing
    )
    return Check(question, f"at most {missing.max() if len(missing) else 0.0:.1%} are", reasons)


def _check_duplicates(duplicates: int, rows: int) -> Check:
    reasons = (f"{duplicates} of {rows} rows are copies of another row",) if duplicates else ()
    return Check("Is every row there once?", f"{duplicates} copies", reasons)


def _check_classes(frame: pd.DataFrame, definition: DatasetDefinition) -> Check:
    question = f"Does every class have at least {MINIMUM_ROWS_PER_CLASS} rows?"
    if definition.target not in frame:
        return Check(question, "there is no target")  # the schema check has already said so
    counts = frame[definition.target].value_counts()
    found = {label: int(counts.get(label, 0)) for label in definition.classes}
    reasons = tuple(
        f"class {label!r} has {count} rows, at least {MINIMUM_ROWS_PER_CLASS} are wanted"
        for label, count in found.items()
        if count < MINIMUM_ROWS_PER_CLASS
    )
    return Check(question, ", ".join(f"{label} {count}" for label, count in found.items()), reasons)


def _report(definition: DatasetDefinition, frame: pd.DataFrame, validation: Validation) -> str:
    verdict = "passed" if validation.passed else f"failed for {len(validation.reasons)} reasons"
    lines = [
        f"# Data report: {verdict}",
        "",
        f"{definition.title}. {validation.rows:,} rows, {validation.columns} columns. {definition.source}.",
        "",
        "| check | finding | result |",
        "|---|---|---|",
    ]
    for check in validation.checks:
        lines.append(f"| {check.question} | {check.finding} | {'failed' if check.reasons else 'passed'} |")
    if validation.reasons:
        lines += ["", "## What is wrong", ""]
        lines += [f"* {reason}" for reason in validation.reasons]
    lines += ["", "## Columns", "", "| column | minimum | mean | maximum | missing |", "|---|---|---|---|---|"]
    for name, column in frame.select_dtypes("number").items():
        lines.append(
            f"| {name} | {column.min():.4g} | {column.mean():.4g} | {column.max():.4g} | {column.isna().mean():.1%} |"
        )
    return "\n".join(lines) + "\n"
