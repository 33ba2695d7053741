"""Columns that say too much or nothing: told where it is so, and not where a table only has few rows."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from timoneiro_components.definition.reading import parse_training
from timoneiro_components.privacy.record import PrivacyRecord
from timoneiro_components.quality.assessment import assess, facts_of
from timoneiro_components.quality.report import report
from timoneiro_components.sources.columns import schema_of

CLASSES = """\
apiVersion: timoneiro.dev/v1alpha1
kind: Training
metadata: {name: loans}
spec:
  source: {csv: {path: loans.csv}}
  columns:
    x: {type: Number}
    job: {type: Category, values: [a, b, c, d]}
    y: {type: Boolean}
  target: {column: y, positive: "true"}
  checks: {minRowsPerClass: 2, maxDuplicates: 1}
"""
NUMBERS = (
    CLASSES.replace("y: {type: Boolean}", "y: {type: Number}")
    .replace(', positive: "true"', "")
    .replace("spec:", "spec:\n  task: Regression\n  model: {algorithm: Ridge}")
)


def reasons(definition: str, **columns: object) -> tuple[str, ...]:
    training = parse_training(definition)
    table = pa.Table.from_pandas(pd.DataFrame(columns), schema_of(training.columns), preserve_index=False)
    nothing = PrivacyRecord((), {}, rows=0, rows_scanned=0, rows_erased=0, retention=None, withheld=False)
    facts = facts_of(training, datetime(2026, 1, 1, tzinfo=UTC), table.num_rows)
    return assess(lambda: [table], table.num_rows, facts, nothing).reasons


@pytest.mark.parametrize("count", [4, 10, 30, 50, 200])
def test_rows_that_all_differ_tell_nothing_of_their_class(count: int) -> None:
    random = np.random.default_rng(3)
    truth = np.arange(count) % 2 == 0
    found = reasons(CLASSES, x=random.normal(size=count) + truth, job=random.choice(list("abcd"), count), y=truth)
    assert found == ()


def test_a_category_that_is_the_class_is_told() -> None:
    truth = np.arange(40) % 2 == 0
    (reason,) = reasons(CLASSES, x=np.random.default_rng(3).normal(size=40), job=np.where(truth, "a", "b"), y=truth)
    assert reason.startswith("column 'job' alone predicts the target with a ROC AUC of 1.0000")


def test_a_number_whose_values_are_classes_is_told_though_their_order_is_not() -> None:
    x = np.arange(60) % 3.0
    (reason,) = reasons(CLASSES, x=x, job=np.random.default_rng(3).choice(list("abcd"), 60), y=x == 1)
    assert reason.startswith("column 'x' alone predicts the target")


def test_a_column_whose_name_is_a_tag_is_text_in_the_report() -> None:
    training = parse_training(CLASSES.replace("x: {type", '"<b>": {type').replace("loans}", "loans, title: <i>}"))
    rows = {"<b>": np.zeros(40), "job": np.array(list("abcd") * 10), "y": np.arange(40) % 3 == 0}
    table = pa.Table.from_pandas(pd.DataFrame(rows), schema_of(training.columns), preserve_index=False)
    nothing = PrivacyRecord((), {}, rows=0, rows_scanned=0, rows_erased=0, retention=None, withheld=False)
    facts = facts_of(training, datetime(2026, 1, 1, tzinfo=UTC), table.num_rows)
    page = report(assess(lambda: [table], table.num_rows, facts, nothing))
    assert "'&lt;b>' has no value" in page and "<b>" not in page and "<i>" not in page


def test_a_target_that_is_the_same_in_all_rows_is_told() -> None:
    random = np.random.default_rng(3)
    found = reasons(NUMBERS, x=random.normal(size=40), job=random.choice(list("abcd"), 40), y=np.full(40, 5.0))
    assert found == ("the target 'y' is the same in all rows: there is nothing to learn",)
