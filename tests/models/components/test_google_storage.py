"""Tables in Google Cloud Storage, by Google's own client in front of a fake of the store on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core.exceptions import BadRequest

from support.fake_google_storage import PERSON, FakeGoogleStorage, fake_google_storage
from timoneiro_components.errors import StepError
from timoneiro_components.gs import reason_of
from timoneiro_components.sources import gs_objects
from timoneiro_components.sources.files import open_file, whole_file

CONTENT = b"age,status\n30,good\n40,bad\n"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGoogleStorage]:
    """One object, `data/a b/loans.csv`, and a bucket in which nobody may read."""
    with fake_google_storage("data", closed=("secret",)) as server:
        server.put("data", "a b/loans.csv", CONTENT)
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.address)
        yield server


def refused(address: str) -> str:
    with pytest.raises(StepError) as raised:
        open_file(address)
    assert PERSON not in str(raised.value)
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
        ("gs://secret/loans.csv", "these credentials may not read it"),
    ],
)
def test_an_object_that_cannot_be_read_is_told(store: FakeGoogleStorage, address: str, sentence: str) -> None:
    assert refused(address) == sentence


def test_an_object_that_is_replaced_while_it_is_read_is_told(store: FakeGoogleStorage) -> None:
    with open_file("gs://data/a b/loans.csv") as parts:
        store.put("data", "a b/loans.csv", CONTENT)
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


def test_what_else_the_store_refuses_is_told_by_its_kind() -> None:
    words = {"missing": "gone", "forbidden": "no", "refused": "the store refuses it"}
    assert reason_of(BadRequest(PERSON), **words) == "the store refuses it (BadRequest)"
