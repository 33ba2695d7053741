"""Requests become the table that the model wants, or a sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from timoneiro_serving.inputs import BadInput, Tensor, frame_of_instances, frame_of_tensors
from timoneiro_serving.manifest import Feature

FEATURES = (Feature("length"), Feature("width"))
MIXED = (Feature("length"), Feature("colour", dtype="string"))


def test_rows_of_values_become_rows_in_the_order_of_the_features() -> None:
    frame = frame_of_instances({"instances": [[1, 2.5], [3, 4]]}, FEATURES)
    assert frame.to_dict("list") == {"length": [1.0, 3.0], "width": [2.5, 4.0]}


def test_named_values_are_put_in_order() -> None:
    frame = frame_of_instances({"instances": [{"width": 2, "length": 1}]}, FEATURES)
    assert frame.to_dict("list") == {"length": [1.0], "width": [2.0]}


def test_null_becomes_a_missing_value() -> None:
    assert np.isnan(frame_of_instances({"instances": [[None, 1]]}, FEATURES).loc[0, "length"])


def test_text_is_kept_where_text_is_wanted() -> None:
    assert frame_of_instances({"instances": [[1, "red"]]}, MIXED)["colour"].tolist() == ["red"]


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
        ({"instances": [[1, 10**400]]}, "row 0, feature 'width': the number is too large"),
    ],
)
def test_a_bad_v1_body_is_refused_with_a_sentence(body: Any, sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        frame_of_instances(body, FEATURES)
    assert sentence in str(caught.value)


def test_a_number_where_text_is_wanted_is_refused() -> None:
    with pytest.raises(BadInput, match="row 0, feature 'colour': text is wanted, not a number"):
        frame_of_instances({"instances": [[1, 2]]}, MIXED)


def test_null_is_refused_for_a_feature_that_may_not_be_missing() -> None:
    with pytest.raises(BadInput, match="feature 'length': a value is required"):
        frame_of_instances({"instances": [[None]]}, (Feature("length", nullable=False),))


def test_a_sentence_never_repeats_a_value_of_the_request() -> None:
    with pytest.raises(BadInput) as caught:
        frame_of_instances({"instances": [[1, "secret"]]}, FEATURES)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("data", [[1, 2, 3, 4], [[1, 2], [3, 4]]])
def test_a_v2_matrix_may_be_flat_or_nested(data: list[Any]) -> None:
    frame = frame_of_tensors([Tensor("input-0", (2, 2), data)], FEATURES)
    assert frame.to_dict("list") == {"length": [1.0, 3.0], "width": [2.0, 4.0]}


def test_v2_columns_are_put_in_order() -> None:
    tensors = [Tensor("width", (2,), [2, 4]), Tensor("length", (2, 1), [1, 3])]
    assert frame_of_tensors(tensors, FEATURES).to_dict("list") == {"length": [1.0, 3.0], "width": [2.0, 4.0]}


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
        frame_of_tensors(tensors, FEATURES)
    assert sentence in str(caught.value)


TYPED = (Feature("age", dtype="int64"), Feature("owner", dtype="bool"))


@pytest.mark.parametrize("row", [[30, True], [30.0, 1], [-1, False], [0, 0.0]])
def test_whole_numbers_and_truth_values_are_taken_however_they_are_written(row: list[Any]) -> None:
    assert frame_of_instances({"instances": [row]}, TYPED).to_numpy().tolist() == [[float(value) for value in row]]


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
        frame_of_instances({"instances": [row]}, TYPED)
