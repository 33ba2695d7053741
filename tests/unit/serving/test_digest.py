"""The digest of a folder changes with anything that is in it, and with nothing else."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timoneiro_serving.digest import DigestError, directory_digest, file_digests, file_names

NAMES = st.text(alphabet="ab.\n", min_size=1, max_size=4).filter(lambda name: name not in (".", ".."))
TREES = st.dictionaries(NAMES, st.binary(max_size=6), min_size=1, max_size=4)


def write(tree: dict[str, bytes], root: Path) -> Path:
    for name, content in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def test_the_digest_names_its_algorithm_and_has_64_hex_digits(tmp_path: Path) -> None:
    digest = directory_digest(write({"a": b"1"}, tmp_path))
    assert digest.startswith("sha256:") and len(bytes.fromhex(digest.removeprefix("sha256:"))) == 32


def test_the_digest_of_known_bytes_never_changes(tmp_path: Path) -> None:
    known = "sha256:0d58a0a9a4ec87d27a4b856f4ff759868312a962c89a4ef92edcba49be84a56d"
    assert directory_digest(write({"model": b"1", "deep/er": b"2"}, tmp_path)) == known


@given(TREES, TREES)
def test_two_trees_have_one_digest_exactly_if_they_are_equal(one: dict[str, bytes], other: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        same = directory_digest(write(one, Path(first))) == directory_digest(write(other, Path(second)))
    assert same == (one == other)


def test_a_name_cannot_pass_for_a_folder(tmp_path: Path) -> None:
    flat = write({"a": b"", "b": b""}, tmp_path / "flat")
    deep = write({"a/b": b""}, tmp_path / "deep")
    assert directory_digest(flat) != directory_digest(deep)


def test_hidden_files_count(tmp_path: Path) -> None:
    assert list(file_digests(write({".hidden": b"1", "a": b"2"}, tmp_path))) == [".hidden", "a"]


def test_the_signature_of_all_others_does_not_count(tmp_path: Path) -> None:
    before = directory_digest(write({"a": b"1"}, tmp_path))
    assert directory_digest(write({"model.sig": b"2"}, tmp_path)) == before


@pytest.mark.parametrize("name", ["deep/model.sig", "model.sig.txt", "MODEL.SIG", ".model.sig"])
def test_nothing_else_that_is_called_like_a_signature_is_left_out(tmp_path: Path, name: str) -> None:
    before = directory_digest(write({"a": b"1"}, tmp_path))
    assert directory_digest(write({name: b"2"}, tmp_path)) != before


def test_a_signature_alone_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(DigestError, match="holds no file"):
        directory_digest(write({"model.sig": b"1"}, tmp_path))


def test_the_signature_is_one_of_the_files(tmp_path: Path) -> None:
    assert file_names(write({"model.sig": b"1", "a": b"2"}, tmp_path)) == ["a", "model.sig"]


def test_modes_and_times_do_not_count(tmp_path: Path) -> None:
    before = directory_digest(write({"a": b"1"}, tmp_path))
    (tmp_path / "a").chmod(0o600)
    os.utime(tmp_path / "a", (1, 1))
    assert directory_digest(tmp_path) == before


def test_folders_without_files_do_not_count(tmp_path: Path) -> None:
    before = directory_digest(write({"a": b"1"}, tmp_path))
    (tmp_path / "nothing").mkdir()
    assert directory_digest(tmp_path) == before


def test_a_symbolic_link_is_refused_by_name(tmp_path: Path) -> None:
    (write({"a": b"1"}, tmp_path) / "link").symlink_to("a")
    with pytest.raises(DigestError, match="link is a symbolic link"):
        directory_digest(tmp_path)


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    folder = write({"a": b"1"}, tmp_path / "folder")
    (tmp_path / "link").symlink_to(folder)
    assert directory_digest(tmp_path / "link") == directory_digest(folder)


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(write({"a": b"1"}, tmp_path) / "pipe")
    with pytest.raises(DigestError, match="pipe is a special file"):
        directory_digest(tmp_path)


def test_an_empty_folder_has_no_digest(tmp_path: Path) -> None:
    with pytest.raises(DigestError, match="holds no file"):
        directory_digest(tmp_path)


def test_a_missing_folder_has_no_digest(tmp_path: Path) -> None:
    with pytest.raises(DigestError, match="is not a folder"):
        directory_digest(tmp_path / "nowhere")
