"""`timoneiro training ...` as a person types it: what is printed where, and the exit code."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from timoneiro_operator.cli.main import app as program
from timoneiro_pipelines import commands

TABLE = "age,status\n" + "".join(f"{n},{'bad' if n % 3 == 0 else 'good'}\n" for n in range(60))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loans.csv").write_text(TABLE)
    return tmp_path


def typed(*arguments: str) -> tuple[int, str, str]:
    """Exit code, and what was printed to stdout and to stderr."""
    done = CliRunner().invoke(program, ["training", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


def test_a_draft_goes_to_stdout_and_passes_the_check(folder: Path) -> None:
    code, draft, told = typed("init", "loans.csv")
    (folder / "training.yaml").write_text(draft)
    assert (code, told) == (0, "")
    assert typed("check") == (0, "training.yaml: loans, 1 column to learn from, nothing is wrong\n", "")


def test_a_table_that_is_not_there_is_wrong_use(folder: Path) -> None:
    code, printed, told = typed("init", "nowhere.csv")
    assert (code, printed) == (2, "") and told.startswith("nowhere.csv is not there")


def test_every_fault_is_a_line_on_stderr_and_wrong_use(folder: Path) -> None:
    (folder / "training.yaml").write_text(typed("init", "loans.csv")[1].replace("Integer", "integer"))
    code, printed, told = typed("check", "--set", "spec.split.folds=0")
    assert (code, printed, len(told.splitlines())) == (2, "", 2)
    assert told.splitlines()[0] == "training.yaml: spec.split.folds: it must be at least 2"


def test_a_table_with_other_columns_is_found_before_anything_runs(folder: Path) -> None:
    (folder / "training.yaml").write_text(typed("init", "loans.csv")[1])
    (folder / "loans.csv").write_text(TABLE.replace("age", "years"))
    code, _, told = typed("check")
    assert code == 2 and "there is no column 'age'" in told


def test_a_database_is_asked_before_anything_runs(folder: Path) -> None:
    sqlite3.connect(folder / "loans.db").close()
    (folder / "training.yaml").write_text(typed("init", "loans.csv")[1])
    source = "spec.source={sql: {url: 'sqlite:///loans.db', table: loans}}"
    code, printed, told = typed("check", "--set", source)
    assert (code, printed, told) == (2, "", f"{folder / 'loans.db'}: there is no such table or view\n")


def test_a_password_in_a_definition_is_refused_and_not_shown(folder: Path) -> None:
    (folder / "training.yaml").write_text(typed("init", "loans.csv")[1])
    source = "spec.source={sql: {url: 'postgresql://reader:hunter2@host/bank', table: loans}}"
    code, printed, told = typed("check", "--set", source)
    assert (code, printed) == (2, "") and "hunter2" not in told


def test_the_schema_is_json(folder: Path) -> None:
    code, printed, _ = typed("schema")
    assert (code, json.loads(printed)["properties"]["kind"]["const"]) == (0, "Training")


def test_without_what_training_needs_one_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "_NEEDED", ("nothing_like_it",))
    code, _, told = typed("schema")
    assert (code, told) == (
        1,
        "nothing_like_it is not installed: pip install 'timoneiro[components,pipelines,serving]'\n",
    )


@pytest.mark.parametrize("heavy", ["kfp", "kfp_server_api", "pandas", "pyarrow", "pydantic", "sklearn", "yaml"])
def test_who_asks_for_help_imports_nothing_that_training_needs(heavy: str) -> None:
    code = f"import sys; from timoneiro_operator.cli.main import app; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("heavy", ["kfp", "sklearn", "kserve"])
def test_a_check_imports_nothing_that_only_a_run_needs(heavy: str) -> None:
    modules = (
        "timoneiro_components.definition.reading, timoneiro_components.sources.table, "
        "timoneiro_components.quality.preflight, timoneiro_pipelines.commands"
    )
    code = f"import sys, {modules}; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def help_with(folder: Path, entry: str) -> subprocess.CompletedProcess[str]:
    """The help of the program beside a distribution that names this command."""
    (folder / "other-1.0.dist-info").mkdir()
    (folder / "other-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (folder / "other-1.0.dist-info" / "entry_points.txt").write_text(f"[timoneiro.commands]\n{entry}\n")
    (folder / "others_own.py").write_text("import typer\n\napp = typer.Typer(help='What others have added.')\n")
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "120"}
    command = [sys.executable, "-m", "timoneiro_operator.cli.main", "--help"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_command_that_others_have_added_is_among_the_commands(tmp_path: Path) -> None:
    assert "What others have added." in help_with(tmp_path, "others = others_own:app").stdout


def test_a_command_whose_package_is_left_out_takes_nothing_else_with_it(tmp_path: Path) -> None:
    done = help_with(tmp_path, "lost = nowhere:app")
    assert (done.returncode, "training" in done.stdout, "lost" in done.stdout) == (0, True, False)
