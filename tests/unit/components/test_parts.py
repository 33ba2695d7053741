"""A table that is looked at part by part says what it says as a whole, and is written as it would be written whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timoneiro_components.definition.reading import parse_training
from timoneiro_components.errors import StepError
from timoneiro_components.privacy.record import PrivacyRecord
from timoneiro_components.quality.assessment import Assessment, assess, checked_parts, facts_of
from timoneiro_components.quality.drift import drift_reference
from timoneiro_components.quality.quarantine import quarantined
from timoneiro_components.quality.report import report
from timoneiro_components.sources.columns import schema_of
from timoneiro_components.tables import frame_of, parts_of, read_table, rows_in, table_writer, write_table

# Each example checks a whole table, or writes two files.
FEW = settings(max_examples=20, deadline=None)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TRAINING = parse_training(
    """\
apiVersion: timoneiro.dev/v1alpha1
kind: Training
metadata: {name: loans}
spec:
  source: {csv: {path: loans.csv}}
  columns:
    id: {type: Key}
    x: {type: Number, minimum: 0, maximum: 9, nullable: true}
    n: {type: Integer}
    at: {type: Time, nullable: true}
    job: {type: Category, values: [a, b]}
    constant: {type: Boolean}
    y: {type: Boolean}
  target: {column: y, positive: "true"}
  checks:
    maxMissing: 0.1
    actions: {limits: Quarantine, categories: Warn, duplicateKeys: Quarantine, testDuplicates: Quarantine}
    timeliness: [{column: at, maxAge: 7d, maxGap: 1h}]
    rules: [{name: small, expression: n < 90, action: Quarantine}]
"""
)
NOTHING = PrivacyRecord((), {}, rows=0, rows_scanned=0, rows_erased=0, retention=None, withheld=False)


def rows() -> pa.Table:
    """200 rows in which every check finds something."""
    random, count = np.random.default_rng(5), 200
    frame = pd.DataFrame(
        {
            "id": [f"k{number % 190}" for number in range(count)],
            "x": random.normal(4, 3, count).round(0),
            "n": random.integers(0, 100, count) % 97,
            "at": [NOW + timedelta(hours=int(hour)) for hour in random.integers(-900, 5, count)],
            "job": random.choice(["a", "b", "c"], count),
            "constant": True,
            "y": random.random(count) < 0.1,
        }
    ).assign(x=lambda f: f["x"].mask(f.index % 6 == 0))
    table = pa.Table.from_pandas(frame, schema_of(TRAINING.columns), preserve_index=False)
    return pa.concat_tables([table, table.slice(3, 5)])


def cut(table: pa.Table, bounds: Sequence[int]) -> list[pa.Table]:
    ends = [0, *sorted(bound % (table.num_rows + 1) for bound in bounds), table.num_rows]
    return [table.slice(begin, end - begin) for begin, end in pairwise(ends)]


def assessed(parts: list[pa.Table], reference: Any = None) -> Assessment:
    count = sum(part.num_rows for part in parts)
    return assess(lambda: parts, count, facts_of(TRAINING, NOW, count), NOTHING, reference)


def all_of(found: Assessment) -> Any:
    checks = [replace(check, violations=()) for check in found.checks]
    violations = [
        (text.sentence, text.action, None if text.rows is None else text.rows.tolist(), text.label)
        for check in found.checks
        for text in check.violations
    ]
    return checks, violations, found.copies, dict(found.missing), report(found)


WHOLE = rows()
REFERENCE = drift_reference(frame_of(WHOLE), TRAINING)


def test_every_check_finds_something_in_these_rows() -> None:
    found = assessed([WHOLE])
    assert len([check for check in found.checks if check.violations]) >= 8 and len(found.taken_rows) > 20


@FEW
@given(st.lists(st.integers(0, 300), max_size=5))
def test_parts_of_any_size_say_what_the_whole_says(bounds: list[int]) -> None:
    assert all_of(assessed(cut(WHOLE, bounds), REFERENCE)) == all_of(assessed([WHOLE], REFERENCE))


@FEW
@given(st.lists(st.integers(0, 300), max_size=5))
def test_rows_are_quarantined_with_the_same_reasons(bounds: list[int]) -> None:
    found = assessed([WHOLE])

    def taken(parts: list[pa.Table]) -> list[Any]:
        checked = checked_parts(lambda: parts, facts_of(TRAINING, NOW, 205), np.zeros(0, dtype=np.int64))
        return [row for part in checked for row in quarantined(part.table, part.positions, found).to_pylist()]

    assert taken(cut(WHOLE, bounds)) == taken([WHOLE])


@FEW
@given(st.lists(st.integers(0, 300_000), max_size=4))
def test_a_file_has_the_same_bytes_whatever_parts_it_was_written_in(
    tmp_path_factory: pytest.TempPathFactory, bounds: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    table = pa.table({"x": np.arange(300_000) % 7, "t": pa.array(["a", None, "b"] * 100_000)})
    with table_writer(folder / "parts", table.schema) as write:
        for part in cut(table, bounds):
            write(part)
    assert write_table(table, folder / "whole") and (folder / "parts").read_bytes() == (folder / "whole").read_bytes()
    assert read_table(folder / "parts").equals(table) and rows_in(folder / "parts") == 300_000
    assert sum(part.num_rows for part in parts_of(folder / "parts", folder / "whole")) == 600_000


def test_a_file_of_no_rows_has_its_columns(tmp_path: Path) -> None:
    with table_writer(tmp_path / "none", WHOLE.schema):
        pass
    assert read_table(tmp_path / "none").schema == WHOLE.schema and rows_in(tmp_path / "none") == 0


@pytest.mark.parametrize("read", [lambda path: list(parts_of(path)), rows_in, read_table])
def test_what_is_no_table_is_told(tmp_path: Path, read: Any) -> None:
    (tmp_path / "t").write_bytes(b"PAR1 and no more")
    with pytest.raises(StepError, match="cannot be read as a Parquet table"):
        read(tmp_path / "t")
