"""The dataset manifest: what identifies the data is in it, and nothing that changes without the data."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from timoneiro_components.definition.reading import read_training
from timoneiro_components.errors import StepError
from timoneiro_components.ingest import Ingested, ingest
from timoneiro_components.sources import csv_files
from timoneiro_components.tables import table_digest

DEFINITION = """\
apiVersion: timoneiro.dev/v1alpha1
kind: Training
metadata: {name: loans}
spec:
  source:
    csv: {path: data/loans é.csv}
    title: Loans of the north
    licence: internal
  columns:
    id: {type: Key}
    age: {type: Integer, minimum: 18}
    status: {type: Category, values: [good, bad]}
  target: {column: status, positive: bad}
  split: {holdoutRows: 10}
"""
CSV = "id,age,status\n" + "".join(f"{n},{20 + n % 50},{'bad' if n % 3 else 'good'}\n" for n in range(100))


def ingested(folder: Path, *settings: str) -> Ingested:
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "data" / "loans é.csv").write_text(CSV)
    (folder / "training.yaml").write_text(DEFINITION)
    connection = sqlite3.connect(folder / "loans.db")
    with connection:
        connection.execute("CREATE TABLE IF NOT EXISTS loans (id, age, status)")
        connection.execute("INSERT INTO loans VALUES (1, 20, 'bad'), (2, 30, 'good')")
    connection.close()
    training = read_training(folder / "training.yaml", settings)
    places = {"data": folder / "a", "holdout": folder / "b", "privacy": folder / "privacy"}
    return ingest(training, **places, dataset=folder / "dataset.json")


def manifest(folder: Path, *settings: str) -> Any:
    ingested(folder, *settings)
    return json.loads((folder / "dataset.json").read_text(encoding="utf-8"))


def test_it_says_where_the_data_came_from_and_what_is_in_it(tmp_path: Path) -> None:
    content = CSV.encode()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert manifest(tmp_path) == {
        "schemaVersion": 1,
        "source": {
            "kind": "csv",
            "address": "loans é.csv",
            "files": [{"address": "loans é.csv", "digest": digest, "size": len(content)}],
        },
        "title": "Loans of the north",
        "licence": "internal",
        "rows": 100,
        "schema": [
            {"name": "id", "type": "Key"},
            {"name": "age", "type": "Integer"},
            {"name": "status", "type": "Category"},
        ],
        "data": {"rows": 90, "digest": table_digest(tmp_path / "a")},
        "holdout": {"rows": 10, "digest": table_digest(tmp_path / "b")},
    }


def test_the_same_data_elsewhere_and_later_gives_the_same_bytes(tmp_path: Path) -> None:
    ingested(tmp_path / "here")
    ingested(tmp_path / "there")
    os.utime(tmp_path / "there" / "data" / "loans é.csv", (1, 1))
    ingested(tmp_path / "there")
    manifests = {(tmp_path / name / "dataset.json").read_bytes() for name in ("here", "there")}
    assert len(manifests) == 1


def test_its_digest_is_that_of_its_bytes(tmp_path: Path) -> None:
    assert ingested(tmp_path).dataset_digest == table_digest(tmp_path / "dataset.json")


SQL = ["spec.source.csv=null", "spec.split.holdoutRows=0"]


@pytest.mark.parametrize(
    ("asked", "digested"), [("table: loans", "table loans"), ("query: select * from loans", "select * from loans")]
)
def test_a_query_is_known_by_its_digest_and_a_file_of_a_database_by_its_name(
    tmp_path: Path, asked: str, digested: str
) -> None:
    found = manifest(tmp_path, *SQL, f"spec.source.sql={{url: 'sqlite:///loans.db', {asked}}}")
    query = f"sha256:{hashlib.sha256(digested.encode()).hexdigest()}"
    assert found["source"] == {"kind": "sql", "address": "loans.db", "query": query}


def growing(file: Path) -> None:
    with file.open("a") as stream:
        stream.write("101,30,good\n")


@pytest.mark.parametrize("change", [growing, Path.unlink])
def test_a_file_that_changes_while_it_is_read_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None]
) -> None:
    typed = csv_files.typed

    def changing(*arguments: Any, **others: Any) -> Any:
        change(tmp_path / "data" / "loans é.csv")
        return typed(*arguments, **others)

    monkeypatch.setattr(csv_files, "typed", changing)
    with pytest.raises(StepError, match="was changed while it was read: try again when nobody writes it"):
        ingested(tmp_path)
    assert not any((tmp_path / name).exists() for name in ("a", "b", "dataset.json"))
