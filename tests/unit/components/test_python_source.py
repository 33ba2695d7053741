"""A function that gives the table: in the types of the definition, or refused with its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from timoneiro_components.definition.reading import parse_training
from timoneiro_components.errors import StepError
from timoneiro_components.sources import examples
from timoneiro_components.sources.table import read_source

DEFINITION = """\
apiVersion: timoneiro.dev/v1alpha1
kind: Training
metadata: {name: loans}
spec:
  source:
    python: {function: "timoneiro_components.sources.examples:given"}
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
        monkeypatch.setattr(examples, "given", function, raising=False)
        return read_source(parse_training(DEFINITION))

    return from_function


def test_values_have_the_types_of_the_definition(read: Callable[..., Any]) -> None:
    assert read(lambda: ROWS).to_pylist() == [
        {"income": 1.0, "age": 3, "status": "good"},
        {"income": 2.0, "age": None, "status": None},
    ]


def failing() -> Any:
    raise OSError("the disk is full")


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (failing, "examples:given failed: OSError: the disk is full"),
        (lambda: [1], "examples:given gave a list, and a pandas DataFrame is wanted"),
        (lambda: ROWS.head(0), "examples:given gave no rows"),
        (lambda: ROWS.drop(columns="age"), "examples:given: there is no column 'age'"),
        (lambda: ROWS.assign(note=1), "column 'note' is not described"),
        (lambda: ROWS.assign(age=[1.5, 2]), "examples:given: column 'age' is double, and no Integer"),
        (lambda: ROWS.assign(income=["a", "b"]), "examples:given: column 'income' is string, and no Number"),
    ],
)
def test_what_is_no_such_table_is_told(read: Callable[..., Any], function: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(StepError) as raised:
        read(function)
    assert sentence in str(raised.value)


@pytest.mark.parametrize("function", ["nowhere:load", "timoneiro_components.sources.examples:nothing"])
def test_a_function_that_is_not_there_is_told_with_where_it_has_to_be(function: str) -> None:
    text = DEFINITION.replace("timoneiro_components.sources.examples:given", function)
    with pytest.raises(StepError, match=r"cannot be imported .*: it has to be in the image of the components"):
        read_source(parse_training(text))
