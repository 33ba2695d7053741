"""Drift against the model that serves now: found where it matters, and not by chance."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from timoneiro_components.definition.reading import parse_training
from timoneiro_components.definition.training import Training
from timoneiro_components.errors import StepError
from timoneiro_components.quality.assessment import facts_of
from timoneiro_components.quality.check import Check, CheckedRows
from timoneiro_components.quality.drift import (
    columns_look_as_before,
    drift_reference,
    read_drift_reference,
    stability_index,
)
from timoneiro_components.sources.columns import schema_of
from timoneiro_components.tables import frame_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TRAINING = parse_training(
    """\
apiVersion: timoneiro.dev/v1alpha1
kind: Training
metadata: {name: loans}
spec:
  source: {csv: {path: loans.csv}}
  columns:
    income: {type: Number, nullable: true}
    visits: {type: Integer}
    owner: {type: Boolean}
    job: {type: Category, values: [clerk, nurse, cook], nullable: true}
    status: {type: Category, values: [good, bad]}
  target: {column: status, positive: bad}
"""
)


def rows(count: int, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "income": random.lognormal(7, 1, count),
            "visits": random.poisson(1.2, count),
            "owner": random.random(count) < 0.4,
            "job": random.choice(["clerk", "nurse", "cook"], count, p=[0.7, 0.25, 0.05]),
            "status": random.choice(["good", "bad"], count, p=[0.8, 0.2]),
        }
    )


def table_of(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, schema=schema_of(TRAINING.spec.columns), preserve_index=False)


def compared(before: pd.DataFrame, now: pd.DataFrame) -> Check:
    reference = json.loads(json.dumps(drift_reference(frame_of(table_of(before)), TRAINING)))
    return checked(table_of(now), reference)


def checked(now: pa.Table, reference: Any, training: Training = TRAINING) -> Check:
    """Of two parts of the rows, of which the second is the smaller one."""
    facts, kind = facts_of(training, NOW, now.num_rows), columns_look_as_before(reference)
    bound = now.num_rows * 2 // 3
    parts = [CheckedRows(facts, part, np.arange(part.num_rows)) for part in (now.slice(0, bound), now.slice(bound))]
    (check,) = kind.finish(kind.partial(parts[0]) + kind.partial(parts[1]), facts)
    return check


def told(check: Check) -> list[str]:
    return [violation.sentence.split("'")[1] for violation in check.violations]


@pytest.mark.parametrize("seed", range(20))
def test_other_rows_of_the_same_kind_have_not_drifted(seed: int) -> None:
    assert told(compared(rows(2000), rows(600, seed + 1))) == []


CHANGES = {
    "income": lambda f: f.assign(income=f["income"] * 2.5),
    "visits": lambda f: f.assign(visits=f["visits"] + 1),
    "owner": lambda f: f.assign(owner=f.index % 10 > 0),
    "job": lambda f: f.assign(job=f["job"].where(f.index % 3 > 0, "cook")),
    "status": lambda f: f.assign(status=f["status"].where(f.index % 2 > 0, "bad")),
}


@pytest.mark.parametrize("column", CHANGES)
def test_a_column_that_has_changed_is_told(column: str) -> None:
    assert told(compared(rows(2000), CHANGES[column](rows(800, 5)))) == [column]


@pytest.mark.parametrize("column", ["income", "job"])
def test_values_that_go_missing_are_drift(column: str) -> None:
    assert told(compared(rows(2000), rows(800, 5).assign(**{column: lambda f: f[column].where(f.index % 3 > 0)}))) == [
        column
    ]


def test_a_small_change_of_many_rows_is_no_drift_that_matters() -> None:
    assert told(compared(rows(50_000), rows(50_000, 3).assign(income=lambda f: f["income"] * 1.1))) == []


def test_what_chance_explains_is_no_drift_however_little_matters() -> None:
    reference = drift_reference(frame_of(table_of(rows(2000))), TRAINING)
    drift = TRAINING.spec.checks.drift.model_copy(update={"least_psi": 1e-9})
    checks = TRAINING.spec.checks.model_copy(update={"drift": drift})
    strict = TRAINING.model_copy(update={"spec": TRAINING.spec.model_copy(update={"checks": checks})})
    assert told(checked(table_of(rows(600, 4)), reference, strict)) == []


def test_a_model_of_few_rows_is_not_said_to_have_been_compared() -> None:
    check = compared(rows(499), rows(800, 5).assign(income=-1.0))
    assert (check.result, check.finding.partition(":")[0]) == ("passed", "nothing could be compared")


def test_few_rows_tell_nothing() -> None:
    assert told(compared(rows(2000), rows(499, 5).assign(income=-1.0))) == []


def test_a_column_that_is_new_or_of_another_kind_is_not_compared() -> None:
    reference = drift_reference(frame_of(table_of(rows(2000))), TRAINING)
    del reference["income"]
    reference["job"] = reference["visits"]
    now = table_of(rows(800, 5).assign(income=-1.0, job="cook"))
    assert told(checked(now, reference)) == []


def test_without_a_model_that_serves_there_is_nothing_to_tell() -> None:
    found = checked(table_of(rows(800)), None)
    assert (found.result, found.finding) == ("passed", "there is none, or it says nothing of it")


def test_the_index_is_that_of_the_formula() -> None:
    index, _ = stability_index({"a": 5000, "b": 5000}, {"a": 2500, "b": 7500})
    assert index == pytest.approx(0.25 * np.log(3), rel=1e-3)


def test_as_much_as_chance_explains_is_exceeded_in_about_one_of_a_hundred_comparisons() -> None:
    random, exceeded = np.random.default_rng(7), 0
    for _ in range(2000):
        before, now = (random.multinomial(count, [0.1] * 10) for count in (3000, 1000))
        index, chance = stability_index(*({str(n): int(c) for n, c in enumerate(counts)} for counts in (before, now)))
        exceeded += index > chance
    assert 8 <= exceeded <= 34


@pytest.mark.parametrize(("document", "found"), [(None, None), ("{}", None), ('{"drift": {}}', {})])
def test_an_older_reference_has_nothing_to_compare_with(tmp_path: Path, document: str | None, found: object) -> None:
    if document is not None:
        (tmp_path / "reference.json").write_text(document)
    assert read_drift_reference(tmp_path) == found


@pytest.mark.parametrize("document", ["", "[]", '{"drift": 3}', '{"drift": {"x": {}}}', '{"drift": {"x": 1}}'])
def test_a_reference_that_cannot_be_read_is_told(tmp_path: Path, document: str) -> None:
    (tmp_path / "reference.json").write_text(document)
    with pytest.raises(StepError, match=r"the champion's reference\.json cannot be read"):
        read_drift_reference(tmp_path)


def test_a_category_that_is_called_missing_is_no_missing_value() -> None:
    training = parse_training(
        """\
apiVersion: timoneiro.dev/v1alpha1
kind: Training
metadata: {name: loans}
spec:
  source: {csv: {path: loans.csv}}
  columns:
    job: {type: Category, values: [missing, a], nullable: true}
    status: {type: Category, values: [good, bad]}
  target: {column: status, positive: bad}
"""
    )
    frame = pd.DataFrame({"job": ["missing"] * 4 + ["a"] * 2 + [None], "status": ["good"] * 7})
    assert drift_reference(frame, training)["job"]["counts"] == {"": 1, "a": 2, "missing": 4}
