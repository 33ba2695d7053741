"""A SQLite file as a source: typed by its values, only read, and every fault in a sentence."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from timoneiro_components.definition.reading import parse_training
from timoneiro_components.definition.training import Training
from timoneiro_components.errors import StepError
from timoneiro_components.sources.databases import reading
from timoneiro_components.sources.table import check_source, read_source

DEFINITION = """\
apiVersion: timoneiro.dev/v1alpha1
kind: Training
metadata: {name: loans}
spec:
  source: {}
  columns:
    id: {type: Key}
    income: {type: Number, nullable: true}
    age: {type: Integer, nullable: true}
    owner: {type: Boolean, nullable: true}
    status: {type: Category, values: [good, bad]}
  target: {column: status, positive: bad}
"""
ROWS = [
    {"id": "1", "income": 1.5, "age": 30, "owner": True, "status": "good"},
    {"id": "2", "income": 2.0, "age": None, "owner": False, "status": "bad"},
    {"id": "3", "income": None, "age": 40, "owner": None, "status": "Zoë"},
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return made(tmp_path / "loans #1?%20.db", [tuple(row.values()) for row in ROWS])


def made(file: Path, rows: list[tuple[Any, ...]]) -> Path:
    connection = sqlite3.connect(file)
    with connection:
        connection.execute("CREATE TABLE loans (id, income, age, owner, status)")
        connection.executemany("INSERT INTO loans VALUES (?, ?, ?, ?, ?)", rows)
    connection.close()
    return file


def asked(file: Path, query: str | None = None) -> Training:
    said = {"table": "loans"} if query is None else {"query": query}
    return parse_training(DEFINITION, settings=[f"spec.source.sql={json.dumps({'url': f'sqlite:///{file}', **said})}"])


def refused(training: Training, call: Any = read_source) -> str:
    with pytest.raises(StepError) as raised:
        call(training)
    assert raised.value.__cause__ is None
    return str(raised.value)


def test_a_table_is_read_in_the_types_of_the_definition(file: Path) -> None:
    check_source(asked(file))
    assert read_source(asked(file)).table.to_pylist() == ROWS


def test_a_query_is_taken_as_it_stands(file: Path) -> None:
    query = "SELECT *, ':a' AS note, 5 % 3 AS rest FROM loans WHERE id > '1' ORDER BY id -- %s :x ?"
    assert "column 'note' is not described" in refused(asked(file, query), check_source)


def test_a_query_may_count_and_recur(file: Path) -> None:
    query = """
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5),
            top AS (SELECT max(age) AS a FROM loans)
        SELECT i AS id, 0.5 * i AS income, a AS age, i > 2 AS owner, upper(coalesce(NULL, 'x')) AS status FROM n, top"""
    assert read_source(asked(file, query)).table["age"].to_pylist() == [40] * 5


def test_rows_come_in_the_order_that_the_query_says(file: Path) -> None:
    found = read_source(asked(file, "SELECT * FROM loans ORDER BY id DESC")).table
    assert found["id"].to_pylist() == ["3", "2", "1"]


def test_what_is_found_in_a_later_portion_is_told_too(tmp_path: Path) -> None:
    rows = [(str(n), 1.0, 1 if n < 15_000 else "Jane", 1, "good") for n in range(15_001)]
    told = refused(asked(made(tmp_path / "a.db", rows)))
    assert told.endswith("column 'age' has values of several types, or of an odd type")


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (("1", "Jane", 1, 1, "good"), "column 'income' is string, and its type in the definition is Number"),
        (("1", 1.0, 1.5, 1, "good"), "column 'age' is double, and its type in the definition is Integer"),
        (("1", 1.0, 1, 2, "good"), "column 'owner' is int64, and its type in the definition is Boolean"),
        (("1", 1.0, 1, 1, b"\xff\xfe"), "column 'status' is binary, and its type in the definition is Category"),
        (("1", float("inf"), 1, 1, "good"), "column 'income' has values that are infinite"),
    ],
)
def test_values_that_do_not_fit_are_told(tmp_path: Path, row: tuple[Any, ...], sentence: str) -> None:
    assert refused(asked(made(tmp_path / "a.db", [row]))) == f"{tmp_path / 'a.db'}: {sentence}"


def test_values_of_several_types_are_told(tmp_path: Path) -> None:
    rows = [("1", 1.0, 1, 1, "good"), ("2", "Jane", 1, 1, "good")]
    told = refused(asked(made(tmp_path / "a.db", rows)))
    assert told.endswith("column 'income' has values of several types, or of an odd type")


def test_a_table_without_rows_is_told(tmp_path: Path) -> None:
    assert refused(asked(made(tmp_path / "a.db", []))) == f"{tmp_path / 'a.db'} has no rows"


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("SELECT * FROM nowhere", "there is no such table or view"),
        ("SELECT absent FROM loans", "the query names a column that is not there"),
        ("SELECT absent(1)", "the query calls a function that is not there"),
        ("SELEC 1", "the query is no SQL that it understands"),
        ("SELECT (1", "the query is no SQL that it understands"),
        ("SELECT 1; SELECT 2", "the query is no SQL that it understands"),
        ("SELECT 1) AS a; DROP TABLE loans; --", "the query is no SQL that it understands: one SELECT is wanted"),
        ("DELETE FROM loans RETURNING *", "the query is no SQL that it understands"),
        ("ATTACH 'new.db' AS new", "the query is no SQL that it understands"),
        ("PRAGMA journal_mode = WAL", "the query is no SQL that it understands"),
        ("/* nothing", "the query is no SQL that it understands"),
    ],
)
@pytest.mark.parametrize("call", [check_source, read_source])
def test_a_query_that_cannot_be_asked_is_told(file: Path, call: Any, query: str, sentence: str) -> None:
    assert refused(asked(file, query), call).startswith(f"{file}: {sentence}")


def test_a_file_that_is_not_there_is_told_and_not_made(tmp_path: Path) -> None:
    told = refused(asked(tmp_path / "none.db"), check_source)
    assert told == f"{tmp_path / 'none.db'} is not there: a path in training.yaml is relative to its folder"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"income,age\n" * 500, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_what_is_no_database_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.db").write_bytes(content)
    assert refused(asked(tmp_path / "a.db"), check_source) == f"{tmp_path / 'a.db'}: the file is no SQLite database"


@pytest.mark.parametrize(
    "statement", ["DELETE FROM loans", "CREATE TABLE more (id)", "ATTACH '{folder}/new.db' AS new"]
)
def test_a_connection_cannot_write_whatever_is_asked(file: Path, statement: str) -> None:
    said = asked(file).spec.source.sql
    assert said is not None
    with pytest.raises(StepError, match="and a source is only read"), reading(said, bounded=True) as connection:
        connection.exec_driver_sql(statement.format(folder=file.parent))
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_file_that_is_only_read_is_left_as_it_was(file: Path) -> None:
    before = file.read_bytes()
    read_source(asked(file))
    assert (file.read_bytes(), [path.name for path in file.parent.iterdir()]) == (before, [file.name])
