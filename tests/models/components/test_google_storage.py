"""Tables in Google Cloud Storage, by Google's own client in front of a fake of the store on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from timoneiro_components.errors import StepError
from timoneiro_components.sources import gs_objects
from timoneiro_components.sources.files import open_file, whole_file

CONTENT = b"age,status\n30,good\n40,bad\n"


class FakeGoogleStorage(ThreadingHTTPServer):
    """One object, `data/a b/loans.csv`; another that nobody may read. `generation` rises when it is replaced."""

    generation = 1

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeGoogleStorage

    def do_GET(self) -> None:  # the name is http.server's
        address = urlsplit(self.path)
        bucket, _, key = unquote(address.path).rpartition("/b/")[2].partition("/o/")
        if key == "secret":
            self._answer(403, json.dumps({"error": {"code": 403, "message": "Jane"}}).encode())
        elif (bucket, key) != ("data", "a b/loans.csv"):
            self._answer(404, json.dumps({"error": {"code": 404, "message": "Jane"}}).encode())
        elif "alt=media" not in address.query:
            size, generation = str(len(CONTENT)), str(self.server.generation)
            self._answer(200, json.dumps({"name": key, "size": size, "generation": generation}).encode())
        elif f"ifGenerationMatch={self.server.generation}" not in address.query.split("&"):
            self._answer(412, b"{}")
        else:
            first, last = self.headers["range"].removeprefix("bytes=").split("-")
            self._answer(206, CONTENT[int(first) : int(last) + 1], f"bytes {first}-{last}/{len(CONTENT)}")

    def _answer(self, status: int, body: bytes, content_range: str = "") -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        if content_range:
            self.send_header("content-range", content_range)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGoogleStorage]:
    server = FakeGoogleStorage()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{server.server_port}")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def refused(address: str) -> str:
    with pytest.raises(StepError) as raised:
        open_file(address)
    assert "Jane" not in str(raised.value)
    return str(raised.value).removeprefix(f"{address}: ")


def test_an_object_is_the_same_in_parts_and_whole(store: FakeGoogleStorage) -> None:
    with whole_file("gs://data/a b/loans.csv") as file, open_file("gs://data/a b/loans.csv") as parts:
        assert file.path.read_bytes() == CONTENT
        parts.seek(-4, 2)
        assert parts.read() == b"bad\n"


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("gs://data/none", "it is not there"),
        ("gs://other/a b/loans.csv", "it is not there"),
        ("gs://data/secret", "these credentials may not read it"),
    ],
)
def test_an_object_that_cannot_be_read_is_told(store: FakeGoogleStorage, address: str, sentence: str) -> None:
    assert refused(address) == sentence


def test_an_object_that_is_replaced_while_it_is_read_is_told(store: FakeGoogleStorage) -> None:
    with open_file("gs://data/a b/loans.csv") as parts:
        store.generation = 2
        with pytest.raises(StepError, match="it was changed while it was read"):
            parts.read()


def test_a_store_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    monkeypatch.setattr(gs_objects, "_SECONDS", 1)
    assert refused("gs://data/loans.csv") == "the store cannot be reached"


@pytest.mark.parametrize("content", [None, "no JSON"])
def test_credentials_that_are_none_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, content: str | None
) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    if content is not None:
        (tmp_path / "key.json").write_text(content)
    assert refused("gs://data/loans.csv").startswith(
        "there are no credentials, or they are not accepted: check GOOGLE_"
    )
