"""Tables that DVC tracks: only the version that the .dvc file names is read, from wherever it is.

The repositories are laid out by hand as `dvc add` and `dvc push` do, of version 3 and of version 2.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from timoneiro_components.definition.reading import read_training
from timoneiro_components.definition.training import Training
from timoneiro_components.drafting.draft import draft
from timoneiro_components.drafting.inference import guesses
from timoneiro_components.errors import StepError
from timoneiro_components.ingest import ingest
from timoneiro_components.sources.files import digest_of, open_file, whole_file
from timoneiro_components.sources.table import check_source, read_source

DEFINITION = """\
apiVersion: timoneiro.dev/v1alpha1
kind: Training
metadata: {name: loans}
spec:
  source:
    csv: {path: data/loans.csv.dvc}
  columns:
    age: {type: Integer}
    status: {type: Category, values: [good, bad]}
  target: {column: status, positive: bad}
"""
# Some of its lines end as those of Windows do, which DVC 2 does not hash.
CSV = b"age,status\r\n30,good\r\n40,bad\n"
ROWS = [{"age": 30, "status": "good"}, {"age": 40, "status": "bad"}]
MD5 = hashlib.md5(CSV).hexdigest()
OLD_MD5 = hashlib.md5(CSV.replace(b"\r\n", b"\n")).hexdigest()


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", "-C", str(folder), *who, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def put(file: Path, content: bytes = CSV) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a definition and a pointer of DVC 3, in no repository of git; the table is nowhere yet."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    folder = tmp_path / "project"
    (folder / ".dvc").mkdir(parents=True)
    (folder / "training.yaml").write_text(DEFINITION)
    put(folder / ".dvc" / "config", b"")
    point(folder, f"- md5: {MD5}\n  size: {len(CSV)}\n  hash: md5\n  path: loans.csv\n")
    return folder


def point(folder: Path, outs: str, begin: str = "") -> None:
    put(folder / "data" / "loans.csv.dvc", f"{begin}outs:\n{outs}".encode())


def training(folder: Path) -> Training:
    return read_training(folder / "training.yaml")


def refused(folder: Path, call: Any = check_source) -> str:
    with pytest.raises(StepError) as raised:
        call(training(folder))
    assert raised.value.__cause__ is None
    return str(raised.value).removeprefix(str(folder / "data" / "loans.csv.dvc"))


def is_read(folder: Path) -> bool:
    check_source(training(folder))
    return read_source(training(folder)).table.to_pylist() == ROWS


def test_a_table_that_is_checked_out_is_read(project: Path) -> None:
    put(project / "data" / "loans.csv")
    assert is_read(project)


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ("", ".dvc/cache"),
        ("[cache]\n    dir = ../../shared\n", "../shared"),
        ("[core]\n    remote = store\n['remote \"store\"']\n    url = ../kept\n", "kept"),
    ],
)
@pytest.mark.parametrize("old", [False, True])
def test_a_table_that_is_not_checked_out_is_read_where_it_is_kept(
    project: Path, config: str, place: str, old: bool
) -> None:
    put(project / ".dvc" / "config", config.encode())
    if old:
        point(project, f"- md5: {OLD_MD5}\n  size: {len(CSV)}\n  path: loans.csv\n")
    key = f"{OLD_MD5[:2]}/{OLD_MD5[2:]}" if old else f"files/md5/{MD5[:2]}/{MD5[2:]}"
    put(project / place / key)
    assert is_read(project)


def test_settings_of_this_machine_go_over_those_of_the_repository(project: Path) -> None:
    put(project / ".dvc" / "config", b"[cache]\n    dir = /nowhere\n")
    put(project / ".dvc" / "config.local", b"[cache]\n    dir = cache\n")
    put(project / ".dvc" / "cache" / "files" / "md5" / MD5[:2] / MD5[2:])
    assert is_read(project)


def test_a_remote_of_its_own_goes_over_the_default_one(project: Path) -> None:
    point(project, f"- md5: {MD5}\n  hash: md5\n  path: loans.csv\n  remote: own\n")
    remotes = "['remote \"other\"']\n    url = /nowhere\n['remote \"own\"']\n    url = ../own\n"
    put(project / ".dvc" / "config", f"[core]\n    remote = other\n{remotes}".encode())
    put(project / "own" / "files" / "md5" / MD5[:2] / MD5[2:])
    assert is_read(project)


def test_text_that_an_old_version_has_hashed_is_the_same_with_other_ends_of_lines(project: Path) -> None:
    point(project, f"- md5: {OLD_MD5}\n  path: loans.csv\n")
    put(project / "data" / "loans.csv")
    assert is_read(project)


def test_an_imported_table_is_kept_as_version_3_does_it_and_says_nothing_of_that(project: Path) -> None:
    point(project, f"- md5: {MD5}\n  path: loans.csv\n")
    put(project / ".dvc" / "cache" / "files" / "md5" / MD5[:2] / MD5[2:])
    assert is_read(project)


def test_bytes_that_an_old_version_takes_for_no_text_are_hashed_as_they_are(project: Path) -> None:
    content = b"\x00\r\n" * 100
    point(
        project, f"- md5: {hashlib.md5(content.replace(bytes([13, 10]), bytes([10]))).hexdigest()}\n  path: loans.csv\n"
    )
    put(project / "data" / "loans.csv", content)
    assert "is not as in this version" in refused(project)


def test_a_folder_of_its_own_is_where_the_path_begins(project: Path) -> None:
    point(project, f"- md5: {MD5}\n  hash: md5\n  path: raw/loans.csv\n", begin="wdir: ..\n")
    put(project / "raw" / "loans.csv")
    assert is_read(project)


def test_another_version_that_is_checked_out_is_told(project: Path) -> None:
    put(project / "data" / "loans.csv", CSV + b"50,bad\n")
    assert refused(project) == (
        ": loans.csv is not as in this version: `dvc checkout` brings that back, and `dvc add` makes a new version of "
        "what is there"
    )


@pytest.mark.parametrize("call", [check_source, read_source])
def test_other_bytes_in_the_cache_are_told(project: Path, call: Any) -> None:
    put(project / ".dvc" / "cache" / "files" / "md5" / MD5[:2] / MD5[2:], b"age,status\n1,bad\n")
    assert refused(project, call).startswith(
        ": what the cache or the remote has under its MD5 are other bytes: `dvc pull"
    )


NEITHER = ": loans.csv is neither checked out nor in the cache, and "


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ("", "there is no default remote: `dvc pull` it"),
        (
            "[core]\nremote = store\n",
            "the remote store is no folder, and is neither at s3:// nor at gs://: `dvc pull` it",
        ),
        (
            "[core]\nremote = store\n['remote \"store\"']\nurl = ssh://jane:secret@host/x\n",
            "the remote store is no folder, and is neither at s3:// nor at gs://: `dvc pull` it",
        ),
        (
            "[core]\nremote = store\n['remote \"store\"']\nurl = s3://b/x\nversion_aware = true\n",
            "the remote store keeps versions in its own way: `dvc pull` it",
        ),
        (
            "[core]\nremote = store\n['remote \"store\"']\nurl = /nowhere\n",
            "the remote store does not have this version: `dvc push` it from where it is",
        ),
    ],
)
def test_a_table_that_is_nowhere_is_told(project: Path, config: str, sentence: str) -> None:
    put(project / ".dvc" / "config", config.encode())
    assert refused(project) == f"{NEITHER}{sentence}"


def test_a_pointer_outside_of_a_repository_is_told(project: Path) -> None:
    shutil.rmtree(project / ".dvc")
    assert refused(project) == f"{NEITHER}it is in no repository of DVC: `dvc pull` it"


def test_a_configuration_that_cannot_be_read_is_told(project: Path) -> None:
    put(project / ".dvc" / "config", b"remote = store\n")
    assert "config cannot be read: `dvc config --list` says what is wrong with it" in refused(project)


POINTERS = {
    "no YAML": (b"outs: [", "is no file that `dvc add` has made for one file"),
    "no text": (b"\xff", "is no file that `dvc add` has made for one file"),
    "a list": (b"- 1", "is no file that `dvc add` has made for one file"),
    "nothing": (b"outs: []", "is no file that `dvc add` has made for one file"),
    "two files": (b"outs: [{path: a}, {path: b}]", "is no file that `dvc add` has made for one file"),
    "no mapping": (b"outs: [1]", "is no file that `dvc add` has made for one file"),
    "no path": (b"outs: [{md5: a}]", "is no file that `dvc add` has made for one file"),
    "a folder": (
        f"outs: [{{path: data, md5: {MD5}.dir}}]".encode(),
        "is of a folder, and a table is one file: `dvc add` that file alone",
    ),
    "no hash": (b"outs: [{path: a}]", "names no version by its MD5: `dvc add` or `dvc pull` the file, and commit it"),
    "no MD5": (
        b"outs: [{path: a, md5: ../../a}]",
        "names no version by its MD5: `dvc add` or `dvc pull` the file, and",
    ),
}


@pytest.mark.parametrize("case", POINTERS)
def test_a_pointer_that_names_no_file_is_told(project: Path, case: str) -> None:
    content, sentence = POINTERS[case]
    put(project / "data" / "loans.csv.dvc", content)
    assert refused(project).startswith(f" {sentence}")


def test_a_pointer_that_is_not_there_is_told(project: Path) -> None:
    (project / "data" / "loans.csv.dvc").unlink()
    assert refused(project) == " is not there: a path in training.yaml is relative to its folder"


def test_a_draft_is_of_the_table_and_names_the_pointer(project: Path) -> None:
    put(project / "data" / "loans.csv")
    pointer = project / "data" / "loans.csv.dvc"
    text = draft(pointer, guesses(pointer))
    assert "age: {type: Integer}" in text and f"path: {json.dumps(str(pointer))}" in text


def version(folder: Path) -> dict[str, str]:
    with whole_file(str(folder / "data" / "loans.csv.dvc")) as file:
        return dict(digest_of(file).version)


def test_the_manifest_of_the_data_has_the_version_and_no_path_of_the_machine(project: Path, tmp_path: Path) -> None:
    put(project / ".dvc" / "cache" / "files" / "md5" / MD5[:2] / MD5[2:])
    places = {name: tmp_path / name for name in ("data", "holdout", "privacy", "dataset")}
    ingest(training(project), **places)
    (file,) = json.loads((tmp_path / "dataset").read_text())["source"]["files"]
    assert file == {
        "address": "loans.csv.dvc",
        "digest": f"sha256:{hashlib.sha256(CSV).hexdigest()}",
        "size": len(CSV),
        "version": {"md5": MD5, "path": "data/loans.csv"},
    }


def test_a_table_outside_of_the_repository_is_known_by_its_name(project: Path, tmp_path: Path) -> None:
    point(project, f"- md5: {MD5}\n  hash: md5\n  path: {tmp_path}/elsewhere.csv\n")
    put(tmp_path / "elsewhere.csv")
    assert version(project) == {"md5": MD5, "path": "elsewhere.csv"}


def test_a_table_that_is_a_link_into_the_cache_has_its_own_path(project: Path) -> None:
    kept = project / ".dvc" / "cache" / "files" / "md5" / MD5[:2] / MD5[2:]
    put(kept)
    (project / "data" / "loans.csv").symlink_to(kept)
    assert version(project)["path"] == "data/loans.csv"


@pytest.fixture
def committed(project: Path) -> Path:
    """The project with the pointer committed, and another commit after that."""
    put(project / "data" / "loans.csv")
    git(project, "init", "--quiet")
    git(project, "add", "data/loans.csv.dvc")
    git(project, "commit", "--quiet", "--message", "Loans of 2025")
    git(project, "add", "training.yaml")
    git(project, "commit", "--quiet", "--message", "Train")
    return project


def test_the_commit_is_the_one_that_brought_the_version(committed: Path) -> None:
    assert version(committed)["commit"] == git(committed, "rev-parse", "HEAD~1")


def test_a_pointer_that_is_not_committed_has_no_commit(committed: Path) -> None:
    with (committed / "data" / "loans.csv.dvc").open("a") as stream:
        stream.write("# ours\n")
    assert "commit" not in version(committed)


def test_a_history_that_is_cut_off_tells_no_commit(committed: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{committed}", "shallow")
    put(tmp_path / "shallow" / "data" / "loans.csv")
    assert "commit" not in version(tmp_path / "shallow")


def test_a_table_that_is_changed_while_it_is_read_is_told(project: Path) -> None:
    put(project / "data" / "loans.csv")
    pointer = str(project / "data" / "loans.csv.dvc")
    with pytest.raises(StepError, match=r"loans\.csv was changed while it was read"), whole_file(pointer):
        put(project / "data" / "loans.csv", b"age,status\n1,bad\n")


def test_what_is_checked_is_the_table_and_not_the_pointer(project: Path) -> None:
    put(project / "data" / "loans.csv")
    with open_file(str(project / "data" / "loans.csv.dvc")) as stream:
        assert stream.read() == CSV
