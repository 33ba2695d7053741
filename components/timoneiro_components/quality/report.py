"""What was found in the data, as Markdown. Without values of cells."""

from __future__ import annotations

from collections.abc import Iterator

from timoneiro_serving.times import iso

from ..markdown import table, text
from ..privacy.record import PrivacyRecord
from .assessment import Assessment
from .personal import personal_data_lines


def report(assessment: Assessment) -> str:
    """The text of the data report."""
    return "\n".join(_lines(assessment)) + "\n"


def _lines(assessment: Assessment) -> Iterator[str]:
    training, reasons = assessment.training, assessment.reasons
    taken = len(assessment.taken_rows)
    number = "1 reason" if len(reasons) == 1 else f"{len(reasons)} reasons"
    yield f"# Data report: {f'failed for {number}' if reasons else 'passed'}"
    yield ""
    source = training.spec.source.title or "a source that is not described"
    yield f"{text(training.title)}. {assessment.rows:,} rows, {len(training.columns)} columns, from {text(source)}."
    yield ""
    yield from table(
        ("check", "finding", "result"), ((check.question, check.finding, check.result) for check in assessment.checks)
    )
    yield from _section("What is wrong", reasons)
    if taken:
        yield from _section(
            f"What is quarantined: {taken:,} of {assessment.rows:,} rows", assessment.sentences("Quarantine")
        )
    yield from _section("What is only warned of", assessment.sentences("Warn"))
    yield from _privacy(assessment.privacy)
    yield from ("", "## Columns", "")
    header = ("column", "type", "minimum", "mean", "maximum", "missing")
    columns = training.columns.items()
    yield from table(header, (_described(name, column.type, assessment) for name, column in columns))


def _privacy(record: PrivacyRecord) -> Iterator[str]:
    yield from ("", "## Personal data", "")
    scanned = f"{record.rows_scanned:,} of {record.rows:,} rows were looked at. {record.rows_erased:,} were left out"
    yield f"{scanned} because of the erasure list. Retention: {text(record.retention or 'not said')}."
    if record.withheld:
        yield from ("", "No row was written, and nothing else was checked.")
    if lines := list(personal_data_lines(record)):
        yield from ("", *table(("column", "kind", "found by", "values", "what happens to it"), lines))


def _section(title: str, sentences: tuple[str, ...]) -> Iterator[str]:
    if sentences:
        yield from ("", f"## {title}", "", *(f"* {text(sentence)}" for sentence in sentences))


def _described(name: str, kind: str, assessment: Assessment) -> tuple[str, ...]:
    found, figures = assessment.figures.get(name), ("", "", "")
    if found is not None and found.smallest is not None and found.largest is not None:
        if kind == "Time":
            figures = (iso(found.smallest), "", iso(found.largest))
        else:
            figures = (f"{found.smallest:.4g}", f"{found.total / found.count:.4g}", f"{found.largest:.4g}")
    return (name, kind, *figures, f"{assessment.missing[name]:.1%}" if assessment.rows else "")
