"""Tables in lakeFS: read at the commit that a branch is at, whatever is committed meanwhile."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from support.fake_lakefs import SECRET, STRANGER, FakeLakeFS
from support.loopback import listening
from timoneiro_components.definition.reading import parse_training
from timoneiro_components.definition.training import Training
from timoneiro_components.errors import StepError
from timoneiro_components.ingest import ingest
from timoneiro_components.sources import lakefs_objects
from timoneiro_components.sources.files import digest_of, open_file, whole_file
from timoneiro_components.sources.table import check_source, read_source

DEFINITION = """\
apiVersion: timoneiro.dev/v1alpha1
kind: Training
metadata: {name: loans}
spec:
  source:
    csv: {path: "lakefs://loans/main/2025/loans.csv"}
  columns:
    id: {type: Key}
    age: {type: Integer}
    status: {type: Category, values: [good, bad]}
  target: {column: status, positive: bad}
"""
CSV = b"id,age,status\na,30,good\nb,40,bad\n"
ROWS = [{"id": "a", "age": 30, "status": "good"}, {"id": "b", "age": 40, "status": "bad"}]
ADDRESS = "lakefs://loans/main/2025/loans.csv"
JOIN = (
    "spec.joins=[{source: {csv: {path: 'lakefs://loans/main/jobs.csv'}}, on: [id], columns: [job]}]",
    "spec.columns.job={type: Key}",
)


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeLakeFS]:
    """With the table on its branch main; the environment is that of who may read it."""
    for name in os.environ:
        if name.startswith("LAKECTL_"):
            monkeypatch.delenv(name)
    server = FakeLakeFS()
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(lakefs_objects, "_BACKOFF_SECONDS", 0)
    server.commit("main", {"2025/loans.csv": CSV})
    with listening(server):
        yield server


def training(*settings: str) -> Training:
    return parse_training(DEFINITION, settings=settings)


def refused(call: Any = check_source, *settings: str) -> str:
    with pytest.raises(StepError) as raised:
        call(training(*settings))
    assert SECRET not in str(raised.value) and raised.value.__cause__ is None
    return str(raised.value)


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonLines"])
def test_a_table_of_a_branch_is_checked_and_read(lake: FakeLakeFS, kind: str) -> None:
    buffer = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(ROWS), buffer)
    lines = "".join(f"{json.dumps(row)}\n" for row in ROWS).encode()
    lake.commit("main", {"t é?x=1#a": {"csv": CSV, "parquet": buffer.getvalue(), "jsonLines": lines}[kind]})
    asked = training("spec.source.csv=null", f"spec.source.{kind}={{path: 'lakefs://loans/main/t é?x=1#a'}}")
    check_source(asked)
    assert read_source(asked).table.to_pylist() == ROWS


@pytest.mark.parametrize("reference", ["v1.0", "main~0", "commit"])
def test_a_tag_an_expression_and_a_commit_name_a_version_too(lake: FakeLakeFS, reference: str) -> None:
    commit = lake.branches["main"]
    lake.branches.update({"v1.0": commit, "main~0": commit})
    path = f"lakefs://loans/{commit if reference == 'commit' else reference}/2025/loans.csv"
    origin = read_source(training(f"spec.source.csv.path={path}")).origin
    assert origin.files[0].version == {"commit": commit}


def test_the_manifest_of_the_data_has_the_commit_that_was_read(lake: FakeLakeFS, tmp_path: Path) -> None:
    places = {name: tmp_path / name for name in ("data", "holdout", "privacy", "dataset")}
    ingest(training(), **places)
    commit = lake.branches["main"]
    source = json.loads((tmp_path / "dataset").read_text())["source"]
    (file,) = source["files"]
    assert source["address"] == file["address"] == f"lakefs://loans/{commit}/2025/loans.csv"
    assert file["version"] == {"commit": commit}


def test_a_branch_that_moves_changes_nothing_of_what_is_read(lake: FakeLakeFS) -> None:
    lake.commit("main", {"jobs.csv": b"id,job\na,clerk\nb,nurse\n"})

    def moves(what: str) -> None:
        if what.startswith("refs/"):
            lake.commit("main", {"2025/loans.csv": b"id,age,status\nc,50,bad\n", "jobs.csv": b"id,job\nc,other\n"})

    lake.answering = moves
    loaded = read_source(training(*JOIN))
    assert [row["job"] for row in loaded.table.to_pylist()] == ["clerk", "nurse"]
    (joined,) = loaded.origin.joined
    assert loaded.origin.files[0].version == joined.files[0].version


def test_a_branch_is_asked_for_once_however_many_tables_are_on_it(lake: FakeLakeFS) -> None:
    lake.commit("main", {"jobs.csv": b"id,job\na,clerk\n"})
    read_source(training(*JOIN))
    assert [what for what in lake.asked if what.startswith("commits/")] == ["commits/main"]


def test_an_object_is_the_same_in_parts_and_whole(lake: FakeLakeFS) -> None:
    large = os.urandom(2**20) * 20
    lake.commit("main", {"large": large, "empty": b""})
    with whole_file("lakefs://loans/main/large") as file, open_file("lakefs://loans/main/large") as parts:
        assert file.path.read_bytes() == large
        parts.seek(-1000, os.SEEK_END)
        assert parts.read() == large[-1000:]
    with whole_file("lakefs://loans/main/empty") as file:
        assert digest_of(file).size == 0


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("lakefs://other/main/x", "lakefs://other/main/x: there is no such repository, branch or tag"),
        ("lakefs://loans/dev/x", "lakefs://loans/dev/x: there is no such repository, branch or tag"),
        (
            "lakefs://loans/main/x",
            "lakefs://loans/main/x: it is not there at commit {commit}; what is not committed is",
        ),
    ],
)
def test_what_is_not_there_is_told(lake: FakeLakeFS, path: str, sentence: str) -> None:
    assert refused(check_source, f"spec.source.csv.path={path}").startswith(
        sentence.format(commit=lake.branches["main"])
    )


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        (
            {"LAKECTL_SERVER_ENDPOINT_URL": "", "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY": ""},
            "where its server is, and who asks, is not said: set LAKECTL_SERVER_ENDPOINT_URL and "
            "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY",
        ),
        (
            {"LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY": "other"},
            "its credentials are not accepted: check LAKECTL_CREDENTIALS_ACCESS_KEY_ID and LAKECTL_CREDENTIALS_SECRET_",
        ),
        ({"LAKECTL_CREDENTIALS_ACCESS_KEY_ID": STRANGER}, "these credentials may not read it"),
        (
            {"LAKECTL_SERVER_ENDPOINT_URL": "http://127.0.0.1:1"},
            "the server cannot be reached: check LAKECTL_SERVER_ENDPOINT_URL",
        ),
        *(
            (
                {"LAKECTL_SERVER_ENDPOINT_URL": url},
                "LAKECTL_SERVER_ENDPOINT_URL has to be a URL such as https://lakefs.",
            )
            for url in ("lakefs.example.com", "http://jane:jane/s3cret@host", "http://[", "https://")
        ),
    ],
)
@pytest.mark.parametrize("call", [check_source, read_source])
def test_a_server_that_gives_nothing_is_told(
    lake: FakeLakeFS, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], sentence: str, call: Any
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert refused(call).startswith(f"{ADDRESS}: {sentence}")


@pytest.mark.parametrize("suffix", ["/", "/api/v1", "/api/v1/"])
def test_the_endpoint_may_name_the_api(lake: FakeLakeFS, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    monkeypatch.setenv("LAKECTL_SERVER_ENDPOINT_URL", f"{lake.url}{suffix}")
    check_source(training())


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((403, b"{}"), "these credentials may not read it"),
        ((410, b"{}"), "its bytes were deleted by garbage collection"),
        ((418, b"jane/s3cret"), "the server refuses to give it (418)"),
        ((302, b""), "the server refuses to give it (302)"),
        ((503, b"{}"), "the server refuses to give it (503)"),
        ((200, b"<html>"), "what answers there is no lakeFS: check LAKECTL_SERVER_ENDPOINT_URL"),
        ((200, b"[]"), "what answers there is no lakeFS: check LAKECTL_SERVER_ENDPOINT_URL"),
        ((200, b'{"id": 1}'), "what answers there is no lakeFS: check LAKECTL_SERVER_ENDPOINT_URL"),
        ((200, b'{"id": "main"}'), "the server does not say which commit main is: write the commit itself"),
    ],
)
def test_an_odd_answer_is_told(lake: FakeLakeFS, answer: tuple[int, bytes], sentence: str) -> None:
    lake.answering = lambda what: answer
    assert refused() == f"{ADDRESS}: {sentence}"


def test_an_object_that_is_cut_off_is_told(lake: FakeLakeFS) -> None:
    lake.answering = lambda what: (206, b"id,age") if what.endswith("/objects") else None
    assert refused(read_source).endswith("the server gave other bytes than it was asked for: try again")


def test_a_server_that_is_busy_for_a_moment_is_asked_again(lake: FakeLakeFS) -> None:
    busy = [(503, b"{}"), (429, b"{}")]
    lake.answering = lambda what: busy.pop() if busy else None
    check_source(training())
