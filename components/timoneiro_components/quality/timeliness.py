"""Timeliness: are times in the past, are rows recent enough, and is no stretch of time left out?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa

from ..definition.quality import Timeliness
from .check import Check, CheckedRows, CheckKind, SeenSoFar, TableFacts, Violation


def _after_now(rows: CheckedRows) -> SeenSoFar:
    now = pd.Timestamp(rows.facts.now)
    late = {name: (rows.frame[name] > now).to_numpy(dtype=bool) for name in _past_columns(rows.facts)}
    return SeenSoFar(rows.table.num_rows, pieces={name: (rows.positions[found],) for name, found in late.items()})


def _times_have_been(tally: SeenSoFar, facts: TableFacts) -> Iterator[Check]:
    """Whether no time is after the run: a wrong clock, a wrong zone, or a placeholder such as 2099-12-31."""
    names = _past_columns(facts)
    if not names:
        return
    violations = list[Violation]()
    for name in names:
        late = tally.whole(name)
        if count := len(late):
            what = f"{count} time{'s' if count > 1 else ''}"
            sentence = f"column {name!r} has {what} after this run: say future if that is right"
            action = facts.training.spec.checks.actions.future
            violations.append(Violation(sentence, action, late, f"{name}: after the run"))
    yield Check("Are all times before this run?", f"those of {len(violations)} columns are not", tuple(violations))


def _past_columns(facts: TableFacts) -> list[str]:
    return [name for name, column in facts.training.columns.items() if column.type == "Time" and not column.future]


def _known_times(rows: CheckedRows) -> SeenSoFar:
    names = dict.fromkeys(said.column for said in rows.training.spec.checks.timeliness)
    known = {name: rows.table.column(name).drop_null().cast(pa.int64()).to_numpy() for name in names}
    return SeenSoFar(rows.table.num_rows, pieces={name: (times,) for name, times in known.items()})


def _rows_are_recent(tally: SeenSoFar, facts: TableFacts) -> Iterator[Check]:
    """One check for each entry of `spec.checks.timeliness`."""
    for said in facts.training.spec.checks.timeliness:
        times = pd.Series(pd.to_datetime(np.sort(tally.whole(said.column)), unit="us", utc=True))
        question = f"Are the rows recent and without gaps, by {said.column!r}?"
        if times.empty:
            yield Check(question, "there is no time", (Violation(f"column {said.column!r} has no time", said.action),))
            continue
        age = pd.Timestamp(facts.now) - times.iloc[-1]
        sentences = [sentence for sentence in (_too_old(said, age), _too_far(said, times)) if sentence]
        yield Check(
            question, f"the latest is {_told(age)} old", tuple(Violation(text, said.action) for text in sentences)
        )


def _too_old(said: Timeliness, age: pd.Timedelta) -> str:
    if said.max_age is None or age <= pd.Timedelta(said.max_age):
        return ""
    return f"the latest row by {said.column!r} is {_told(age)} old, and at most {said.max_age} are accepted"


def _too_far(said: Timeliness, times: pd.Series) -> str:
    gaps = times.diff().dropna()
    long = 0 if said.max_gap is None else int((gaps > pd.Timedelta(said.max_gap)).sum())
    if not long:
        return ""
    number = "1 gap is" if long == 1 else f"{long} gaps are"
    return f"by {said.column!r} {number} longer than {said.max_gap}, the longest {_told(gaps.max())}"


def _told(length: pd.Timedelta) -> str:
    """In the largest two units."""
    seconds = int(abs(length.total_seconds()))
    parts = [seconds // 86_400, seconds // 3_600 % 24, seconds // 60 % 60, seconds % 60]
    said = [f"{number}{unit}" for number, unit in zip(parts, "dhms", strict=True)]
    first = next((place for place, number in enumerate(parts) if number), 3)
    return ("-" if length.total_seconds() < 0 else "") + " ".join(said[first : first + 2])


TIMES_HAVE_BEEN = CheckKind(_after_now, _times_have_been)
ROWS_ARE_RECENT = CheckKind(_known_times, _rows_are_recent)
