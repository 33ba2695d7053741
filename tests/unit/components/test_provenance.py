"""Where a published model comes from, as annotations."""

from __future__ import annotations

from typing import Any

import pytest

from timoneiro_components.provenance import provenance

URI = "s3://models/loans/3/"
DATASET = f"sha256:{'d' * 64}"
COMMIT = "c" * 40


def said(*, data: Any = None, files: frozenset[str] = frozenset({"README.md"}), **more: str) -> dict[str, str]:
    known = {"uri": URI, "run": "20260131-030000", "commit": COMMIT, **more}
    return provenance({"data": {"dataset": DATASET} if data is None else data}, files=files, **known)


def test_run_data_commit_and_card_are_told() -> None:
    assert said() == {
        "timoneiro.dev/run": "20260131-030000",
        "timoneiro.dev/dataset": DATASET,
        "timoneiro.dev/commit": COMMIT,
        "timoneiro.dev/model-card": "s3://models/loans/3/README.md",
    }


@pytest.mark.parametrize("commit", [COMMIT, "c" * 64, f"{COMMIT}-dirty"])
def test_a_commit_is_kept_as_git_writes_it(commit: str) -> None:
    assert said(commit=commit)["timoneiro.dev/commit"] == commit


@pytest.mark.parametrize("commit", ["", "main", f"{COMMIT}-odd", f"{COMMIT}\n"])
def test_what_is_no_commit_is_left_out(commit: str) -> None:
    assert "timoneiro.dev/commit" not in said(commit=commit)


def test_a_run_without_a_name_is_left_out() -> None:
    assert "timoneiro.dev/run" not in said(run="")


@pytest.mark.parametrize("data", ["", {}, {"rows": 3}, {"dataset": ""}])
def test_a_package_that_names_no_data_has_no_digest_of_it(data: Any) -> None:
    assert "timoneiro.dev/dataset" not in said(data=data)


def test_a_package_without_a_card_has_no_address_of_one() -> None:
    assert "timoneiro.dev/model-card" not in said(files=frozenset({"model.onnx"}))


def test_what_is_too_long_is_left_out_and_not_cut_off() -> None:
    assert (said(run="r" * 1024)["timoneiro.dev/run"], said(run="r" * 1025).get("timoneiro.dev/run")) == (
        "r" * 1024,
        None,
    )
