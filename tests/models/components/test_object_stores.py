"""Files of tables in object stores: a real S3 server, and what a fake of Google's answers."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from support import s3_server
from support.s3_server import SECRET, STRANGER, S3Server
from timoneiro_components.definition.reading import parse_training
from timoneiro_components.definition.training import Training
from timoneiro_components.errors import StepError
from timoneiro_components.s3 import s3_client
from timoneiro_components.sources.files import digest_of, open_file, whole_file
from timoneiro_components.sources.table import check_source, read_source

pytestmark = pytest.mark.skipif(not s3_server.is_possible(), reason="the S3 server is not built, and Go is missing")
DEFINITION = """\
apiVersion: timoneiro.dev/v1alpha1
kind: Training
metadata: {name: loans}
spec:
  source:
    csv: {path: "s3://data/loans.csv"}
  columns:
    age: {type: Integer}
    status: {type: Category, values: [good, bad]}
  target: {column: status, positive: bad}
"""
ROWS = [{"age": 30, "status": "good"}, {"age": 40, "status": "bad"}]
CSV = "age,status\n30,good\n40,bad\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server.running(tmp_path_factory.mktemp("s3")) as found:
        yield found


@pytest.fixture
def put(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Put:
    """Writes an object into the bucket `data`; the environment is that of its owner."""
    for name in os.environ:
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    client = s3_client()
    return lambda key, body: client.put_object(Bucket="data", Key=key, Body=body)


def at(kind: str, address: str) -> Training:
    text = DEFINITION.replace('csv: {path: "s3://data/loans.csv"}', f"{kind}: {{path: '{address}'}}")
    return parse_training(text)


def refused(training: Training, call: Any = check_source) -> str:
    with pytest.raises(StepError) as raised:
        call(training)
    assert SECRET not in str(raised.value) and raised.value.__cause__ is None
    return str(raised.value)


def content(kind: str) -> bytes:
    """The rows as a file of that kind."""
    if kind == "parquet":
        buffer = io.BytesIO()
        parquet.write_table(pa.Table.from_pylist(ROWS), buffer)
        return buffer.getvalue()
    return {"csv": CSV, "jsonLines": "".join(f"{json.dumps(row)}\n" for row in ROWS)}[kind].encode()


Put = Callable[[str, bytes], None]


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonLines"])
@pytest.mark.parametrize("key", ["loans", "2025 é/loans?x=1#a"])
def test_a_table_is_checked_and_read_where_it_is(put: Put, kind: str, key: str) -> None:
    put(key, content(kind))
    training = at(kind, f"s3://data/{key}")
    check_source(training)
    assert read_source(training).table.to_pylist() == ROWS


def test_an_object_is_the_same_in_parts_and_whole(put: Put) -> None:
    large = os.urandom(2**20) * 20
    put("large", large)
    with whole_file("s3://data/large") as file, open_file("s3://data/large") as parts:
        assert file.path.read_bytes() == large
        parts.seek(-1000, os.SEEK_END)
        assert parts.read() == large[-1000:]


def test_what_was_brought_here_is_gone_afterwards(put: Put) -> None:
    put("loans.csv", content("csv"))
    with whole_file("s3://data/loans.csv") as file:
        assert file.path.exists()
    assert not file.path.exists()


def test_the_digest_is_that_of_the_bytes_in_the_store(put: Put, tmp_path: Path) -> None:
    put("loans.csv", content("csv"))
    (tmp_path / "loans.csv").write_text(CSV)
    found = []
    for address in ("s3://data/loans.csv", str(tmp_path / "loans.csv")):
        with whole_file(address) as file:
            found.append(digest_of(file))
    assert [entry.address for entry in found] == ["s3://data/loans.csv", "loans.csv"]
    assert (found[0].digest, found[0].size) == (found[1].digest, len(CSV))


@pytest.mark.parametrize("call", [check_source, read_source])
@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonLines"])
def test_an_object_that_is_not_there_is_told(put: Put, kind: str, call: Any) -> None:
    assert refused(at(kind, "s3://data/none"), call) == "s3://data/none: it is not there"


@pytest.mark.parametrize(
    ("address", "variables", "sentence"),
    [
        ("s3://elsewhere/loans.csv", {}, "there is no such bucket"),
        ("s3://data/loans.csv", {"AWS_ACCESS_KEY_ID": STRANGER}, "these credentials may not read it"),
        (
            "s3://data/loans.csv",
            {"AWS_SECRET_ACCESS_KEY": "other"},
            "its credentials are not accepted: check AWS_ACCESS_K",
        ),
        (
            "s3://data/loans.csv",
            {"AWS_ACCESS_KEY_ID": "nobody"},
            "its credentials are not accepted: check AWS_ACCESS_KEY_ID",
        ),
        ("s3://data/loans.csv", {"AWS_ACCESS_KEY_ID": ""}, "there are no credentials: set AWS_ACCESS_KEY_ID and"),
        (
            "s3://data/loans.csv",
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
            "the store cannot be reached: check AWS_END",
        ),
        ("s3://data/loans.csv", {"AWS_ENDPOINT_URL": "not a URL"}, "boto3 cannot read it ("),
    ],
)
def test_a_store_that_gives_nothing_is_told(
    put: Put, monkeypatch: pytest.MonkeyPatch, address: str, variables: dict[str, str], sentence: str
) -> None:
    put("loans.csv", content("csv"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert refused(at("csv", address)).startswith(f"{address}: {sentence}")


def test_an_object_that_is_replaced_while_it_is_read_is_told(put: Put) -> None:
    put("large", b"a" * 2**20 * 20)
    with open_file("s3://data/large") as stream:
        stream.read(1)
        put("large", b"b" * 2**20 * 20)
        with pytest.raises(StepError, match="it was changed while it was read"):
            stream.read()


def test_what_is_no_parquet_is_told(put: Put) -> None:
    put("loans", content("csv"))
    assert "cannot be read as Parquet" in refused(at("parquet", "s3://data/loans"))


def test_an_empty_object_is_told(put: Put) -> None:
    put("empty", b"")
    assert refused(at("csv", "s3://data/empty")) == (
        "s3://data/empty is empty: a table begins with the names of its columns"
    )


@pytest.fixture
def tracked(put: Put, tmp_path: Path) -> str:
    """The .dvc file of a table that is nowhere but in a remote in the bucket `data`, with the prefix `a b`."""
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text(
        "[core]\n    remote = store\n['remote \"store\"']\n    url = s3://data/a b/\n    endpointurl = http://elsewhere\n"
    )
    md5 = hashlib.md5(CSV.encode(), usedforsecurity=False).hexdigest()
    (tmp_path / "loans.csv.dvc").write_text(f"outs:\n- md5: {md5}\n  hash: md5\n  path: loans.csv\n")
    put(f"a b/files/md5/{md5[:2]}/{md5[2:]}", content("csv"))
    return str(tmp_path / "loans.csv.dvc")


def pushed() -> str:
    """The one key below the prefix of the remote."""
    (found,) = s3_client().list_objects_v2(Bucket="data", Prefix="a b/files")["Contents"]
    return str(found["Key"])


def test_what_dvc_has_pushed_is_read_in_the_store(tracked: str) -> None:
    check_source(at("csv", tracked))
    loaded = read_source(at("csv", tracked))
    assert loaded.table.to_pylist() == ROWS and loaded.origin.files[0].version["path"] == "loans.csv"


def test_what_dvc_has_pushed_and_somebody_changed_is_told(put: Put, tracked: str) -> None:
    key = pushed()
    put(key, b"age,status\n1,bad\n")
    sentence = "what is there are other bytes than those with this MD5: `dvc push` it anew"
    assert refused(at("csv", f"s3://data/{key}"), read_source) == f"s3://data/{key}: {sentence}"
    assert refused(at("csv", tracked), read_source) == f"{tracked}: s3://data/{key}: {sentence}"


def test_an_address_that_dvc_prints_has_its_version(put: Put, tracked: str) -> None:
    (file,) = read_source(at("csv", f"s3://data/{pushed()}")).origin.files
    assert file.version == {"md5": hashlib.md5(CSV.encode(), usedforsecurity=False).hexdigest()}


@pytest.mark.parametrize("call", [check_source, read_source])
def test_what_dvc_has_not_pushed_is_told_with_its_file(tracked: str, call: Any) -> None:
    md5 = "ab" * 16
    Path(tracked).write_text(f"outs:\n- md5: {md5}\n  hash: md5\n  path: loans.csv\n")
    assert refused(at("csv", tracked), call) == (
        f"{tracked}: s3://data/a b/files/md5/{md5[:2]}/{md5[2:]}: it is not there"
    )


def test_the_manifest_of_the_data_names_the_object(put: Put) -> None:
    put("loans.csv", content("csv"))
    origin = read_source(at("csv", "s3://data/loans.csv")).origin
    assert (origin.kind, origin.address, origin.files[0].size) == ("csv", "s3://data/loans.csv", len(CSV))
    assert not origin.files[0].version
