"""Columns of other tables: the row that fits, never one that was not known yet, and every row of the main one once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from timoneiro_components.definition.joins import AsOf, Join
from timoneiro_components.definition.problems import DefinitionError
from timoneiro_components.definition.reading import encoded, parse_training, read_training
from timoneiro_components.definition.source import Csv, TableSource
from timoneiro_components.errors import StepError
from timoneiro_components.ingest import ingest
from timoneiro_components.sources.joining import Joiner
from timoneiro_components.sources.table import check_source, read_source

DEFINITION = """\
apiVersion: timoneiro.dev/v1alpha1
kind: Training
metadata: {name: loans}
spec:
  source:
    csv: {path: loans.csv}
  joins:
    - source: {csv: {path: customers.csv}}
      on: [customer]
      columns: [region]
      ignore: [note]
    - source: {csv: {path: scores.csv}}
      on: [customer]
      columns: [score]
      asOf: {left: applied, right: scored}
  columns:
    loan: {type: Key}
    score: {type: Integer, nullable: true}
    region: {type: Category, values: [north, south], nullable: true}
    status: {type: Category, values: [good, bad]}
  target: {column: status, positive: bad}
"""
LOANS = """\
loan,customer,applied,status
3,b,2025-03-01,good
1,a,2025-01-31T10:00:00,bad
2,a,2025-01-31T09:59:59,good
4,,2025-03-01,good
5,a,,bad
6,z,2025-03-01,bad
"""
CUSTOMERS = "customer,region,note\na,north,x\nb,south,y\n,south,z\n"
SCORES = """\
customer,scored,score
a,2025-02-01,9
a,2025-01-31T10:00:00,2
a,2025-01-01,1
b,2025-12-31,9
b,2024-12-31,3
"""
FILES = {"loans.csv": LOANS, "customers.csv": CUSTOMERS, "scores.csv": SCORES}


def written(folder: Path, definition: str = DEFINITION, **others: str) -> Any:
    """The definition, beside its tables; `others` by the name of the table."""
    for name, content in {**FILES, **{f"{name}.csv": content for name, content in others.items()}}.items():
        (folder / name).write_text(content)
    (folder / "training.yaml").write_text(definition)
    return read_training(folder / "training.yaml")


def refused(folder: Path, definition: str = DEFINITION, call: Any = read_source, **others: str) -> str:
    with pytest.raises(StepError) as raised:
        call(written(folder, definition, **others))
    return str(raised.value)


def test_every_row_of_the_main_table_is_there_once_with_what_was_known_at_its_time(tmp_path: Path) -> None:
    training = written(tmp_path)
    check_source(training)
    assert read_source(training).table.to_pylist() == [
        {"loan": "3", "score": 3, "region": "south", "status": "good"},
        {"loan": "1", "score": 2, "region": "north", "status": "bad"},
        {"loan": "2", "score": 1, "region": "north", "status": "good"},
        {"loan": "4", "score": None, "region": None, "status": "good"},
        {"loan": "5", "score": None, "region": "north", "status": "bad"},
        {"loan": "6", "score": None, "region": None, "status": "bad"},
    ]


def test_what_is_too_old_is_not_taken(tmp_path: Path) -> None:
    training = written(tmp_path, DEFINITION.replace("right: scored}", "right: scored, tolerance: 30d}"))
    assert read_source(training).table["score"].to_pylist() == [None, 2, None, None, None, None]


def test_the_resolved_definition_says_the_same(tmp_path: Path) -> None:
    training = written(tmp_path)
    assert parse_training(encoded(training)) == training
    assert training.spec.joins[0].source.csv.path == str(tmp_path / "customers.csv")


def test_the_manifest_of_the_data_names_all_tables(tmp_path: Path) -> None:
    places = {name: tmp_path / name for name in ("data", "holdout", "privacy")}
    ingest(written(tmp_path), **places, dataset=tmp_path / "dataset.json")
    document = json.loads((tmp_path / "dataset.json").read_text())
    assert [document["source"]["address"], *(source["address"] for source in document["joins"])] == list(FILES)


def test_times_with_zones_are_compared_as_instants(tmp_path: Path) -> None:
    loans = "loan,customer,applied,status\n1,a,2025-01-31T10:00:00-03:00,bad\n2,a,2025-01-31T10:00:00+01:00,good\n"
    scores = "customer,scored,score\na,2025-01-31 12:59:59Z,1\na,2025-01-31T13:00:01Z,2\n"
    found = read_source(written(tmp_path, loans=loans, scores=scores)).table
    assert found["score"].to_pylist() == [1, None]


def test_timestamps_of_parquet_are_times(tmp_path: Path) -> None:
    training = written(tmp_path, DEFINITION.replace("csv: {path: scores.csv}", "parquet: {path: scores.parquet}"))
    scores = {"customer": ["a", "b"], "scored": [datetime(2025, 1, 1), datetime(2025, 3, 1)], "score": [1, 2]}
    parquet.write_table(pa.table(scores), tmp_path / "scores.parquet")
    assert read_source(training).table["score"].to_pylist() == [2, 1, 1, None, None, None]


@pytest.mark.parametrize(
    ("others", "sentence"),
    [
        (
            {"customers": CUSTOMERS + "a,south,x\na,south,x\nb,south,x\n"},
            "customers.csv: each customer may be there once, and 2 of them come more than once",
        ),
        (
            {"scores": SCORES + "a,2025-01-01T00:00,5\n"},
            "scores.csv: each customer and scored may be there once, and 1 of them comes more than once",
        ),
        ({"customers": "customer,region\n"}, "customers.csv"),
        (
            {"customers": "customer,region,note,more\na,north,x,y\n"},
            "column 'more' is not described: add it to spec.joins[0].columns, or to spec.joins[0].ignore",
        ),
        ({"customers": "id,region,note\na,north,x\n"}, "there is no column 'customer'"),
        ({"loans": LOANS.replace("customer", "client")}, "loans.csv: there is no column 'customer'"),
        ({"scores": SCORES.replace(",9", ",Jane")}, "go into spec.joins[1].source.csv.missing"),
        (
            {"scores": SCORES.replace("2025-12-31", "")},
            "scores.csv: column 'scored' is missing in 1 rows, so that nobody knows from when on they hold",
        ),
        (
            {"scores": SCORES.replace("2025-12-31", "now")},
            "scores.csv: column 'scored' has 1 value that is no time: write 2025-01-31T12:00:00",
        ),
        (
            {"scores": SCORES.replace("2025-12-31", "9999-12-31").replace("2024-12-31", "31.12.2024")},
            "scores.csv: column 'scored' has 2 values that are no time",
        ),
        (
            {"scores": SCORES.replace("10:00:00", "10:00:00Z")},
            "scores.csv: column 'scored' has a time zone in 1 of 5 rows: write all with one, or all without",
        ),
        (
            {"loans": LOANS.replace("10:00:00", "10:00:00-03:00")},
            "column 'applied' of the main table has a time zone in 1 of 5 rows",
        ),
        (
            {"scores": "customer,scored,score\na,2025-01-01T00:00Z,1\n"},
            "'applied' and 'scored' cannot be compared, as only",
        ),
    ],
)
def test_tables_that_cannot_be_joined_are_told(tmp_path: Path, others: dict[str, str], sentence: str) -> None:
    told = refused(tmp_path, **others)
    assert sentence in told and "Jane" not in told


def test_a_check_finds_the_columns_of_a_joined_table(tmp_path: Path) -> None:
    assert "customers.csv: there is no column 'region'" in refused(
        tmp_path, call=check_source, customers="customer,note\n"
    )


def test_a_check_finds_a_joined_table_that_is_not_there(tmp_path: Path) -> None:
    definition = DEFINITION.replace("path: customers.csv", "path: none.csv")
    assert "none.csv is not there" in refused(tmp_path, definition, check_source)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "columns: [region]",
            "columns: [region, area]",
            "spec.joins[0].columns[1]: spec.columns has no 'area': describe",
        ),
        (
            "columns: [region]",
            "columns: [customer]",
            "spec.joins[0].columns[0]: 'customer' is in `on` too, and comes from",
        ),
        ("columns: [region]", "columns: [score]", "spec.joins[1].columns[0]: 'score' comes from spec.joins[0] already"),
        ("columns: [region]", "columns: [region, region]", "spec.joins[0].columns[1]: 'region' is there twice"),
        (
            "columns: [score]",
            "columns: [score]\n      ignore: [scored]",
            "spec.joins[1].ignore[0]: 'scored' is joined: leave it out there or here",
        ),
        ("columns: [region]", "columns: []", "spec.joins[0].columns: at least 1 are wanted"),
        (
            "on: [customer]\n      columns: [region]",
            "on: []\n      columns: [region]",
            "spec.joins[0].on: at least 1 are wanted",
        ),
        (
            "on: [customer]\n      columns: [region]",
            "on: [score]\n      columns: [region]",
            "spec.joins[0].on[0]: 'score' comes from spec.joins[1], and has to be one of the main table",
        ),
        (
            "on: [customer]\n      columns: [region]",
            "on: [customer, customer]\n      columns: [region]",
            "spec.joins[0].on[1]: 'customer' is there twice",
        ),
        (
            "ignore: [note]",
            "ignore: [region]",
            "spec.joins[0].ignore[0]: 'region' is joined: leave it out there or here",
        ),
        ("left: applied", "left: status", "spec.joins[1].asOf.left: 'status' is a time: describe it as one"),
        (
            "right: scored",
            "right: scored, tolerance: 1 day",
            "spec.joins[1].asOf.tolerance: it must be a whole number of",
        ),
        ("{path: customers.csv}", "{path: 'http://a/b'}", "spec.joins[0].source.csv.path: a file is on this machine"),
        ("source: {csv: {path: customers.csv}}", "source: {title: a}", "spec.joins[0].source: exactly one of csv"),
        (
            "loan: {type: Key}",
            "loan: {type: Key}\n    customer: {type: Number}",
            "'customer' is a Number, and fractions are",
        ),
    ],
)
def test_a_join_that_contradicts_itself_is_told(old: str, new: str, sentence: str) -> None:
    assert old in DEFINITION
    with pytest.raises(DefinitionError) as raised:
        parse_training(DEFINITION.replace(old, new))
    assert sentence in str(raised.value)


@pytest.mark.parametrize("as_of", [None, AsOf(left="at", right="at")])
@pytest.mark.parametrize("values", [[2**60 + 1, 2**60, None], [True, False, None], ["1", "01", None]])
def test_keys_of_every_type_fit(values: list[Any], as_of: AsOf | None) -> None:
    table = pa.table({"key": values, "other": values, "at": ["2025-01-01"] * 3})
    right = table.slice(0, 2).append_column("value", pa.array(["x", "y"]))
    join = Join(source=TableSource(csv=Csv(path="a")), on=("key", "other"), columns=("value",), as_of=as_of)
    assert Joiner(right, join, "a").joined(table)["value"].to_pylist() == ["x", "y", None]


DAY = datetime(2025, 1, 1)
moments = st.integers(0, 20)
keys = st.sampled_from(["a", "b", None])
Moment = tuple[Any, Any]


def at(moment: int | None) -> str | None:
    return None if moment is None else (DAY + timedelta(hours=moment)).isoformat()


@given(
    asking=st.lists(st.tuples(keys, st.none() | moments), max_size=12),
    known=st.lists(st.tuples(keys, moments), max_size=12, unique=True),
    tolerance=st.none() | st.integers(1, 20),
)
@pytest.mark.parametrize("kind", ["text", "number"])
def test_no_row_sees_what_was_not_known_yet(
    kind: str, asking: Sequence[Moment], known: Sequence[Moment], tolerance: int | None
) -> None:
    type_, of_key = (pa.string(), {"a": "a", "b": "b"}) if kind == "text" else (pa.int64(), {"a": 1, "b": 2})

    def table(rows: Sequence[Moment]) -> pa.Table:
        found = [of_key.get(key) for key, _ in rows]
        return pa.table(
            {"key": pa.array(found, type_), "at": pa.array([at(moment) for _, moment in rows], pa.string())}
        )

    # What it says is when it was known.
    right = table(known).append_column("value", pa.array([moment for _, moment in known], pa.int64()))
    as_of = AsOf(left="at", right="at", tolerance=tolerance and f"{tolerance}h")
    join = Join(source=TableSource(csv=Csv(path="a")), on=("key",), columns=("value",), as_of=as_of)
    expected = []
    for key, moment in asking:
        fits = [
            other
            for same, other in known
            if key is not None and same == key and moment is not None and other <= moment
            if tolerance is None or moment - other <= tolerance
        ]
        expected.append(max(fits, default=None))
    assert Joiner(right, join, "a").joined(table(asking))["value"].to_pylist() == expected
