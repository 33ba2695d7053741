"""Parameters have the pipeline's names and types, or the run does not start."""

from __future__ import annotations

from pathlib import Path

import pytest

from timoneiro_pipelines.parameters import ParameterError, run_parameters

TYPES = {"version": "STRING", "folds": "NUMBER_INTEGER", "limit": "NUMBER_DOUBLE", "publish": "BOOLEAN"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "parameters.yaml"


def test_a_file_gives_values(file: Path) -> None:
    file.write_text('version: "1"\nfolds: 3\npublish: false\n')
    assert run_parameters(TYPES, file, []) == {"version": "1", "folds": 3, "publish": False}


def test_a_setting_wins_over_the_file(file: Path) -> None:
    file.write_text("folds: 3\n")
    assert run_parameters(TYPES, file, ["folds=4"]) == {"folds": 4}


def test_text_in_a_setting_stays_text() -> None:
    assert run_parameters(TYPES, None, ["version=1.10"]) == {"version": "1.10"}


def test_a_setting_may_hold_an_equals_sign() -> None:
    assert run_parameters(TYPES, None, ["version=a=b"]) == {"version": "a=b"}


def test_a_whole_number_is_a_number() -> None:
    assert run_parameters(TYPES, None, ["limit=1"]) == {"limit": 1.0}


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("folds", "write --set name=value"),
        ("fold=3", "there is no parameter 'fold'; known are: folds, limit, publish, version"),
        ("folds=many", "parameter 'folds' must be a whole number, not 'many'"),
        ("folds=2.5", "parameter 'folds' must be a whole number, not 2.5"),
        ("folds=true", "parameter 'folds' must be a whole number, not True"),
        ("publish=1", "parameter 'publish' must be true or false, not 1"),
        ("publish=[", "parameter 'publish' cannot be read"),
    ],
)
def test_a_bad_setting_is_refused_with_a_sentence(setting: str, sentence: str) -> None:
    with pytest.raises(ParameterError) as caught:
        run_parameters(TYPES, None, [setting])
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("version: 1.10\n", "parameter 'version' must be text, not 1.1; write version:"),
        ("- 1\n", "must hold lines of name: value"),
        ("a: [\n", "cannot be read as YAML"),
        ("a: 1\n", "there is no parameter 'a'"),
    ],
)
def test_a_bad_file_is_refused_with_its_name(file: Path, text: str, sentence: str) -> None:
    file.write_text(text)
    with pytest.raises(ParameterError) as caught:
        run_parameters(TYPES, file, [])
    assert sentence in str(caught.value) and str(file) in str(caught.value)


def test_a_missing_file_is_refused_with_its_name(file: Path) -> None:
    with pytest.raises(ParameterError, match=r"parameters\.yaml cannot be read"):
        run_parameters(TYPES, file, [])
