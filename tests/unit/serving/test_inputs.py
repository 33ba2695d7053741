"""Requests become the table that the model wants, or a sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from timoneiro_serving.inputs import BadInput, Tensor, rows_of_instances, rows_of_tensors
from timoneiro_serving.manifest import Feature
from timoneiro_serving.times import zone_of

FEATURES = (Feature("length"), Feature("width"))
MIXED = (Feature("length"), Feature("colour", dtype="string"))


def test_rows_of_values_become_rows_in_the_order_of_the_features() -> None:
    frame = rows_of_instances({"instances": [[1, 2.5], [3, 4]]}, FEATURES).frame
    assert frame.to_dict("list") == {"length": [1.0, 3.0], "width": [2.5, 4.0]}


def test_named_values_are_put_in_order() -> None:
    frame = rows_of_instances({"instances": [{"width": 2, "length": 1}]}, FEATURES).frame
    assert frame.to_dict("list") == {"length": [1.0], "width": [2.0]}


def test_null_becomes_a_missing_value() -> None:
    assert np.isnan(rows_of_instances({"instances": [[None, 1]]}, FEATURES).frame.loc[0, "length"])


def test_text_is_kept_where_text_is_wanted() -> None:
    assert rows_of_instances({"instances": [[1, "red"]]}, MIXED).frame["colour"].tolist() == ["red"]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ([], 'send a JSON object with "instances"'),
        ({"rows": []}, 'send a JSON object with "instances"'),
        ({"instances": {}}, '"instances" must be a list'),
        ({"instances": []}, '"instances" is empty'),
        ({"instances": [7]}, "instance 0 must be a list of values or an object"),
        ({"instances": [[1, 2], [1]]}, "instance 1 has 1 values, the model wants 2"),
        ({"instances": [{"length": 1, "depth": 2}]}, "instance 0: the model has no feature 'depth'"),
        ({"instances": [{"length": 1}]}, "instance 0: feature 'width' is left out; send null"),
        ({"instances": [[1, 2], [1, "2"]]}, "row 1, feature 'width': a number is wanted, not text"),
        ({"instances": [[1, True]]}, "row 0, feature 'width': a number is wanted, not true or false"),
        ({"instances": [[1, [2]]]}, "row 0, feature 'width': a number is wanted, not a list"),
        (
            {"instances": [[1, 10**400]]},
            "row 0, feature 'width': a number of at most 1e+38 is wanted; a missing value is null",
        ),
    ],
)
def test_a_bad_v1_body_is_refused_with_a_sentence(body: Any, sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        rows_of_instances(body, FEATURES)
    assert sentence in str(caught.value)


def test_a_number_where_text_is_wanted_is_refused() -> None:
    with pytest.raises(BadInput, match="row 0, feature 'colour': text is wanted, not a number"):
        rows_of_instances({"instances": [[1, 2]]}, MIXED)


def test_null_is_refused_for_a_feature_that_may_not_be_missing() -> None:
    with pytest.raises(BadInput, match="feature 'length': a value is required"):
        rows_of_instances({"instances": [[None]]}, (Feature("length", nullable=False),))


def test_a_sentence_never_repeats_a_value_of_the_request() -> None:
    with pytest.raises(BadInput) as caught:
        rows_of_instances({"instances": [[1, "secret"]]}, FEATURES)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("data", [[1, 2, 3, 4], [[1, 2], [3, 4]]])
def test_a_v2_matrix_may_be_flat_or_nested(data: list[Any]) -> None:
    frame = rows_of_tensors([Tensor("input-0", (2, 2), data)], FEATURES).frame
    assert frame.to_dict("list") == {"length": [1.0, 3.0], "width": [2.0, 4.0]}


def test_v2_columns_are_put_in_order() -> None:
    tensors = [Tensor("width", (2,), [2, 4]), Tensor("length", (2, 1), [1, 3])]
    assert rows_of_tensors(tensors, FEATURES).frame.to_dict("list") == {"length": [1.0, 3.0], "width": [2.0, 4.0]}


@pytest.mark.parametrize(
    ("tensors", "sentence"),
    [
        ([], '"inputs" is empty'),
        ([Tensor("x", (1, 3), [1, 2, 3])], "shape [1, 3], the model wants [rows, 2]"),
        ([Tensor("x", (0, 2), [])], "has no rows"),
        ([Tensor("x", (2, 2), [1, 2, 3])], "holds 3 values, its shape [2, 2] wants 4"),
        ([Tensor("x", (2, 2), [[1, 2], 3])], "mixes values and lists"),
        ([Tensor("length", (1,), [1])], "feature 'width' is left out"),
        ([Tensor("length", (1,), [1]), Tensor("depth", (1,), [1])], "the model has no feature 'depth'"),
        ([Tensor("length", (1,), [1]), Tensor("length", (1,), [1])], "a feature is named twice"),
        ([Tensor("length", (2,), [1, 2]), Tensor("width", (1,), [1])], "different numbers of rows"),
        ([Tensor("length", (0,), []), Tensor("width", (0,), [])], "have no rows"),
        ([Tensor("length", (1, 2), [1, 2]), Tensor("width", (1,), [1])], "a column is [rows] or [rows, 1]"),
    ],
)
def test_bad_v2_tensors_are_refused_with_a_sentence(tensors: list[Tensor], sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        rows_of_tensors(tensors, FEATURES)
    assert sentence in str(caught.value)


TYPED = (Feature("age", dtype="int64"), Feature("owner", dtype="bool"))


@pytest.mark.parametrize("row", [[30, True], [30.0, 1], [-1, False], [0, 0.0]])
def test_whole_numbers_and_truth_values_are_taken_however_they_are_written(row: list[Any]) -> None:
    assert rows_of_instances({"instances": [row]}, TYPED).frame.to_numpy().tolist() == [[float(value) for value in row]]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ([1.5, True], "row 0, feature 'age': a whole number is wanted, not a fraction"),
        ([float("nan"), True], "row 0, feature 'age': a whole number is wanted, not a fraction"),
        ([30, 5], "row 0, feature 'owner': true or false is wanted, not a number"),
        ([30, 0.5], "row 0, feature 'owner': true or false is wanted, not a number"),
        ([True, True], "row 0, feature 'age': a number is wanted, not true or false"),
    ],
)
def test_another_number_than_the_model_was_trained_on_is_refused(row: list[Any], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        rows_of_instances({"instances": [row]}, TYPED)


TIMED = (Feature("at", "timestamp"), Feature("due", "timestamp", zone=zone_of("America/Sao_Paulo")))
NOON = 1738324800.0  # 2025-01-31T12:00:00Z


def test_times_become_seconds_in_the_zone_that_is_meant() -> None:
    row = ["2025-01-31T12:00:00Z", "2025-01-31T09:00:00"]
    assert rows_of_instances({"instances": [row]}, TIMED).frame.to_numpy().tolist() == [[NOON, NOON]]


def test_a_time_may_be_missing_where_it_is_nullable() -> None:
    assert np.isnan(rows_of_instances({"instances": [[None, "2025-01-31"]]}, TIMED).frame.loc[0, "at"])


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (["2025-01-31T12:00:00", None], "row 0, feature 'at': a time is wanted, such as 2025-01-31T12:00:00Z"),
        ([None, "yesterday"], "row 0, feature 'due': a time is wanted, such as 2025-01-31T12:00:00$"),
        ([1738324800, None], "row 0, feature 'at': text is wanted, not a number"),
    ],
)
def test_what_is_no_time_is_refused_without_its_value(row: list[Any], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence) as caught:
        rows_of_instances({"instances": [row]}, TIMED)
    assert "yesterday" not in str(caught.value)


LIMITED = (
    Feature("age", "int64", minimum=0, maximum=120),
    Feature("job", "string", values=frozenset({"cook", "nurse"})),
    Feature("owner", "bool"),
)


@pytest.mark.parametrize(
    ("rows", "outside"),
    [
        ([[0, "cook", True], [120, "nurse", False], [None, None, None]], []),
        (
            [[50, "cook", True], [121, "cook", True]],
            ["row 1, feature 'age': more than 120, the largest value that is possible"],
        ),
        (
            [[-1, "pilot", True]],
            [
                "row 0, feature 'age': less than 0, the smallest value that is possible",
                "row 0, feature 'job': none of the values that are possible",
            ],
        ),
    ],
)
def test_the_first_value_of_each_feature_that_is_outside_is_told(rows: list[Any], outside: list[str]) -> None:
    assert [str(value) for value in rows_of_instances({"instances": rows}, LIMITED).outside] == outside
