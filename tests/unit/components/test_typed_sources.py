"""Sources that have types of their own (Python, Parquet, JSON lines): those of the definition, or a sentence."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from timoneiro_components.definition.reading import parse_training
from timoneiro_components.errors import StepError
from timoneiro_components.examples import diagnosis
from timoneiro_components.sources.table import read_source

DEFINITION = """\
apiVersion: timoneiro.dev/v1alpha1
kind: Training
metadata: {name: loans}
spec:
  source:
    python: {function: "timoneiro_components.examples.diagnosis:given"}
  columns:
    income: {type: Number}
    age: {type: Integer}
    status: {type: Category, values: [good, bad]}
  target: {column: status, positive: bad}
"""
ROWS = pd.DataFrame({"income": [1, 2], "age": [3.0, None], "status": ["good", None]})


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The table of what a function gives."""

    def from_function(function: Callable[[], Any]) -> Any:
        monkeypatch.setattr(diagnosis, "given", function, raising=False)
        return read_source(parse_training(DEFINITION)).table

    return from_function


def test_values_have_the_types_of_the_definition(read: Callable[..., Any]) -> None:
    assert read(lambda: ROWS).to_pylist() == [
        {"income": 1.0, "age": 3, "status": "good"},
        {"income": 2.0, "age": None, "status": None},
    ]


def failing() -> Any:
    raise OSError("Jane Doe has no age")


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (failing, "diagnosis:given failed: OSError at test_typed_sources.py:"),
        (lambda: ROWS.assign(status=[True, 3.5]), "gave a column with values of several types, or of an odd type"),
        (lambda: ROWS.assign(age=pd.Timestamp("2020-01-01")), "column 'age' is timestamp[s], and its type in the"),
        (lambda: ROWS.assign(income=float("inf")), "column 'income' has values that are infinite"),
        (lambda: [1], "diagnosis:given gave a list, and a pandas DataFrame is wanted"),
        (lambda: ROWS.head(0), "diagnosis:given has no rows"),
        (lambda: ROWS.drop(columns="age"), "diagnosis:given: there is no column 'age'"),
        (lambda: ROWS.assign(note=1), "column 'note' is not described"),
        (
            lambda: ROWS.assign(age=[1.5, 2]),
            "column 'age' is double, and its type in the definition is Integer",
        ),
        (
            lambda: ROWS.assign(income=["a", "b"]),
            "column 'income' is string, and its type in the",
        ),
    ],
)
def test_what_is_no_such_table_is_told(read: Callable[..., Any], function: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(StepError) as raised:
        read(function)
    assert sentence in str(raised.value) and "Jane" not in str(raised.value)


def test_what_is_no_function_is_told() -> None:
    text = DEFINITION.replace(
        "timoneiro_components.examples.diagnosis:given", "timoneiro_components.examples.diagnosis:pd"
    )
    with pytest.raises(StepError, match="is a module, and no function"):
        read_source(parse_training(text))


@pytest.mark.parametrize("function", ["nowhere:load", "timoneiro_components.examples.diagnosis:nothing"])
def test_a_function_that_is_not_there_is_told_with_where_it_has_to_be(function: str) -> None:
    text = DEFINITION.replace("timoneiro_components.examples.diagnosis:given", function)
    with pytest.raises(StepError, match=r"cannot be imported .*: it has to be in the image of the components"):
        read_source(parse_training(text))


def from_file(kind: str, file: Path) -> Any:
    text = DEFINITION.replace(
        'python: {function: "timoneiro_components.examples.diagnosis:given"}', f"{kind}: {{path: {file}}}"
    )
    return read_source(parse_training(text)).table


def refused(kind: str, file: Path) -> str:
    with pytest.raises(StepError) as raised:
        from_file(kind, file)
    return str(raised.value).removeprefix(f"{file}: ")


TYPED = [{"income": 1.0, "age": 3, "status": "good"}, {"income": None, "age": None, "status": "bad"}]


def test_a_parquet_file_is_read_in_the_types_of_the_definition(tmp_path: Path) -> None:
    table = pa.table(
        {
            "status": pa.array(["good", "bad"]).dictionary_encode(),
            "age": pa.array([3, None], pa.int8()),
            "income": pa.array([1, float("nan")], pa.float32()),
        }
    )
    parquet.write_table(table, tmp_path / "t.parquet")
    assert from_file("parquet", tmp_path / "t.parquet").to_pylist() == TYPED


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"income": ["1.0"], "age": [1], "status": ["good"]}, "column 'income' is string, and its type in the"),
        ({"income": [True], "age": [1], "status": ["good"]}, "column 'income' is bool, and its type in the definition"),
        ({"income": [1.0], "age": [[1]], "status": ["good"]}, "column 'age' is list<"),
        ({"income": [1.0], "age": [1]}, "there is no column 'status'"),
        ({"income": [], "age": [], "status": []}, "has no rows"),
    ],
)
def test_a_parquet_file_that_does_not_fit_is_told(tmp_path: Path, columns: dict[str, Any], sentence: str) -> None:
    parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    assert sentence in refused("parquet", tmp_path / "t.parquet")


def test_what_is_no_parquet_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_text("income,age\n")
    assert "cannot be read as Parquet: is it another format, or cut off?" in refused("parquet", tmp_path / "t.parquet")


@pytest.mark.parametrize("kind", ["parquet", "jsonLines"])
def test_a_file_that_is_not_there_is_told_with_where_it_is_looked_for(tmp_path: Path, kind: str) -> None:
    assert "is not there: a path in training.yaml is relative to its folder" in refused(kind, tmp_path / "none")


def test_json_lines_are_read_in_the_types_of_the_definition(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(
        '{"income": 1, "age": 3, "status": "good"}\n\n{"status": "bad", "age": null, "income": null}\n'
    )
    assert from_file("jsonLines", tmp_path / "t.jsonl").to_pylist() == TYPED


@pytest.mark.parametrize(
    "text", ["2025-01-31T10:00:00-03:00", "2025-01-31T10:00:00Z", "2025-01-31", "2025-01-31 10:00:00"]
)
def test_text_of_json_that_looks_like_a_time_stays_as_it_is(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.jsonl").write_text(f'{{"income": 1, "age": null, "status": "{text}"}}\n')
    assert from_file("jsonLines", tmp_path / "t.jsonl")["status"].to_pylist() == [text]


def test_decimals_of_parquet_are_numbers(tmp_path: Path) -> None:
    decimals = pa.array([Decimal("1.00"), Decimal("2.00")])
    parquet.write_table(pa.table({"income": decimals, "age": decimals, "status": ["good", "bad"]}), tmp_path / "t")
    assert from_file("parquet", tmp_path / "t").to_pylist() == [
        {"income": 1.0, "age": 1, "status": "good"},
        {"income": 2.0, "age": 2, "status": "bad"},
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ('{"income": 1, "age": 1, "status": "good"}\nsecret\n', "row 2: it is no JSON object in a line of its own"),
        ("[1, 2]\n", "it is no JSON object in a line of its own"),
        (
            '{"income": 1, "age": 1, "status": "good"}\n{"income": "secret", "age": 1, "status": "good"}\n',
            "row 2: column 'income' is a string, and a number in the rows before",
        ),
        ('{"income": {"value": 1}, "age": 1, "status": "good"}\n', "column 'income' is struct<value: int64>, and"),
        ('{"income": 1.5, "age": 1.5, "status": "good"}\n', "column 'age' is double, and its type in the definition"),
        ('{"income": 1, "age": 1}\n', "there is no column 'status'"),
        ('{"income": 1, "age": 1, "status": "good"', "it is no JSON object in a line of its own"),
    ],
)
def test_json_lines_that_do_not_fit_are_told_without_a_value(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "t.jsonl").write_text(text)
    told = refused("jsonLines", tmp_path / "t.jsonl")
    assert sentence in told and "secret" not in told


@pytest.mark.parametrize("line", ["null", "[1]", "5", '"x"'])
def test_a_line_of_json_that_is_no_object_is_told_with_its_row(tmp_path: Path, line: str) -> None:
    (tmp_path / "t.jsonl").write_text(f'\n{line}\n{{"income": 1, "age": 2, "status": "good"}}\n')
    text = DEFINITION.replace(
        'python: {function: "timoneiro_components.examples.diagnosis:given"}',
        f"jsonLines: {{path: {tmp_path}/t.jsonl}}",
    )
    with pytest.raises(StepError, match="row 1: it is no JSON object in a line of its own"):
        read_source(parse_training(text))


def test_a_text_of_parquet_that_is_no_utf_8_is_told(tmp_path: Path) -> None:
    status = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")])
    parquet.write_table(pa.table({"income": [1.0], "age": [2], "status": status}), tmp_path / "t.parquet")
    text = DEFINITION.replace(
        'python: {function: "timoneiro_components.examples.diagnosis:given"}',
        f"parquet: {{path: {tmp_path}/t.parquet}}",
    )
    with pytest.raises(StepError, match="column 'status' has a text that is no UTF-8"):
        read_source(parse_training(text))
