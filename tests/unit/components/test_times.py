"""Columns of times: the same instants from every source, checked, described, and asked for as they were trained on."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from timoneiro_components.definition.reading import parse_training, read_training
from timoneiro_components.definition.training import Training
from timoneiro_components.errors import StepError
from timoneiro_components.features.rows import features_of
from timoneiro_components.ingest import ingest
from timoneiro_components.packaging.reference import reference
from timoneiro_components.privacy.record import PrivacyRecord
from timoneiro_components.quality.assessment import Assessment, assess, facts_of
from timoneiro_components.quality.drift import drift_reference
from timoneiro_components.quality.report import report
from timoneiro_components.rehearsal.questions import rows_of
from timoneiro_components.sources.columns import schema_of
from timoneiro_components.sources.table import read_source
from timoneiro_components.tables import frame_of, groups_of, order_of, take_test
from timoneiro_serving.inputs import rows_of_instances
from timoneiro_serving.manifest import Feature
from timoneiro_serving.times import zone_of

DEFINITION = """\
apiVersion: timoneiro.dev/v1alpha1
kind: Training
metadata: {name: payments}
spec:
  source: {csv: {path: payments.csv}}
  columns:
    at: {type: Time, nullable: true, timeZone: America/Sao_Paulo, parts: [TimeOfDay]}
    amount: {type: Number}
    status: {type: Category, values: [good, bad]}
  target: {column: status, positive: bad}
  checks: {minRowsPerClass: 2, maxMissing: 1}
"""
NOON = datetime(2025, 1, 31, 12, tzinfo=UTC)
NOW = datetime(2025, 3, 1, tzinfo=UTC)


def read(folder: Path, kind: str, file: str, definition: str = DEFINITION, *settings: str) -> list[datetime | None]:
    (folder / "training.yaml").write_text(definition.replace("csv: {path: payments.csv}", f"{kind}: {{path: {file}}}"))
    return read_source(read_training(folder / "training.yaml", settings)).table["at"].to_pylist()


def csv(folder: Path, *times: str) -> None:
    rows = [f"{text},{place},{'good' if place % 2 else 'bad'}" for place, text in enumerate(times)]
    (folder / "payments.csv").write_text("\n".join(["at,amount,status", *rows, ""]))


UNZONED = DEFINITION.replace(", timeZone: America/Sao_Paulo", "")


def test_texts_mean_what_their_offset_or_the_zone_of_the_column_says(tmp_path: Path) -> None:
    csv(tmp_path, "2025-01-31T12:00:00Z", "2025-01-31 09:00:00", "2025-01-31T13:00:00+01:00", "", " 2025-01-31 ")
    found = read(tmp_path, "csv", "payments.csv")
    assert found == [NOON, NOON, NOON, None, NOON - timedelta(hours=9)]


@pytest.mark.parametrize("times", [("2025-01-31T12:00:00",), ("2025-01-31T12:00:00Z", "2025-01-31T12:00:00")])
def test_a_time_that_says_no_offset_where_no_zone_is_meant_is_told(tmp_path: Path, times: Sequence[str]) -> None:
    csv(tmp_path, *times)
    with pytest.raises(StepError) as raised:
        read(tmp_path, "csv", "payments.csv", UNZONED)
    assert (
        f"column 'at': 1 value is no time, in row {len(times)}" in str(raised.value)
        and "write 2025-01-31T12:00:00Z" in str(raised.value)
        and "times without an offset need spec.columns.at.timeZone" in str(raised.value)
    )


TYPED: dict[str, Any] = {
    "with a zone": pa.array([NOON], pa.timestamp("ns", tz="Europe/Berlin")),
    "without a zone": pa.array([datetime(2025, 1, 31, 9)], pa.timestamp("ms")),
    "texts": pa.array(["2025-01-31T09:00:00"]),
}


@pytest.mark.parametrize("what", TYPED)
def test_times_of_parquet_are_instants(tmp_path: Path, what: str) -> None:
    parquet.write_table(pa.table({"at": TYPED[what], "amount": [1.0], "status": ["good"]}), tmp_path / "p.parquet")
    assert read(tmp_path, "parquet", "p.parquet") == [NOON]


def test_a_date_is_its_first_moment_in_the_zone_of_the_column(tmp_path: Path) -> None:
    table = pa.table({"at": [date(2025, 1, 31), None], "amount": [1.0, 2.0], "status": ["good", "bad"]})
    parquet.write_table(table, tmp_path / "p.parquet")
    assert read(tmp_path, "parquet", "p.parquet") == [datetime(2025, 1, 31, 3, tzinfo=UTC), None]
    assert read(tmp_path, "parquet", "p.parquet", UNZONED) == [datetime(2025, 1, 31, tzinfo=UTC), None]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (pa.array([datetime(2025, 1, 31)]), "column 'at' has times without a zone: say spec.columns.at.timeZone"),
        (pa.array([datetime(9999, 12, 31, tzinfo=UTC)]), "column 'at' has times outside of the years 1678 to 2261"),
        (pa.array([10**15], pa.timestamp("s", tz="UTC")), "column 'at' has times outside of the years 1678 to 2261"),
        (pa.array([date(1, 1, 1)]), "column 'at' has times outside of the years 1678 to 2261"),
        (pa.array([5]), "column 'at' is int64, and its type in the definition is Time"),
        (pa.array(["Friday"]), "column 'at': 1 value is no time: write 2025-01-31T12:00:00Z"),
    ],
)
def test_what_is_no_time_in_parquet_is_told(tmp_path: Path, values: Any, sentence: str) -> None:
    parquet.write_table(pa.table({"at": values, "amount": [1.0], "status": ["good"]}), tmp_path / "p.parquet")
    with pytest.raises(StepError) as raised:
        read(tmp_path, "parquet", "p.parquet", UNZONED)
    assert sentence in str(raised.value) and "Friday" not in str(raised.value)


def test_times_of_json_and_of_sqlite_are_instants(tmp_path: Path) -> None:
    row = {"at": "2025-01-31T09:00:00", "amount": 1.0, "status": "good"}
    (tmp_path / "p.jsonl").write_text(json.dumps(row) + "\n")
    assert read(tmp_path, "jsonLines", "p.jsonl") == [NOON]
    with sqlite3.connect(tmp_path / "p.db") as connection:
        connection.execute("CREATE TABLE p (at TEXT, amount REAL, status TEXT)")
        connection.execute("INSERT INTO p VALUES (?, ?, ?)", tuple(row.values()))
    connection.close()
    source = f"sql: {{url: 'sqlite:///{tmp_path}/p.db', table: p}}"
    training = parse_training(DEFINITION.replace("csv: {path: payments.csv}", source))
    assert read_source(training).table["at"].to_pylist() == [NOON]


def table_of(times: Sequence[datetime | None], training: Training) -> pa.Table:
    rows = [{"at": at, "amount": float(place), "status": "gb"[place % 2]} for place, at in enumerate(times)]
    named = {"g": "good", "b": "bad"}
    return pa.Table.from_pylist([{**row, "status": named[row["status"]]} for row in rows], schema_of(training.columns))


@given(
    st.lists(
        st.one_of(
            st.none(),
            st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(timezone(timedelta(hours=-3)))),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_a_request_makes_the_rows_that_the_model_was_trained_on(times: list[datetime | None]) -> None:
    training = parse_training(DEFINITION)
    trained_on = features_of(frame_of(table_of(times, training)), training)
    features = (Feature("at", "timestamp", zone=zone_of("America/Sao_Paulo")), Feature("amount"))
    asked = rows_of_instances({"instances": rows_of(trained_on, training)}, features).frame
    pd.testing.assert_frame_equal(asked, trained_on, check_exact=True)


def test_a_time_without_parts_and_formulas_is_nothing_that_callers_send() -> None:
    training = parse_training(DEFINITION.replace(", parts: [TimeOfDay]", ""))
    assert list(training.features) == ["amount"]


def test_a_time_that_a_feature_is_computed_of_is_sent_by_callers() -> None:
    text = DEFINITION.replace(", parts: [TimeOfDay]", "").replace("amount: {type: Number}", "due: {type: Time}")
    training = parse_training(text.replace("  target:", "  features: {days: due - at}\n  target:"))
    assert list(training.features) == ["at", "due"]


ORDERED = DEFINITION.replace("nullable: true, ", "").replace("  checks:", "  split: {orderBy: at}\n  checks:")


def test_the_latest_times_are_the_test_rows() -> None:
    training = parse_training(ORDERED)
    times = [NOON + timedelta(days=day) for day in (3, 1, 0, 2, 7, 5, 4, 6)]
    test, _ = take_test(table_of(times, training), training)
    assert sorted(test["at"].to_pylist()) == [NOON + timedelta(days=6), NOON + timedelta(days=7)]


def test_times_without_order_and_keys_decide_where_a_row_belongs() -> None:
    training = parse_training(DEFINITION)
    table = table_of([NOON, NOON, None, NOON + timedelta(microseconds=1)], training)
    assert len(set(groups_of(table, training).tolist())) == 4
    assert order_of(table.slice(0, 1), "at").dtype == np.int64


def assessed(times: Sequence[datetime | None], *settings: str) -> Assessment:
    training = parse_training(DEFINITION, settings=settings)
    nothing = PrivacyRecord((), {}, rows=0, rows_scanned=0, rows_erased=0, retention=None, withheld=False)
    table = table_of(times, training)
    return assess(lambda: [table], len(times), facts_of(training, NOW, len(times)), nothing)


PAST = [NOON + timedelta(hours=hour) for hour in range(20)]
FUTURE = "column 'at' has 1 time after this run: say future if that is right"


def test_a_time_after_the_run_stops_it() -> None:
    assert FUTURE in assessed([*PAST, NOW + timedelta(seconds=1)]).reasons
    assert not any("after this run" in reason for reason in assessed([*PAST, NOW, None]).reasons)


def test_a_time_after_the_run_is_fine_where_the_column_says_so() -> None:
    found = assessed([datetime(2099, 1, 1, tzinfo=UTC), *PAST], "spec.columns.at.future=true")
    assert not any("after this run" in reason for reason in found.reasons)


def test_rows_with_a_time_after_the_run_are_quarantined_where_that_is_said() -> None:
    found = assessed([*PAST, datetime(2099, 12, 31, tzinfo=UTC)], "spec.checks.actions.future=Quarantine")
    assert [(label, rows.tolist()) for label, rows in found.taken] == [
        ("at: after the run", [20])
    ] and FUTURE not in found.reasons


TIMELINESS = "spec.checks.timeliness=[{{column: at, {0}, action: {1}}}]"


@pytest.mark.parametrize(
    ("limits", "sentences"),
    [
        ("maxAge: 28d", ()),
        ("maxAge: 27d", ("the latest row by 'at' is 27d 17h old, and at most 27d are accepted",)),
        ("maxGap: 1h", ()),
        ("maxGap: 59m", ("by 'at' 19 gaps are longer than 59m, the longest 1h 0m",)),
        (
            "maxAge: 1d, maxGap: 45s",
            (
                "the latest row by 'at' is 27d 17h old, and at most 1d are accepted",
                "by 'at' 19 gaps are longer than 45s, the longest 1h 0m",
            ),
        ),
    ],
)
def test_rows_that_are_old_or_far_from_each_other_are_told(limits: str, sentences: tuple[str, ...]) -> None:
    found = assessed([*PAST[::-1], None], TIMELINESS.format(limits, "Warn"))
    assert found.sentences("Warn") == sentences


def test_timeliness_that_stops_is_a_reason() -> None:
    (reason,) = (text for text in assessed(PAST, TIMELINESS.format("maxAge: 1d", "Stop")).reasons if "latest" in text)
    assert reason.startswith("the latest row by 'at' is 27d 17h old")


def test_no_time_at_all_is_not_timely() -> None:
    assert "column 'at' has no time" in assessed([None, None], TIMELINESS.format("maxAge: 1d", "Stop")).reasons


def test_the_data_report_says_from_when_to_when() -> None:
    assert "| at | Time | 2025-01-31T12:00:00Z |  | 2025-02-01T07:00:00Z | 0.0% |" in report(assessed(PAST))


def test_times_are_described_and_never_said_to_drift() -> None:
    training = parse_training(DEFINITION)
    frame = frame_of(table_of([*PAST, None], training))
    assert reference(frame, training)["features"]["at"] == {
        "missing": pytest.approx(1 / 21, abs=1e-6),
        "first": "2025-01-31T12:00:00Z",
        "last": "2025-02-01T07:00:00Z",
    }
    assert "at" not in drift_reference(frame, training)


@pytest.mark.parametrize("held_out", range(0, 11, 5))
def test_the_manifest_of_the_data_says_from_when_to_when_all_rows_are(tmp_path: Path, held_out: int) -> None:
    csv(tmp_path, *(at.isoformat() for at in PAST))
    (tmp_path / "training.yaml").write_text(DEFINITION)
    places = {name: tmp_path / name for name in ("data", "holdout", "privacy", "dataset")}
    ingest(read_training(tmp_path / "training.yaml", [f"spec.split.holdoutRows={held_out}"]), **places)
    found = json.loads((tmp_path / "dataset").read_text())
    assert found["times"] == {"at": ["2025-01-31T12:00:00Z", "2025-02-01T07:00:00Z"]}
