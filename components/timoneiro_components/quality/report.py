"""What was found in the data, as Markdown. Without values of cells."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from timoneiro_serving.times import iso

from ..markdown import table
from ..privacy.record import PrivacyRecord
from .assessment import Assessment
from .personal import personal_data_lines


def report(assessment: Assessment) -> str:
    """The text of the data report."""
    return "\n".join(_lines(assessment)) + "\n"


def _lines(assessment: Assessment) -> Iterator[str]:
    training, reasons = assessment.rows.training, assessment.reasons
    frame, taken = assessment.rows.frame, len(assessment.reasons_by_row)
    number = "1 reason" if len(reasons) == 1 else f"{len(reasons)} reasons"
    yield f"# Data report: {f'failed for {number}' if reasons else 'passed'}"
    yield ""
    source = training.spec.source.title or "a source that is not described"
    yield f"{training.title}. {len(frame):,} rows, {len(frame.columns)} columns, from {source}."
    yield ""
    yield from table(
        ("check", "finding", "result"), ((check.question, check.finding, check.result) for check in assessment.checks)
    )
    yield from _section("What is wrong", reasons)
    if taken:
        yield from _section(
            f"What is quarantined: {taken:,} of {len(frame):,} rows", assessment.sentences("Quarantine")
        )
    yield from _section("What is only warned of", assessment.sentences("Warn"))
    yield from _privacy(assessment.privacy)
    yield from ("", "## Columns", "")
    header = ("column", "type", "minimum", "mean", "maximum", "missing")
    columns = training.columns.items()
    yield from table(header, (_described(name, column.type, frame[name]) for name, column in columns))


def _privacy(record: PrivacyRecord) -> Iterator[str]:
    yield from ("", "## Personal data", "")
    scanned = f"{record.rows_scanned:,} of {record.rows:,} rows were looked at. {record.rows_erased:,} were left out"
    yield f"{scanned} because of the erasure list. Retention: {record.retention or 'not said'}."
    if record.withheld:
        yield from ("", "No row was written, and nothing else was checked.")
    if lines := list(personal_data_lines(record)):
        yield from ("", *table(("column", "kind", "found by", "values", "what happens to it"), lines))


def _section(title: str, sentences: tuple[str, ...]) -> Iterator[str]:
    if sentences:
        yield from ("", f"## {title}", "", *(f"* {sentence}" for sentence in sentences))


def _described(name: str, kind: str, values: pd.Series) -> tuple[str, ...]:
    figures = ("", "", "")
    if kind in ("Number", "Integer") and values.notna().any():
        figures = (f"{values.min():.4g}", f"{values.mean():.4g}", f"{values.max():.4g}")
    elif kind == "Time" and values.notna().any():
        figures = (iso(values.min().timestamp()), "", iso(values.max().timestamp()))
    return (name, kind, *figures, f"{values.isna().mean():.1%}" if len(values) else "")
