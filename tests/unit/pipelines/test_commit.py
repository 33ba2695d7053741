"""The commit that a definition is from, asked of the real git."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from timoneiro_pipelines.commit import commit_of


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", "-C", str(folder), *who, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def definition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A definition that is committed, in a folder of a repository."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    file = tmp_path / "repository" / "loans" / "training.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("kind: Training\n")
    (tmp_path / "repository" / "rules.py").write_text("")
    git(tmp_path / "repository", "init", "--quiet")
    git(file.parent, "add", "--all", "..")
    git(file.parent, "commit", "--quiet", "--message", "Train")
    return file


def test_a_definition_as_it_was_committed_has_the_commit_of_its_folder(definition: Path) -> None:
    assert commit_of(definition) == git(definition.parent, "rev-parse", "HEAD")


def test_a_definition_that_was_changed_is_told(definition: Path) -> None:
    definition.write_text("kind: Other\n")
    assert commit_of(definition) == f"{git(definition.parent, 'rev-parse', 'HEAD')}-dirty"


def test_another_file_that_was_changed_is_told(definition: Path) -> None:
    (definition.parents[1] / "rules.py").write_text("import this\n")
    assert commit_of(definition).endswith("-dirty")


def test_what_a_run_leaves_beside_the_definition_is_no_change(definition: Path) -> None:
    (definition.parent / "runs").mkdir()
    (definition.parent / "runs" / "kfp.log").write_text("a log")
    assert not commit_of(definition).endswith("-dirty")


@pytest.mark.parametrize("ignored", [False, True])
def test_a_definition_that_was_never_committed_is_told(definition: Path, ignored: bool) -> None:
    if ignored:
        (definition.parents[1] / ".git" / "info" / "exclude").write_text("other.yaml\n")
    (definition.parent / "other.yaml").write_text("kind: Training\n")
    assert commit_of(definition.parent / "other.yaml").endswith("-dirty")


def test_a_field_that_is_set_for_one_run_is_told(definition: Path) -> None:
    assert commit_of(definition, altered=True).endswith("-dirty")


def test_a_name_that_git_would_take_for_a_pattern_is_one_file(definition: Path) -> None:
    (definition.parent / "t*").write_text("kind: Training\n")
    git(definition.parent, "add", "--all")
    git(definition.parent, "commit", "--quiet", "--message", "More")
    (definition.parent / "training.txt").write_text("")
    assert not commit_of(definition.parent / "t*").endswith("-dirty")


def test_a_folder_that_is_in_no_repository_has_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "training.yaml").write_text("")
    assert commit_of(tmp_path / "training.yaml") == ""


def test_a_repository_without_a_commit_has_none(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    assert commit_of(tmp_path / "training.yaml") == ""


def test_without_git_there_is_no_commit_and_no_error(definition: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert commit_of(definition) == ""


def test_the_index_of_the_repository_is_not_written(definition: Path) -> None:
    index = definition.parents[1] / ".git" / "index"
    # Stat data that is not what the index has makes git write it anew, unless it is asked not to.
    (definition.parents[1] / "rules.py").touch()
    before = index.read_bytes()
    commit_of(definition)
    assert index.read_bytes() == before
