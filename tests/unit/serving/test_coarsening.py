"""Requests are made as coarse as the rows that the model was trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from timoneiro_components.definition.reading import parse_training
from timoneiro_components.privacy.treatment import treated
from timoneiro_serving.coarsening import middles
from timoneiro_serving.inputs import BadInput, rows_of_instances
from timoneiro_serving.manifest import Feature

TRAINING = """
apiVersion: timoneiro.dev/v1alpha1
kind: Training
metadata: {{name: loans}}
spec:
  source: {{csv: {{path: loans.csv}}}}
  columns:
    x: {{type: {type}, personal: Generalise, binWidth: {width}, nullable: true{limits}}}
    target: {{type: Category, values: [good, bad]}}
  target: {{column: target, positive: bad}}
"""
AGE = Feature("age", dtype="int64", minimum=18, maximum=97, bin_width=10)
TOWN = Feature("town", dtype="string", values=frozenset({"10", "20"}), prefix_length=2)


def served(feature: Feature, *values: Any) -> list[Any]:
    return list(rows_of_instances({"instances": [[value] for value in values]}, (feature,)).frame[feature.name])


@given(
    st.lists(st.integers(-(2**52), 2**52), min_size=1, max_size=20),
    st.integers(1, 1000),
    st.none() | st.integers(-50, 50),
    st.none() | st.integers(51, 200),
)
def test_a_whole_number_is_as_coarse_in_a_request_as_in_training(
    numbers: list[int], width: int, low: int | None, high: int | None
) -> None:
    said = "".join(f", {name}: {value}" for name, value in (("minimum", low), ("maximum", high)) if value is not None)
    training = parse_training(TRAINING.format(type="Integer", width=width, limits=said))
    trained = treated(pa.table({"x": numbers, "target": ["good"] * len(numbers)}), training, None)["x"].to_pylist()
    assert served(Feature("x", "int64", minimum=low, maximum=high, bin_width=width), *numbers) == trained


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), st.floats(0.01, 1e3))
@example([0.95], 0.01)
def test_a_number_is_as_coarse_in_a_request_as_in_training(numbers: list[float], width: float) -> None:
    training = parse_training(TRAINING.format(type="Number", width=width, limits=""))
    trained = treated(pa.table({"x": numbers, "target": ["good"] * len(numbers)}), training, None)["x"].to_pylist()
    assert served(Feature("x", bin_width=width), *numbers) == trained


@given(st.integers(-(10**6), 10**6), st.sampled_from([0.01, 0.05, 0.1, 0.3, 0.7]))
def test_a_number_on_a_bound_has_a_bin_that_holds_it(number: int, width: float) -> None:
    on_it = number * width
    assert abs(float(middles(np.array([on_it]), width, None, None)[0]) - on_it) <= width


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=20), st.integers(1, 1000))
def test_a_coarse_number_stays_what_it_is(numbers: list[int], width: int) -> None:
    coarse = middles(np.array(numbers), width, None, None)
    assert (middles(coarse, width, None, None) == coarse).all()


def test_a_missing_number_of_a_request_stays_missing() -> None:
    found = served(AGE, 23, None)
    assert (found[0], np.isnan(found[1])) == (25, True)


def test_a_number_that_was_outside_of_its_limits_is_told_although_its_bin_is_not() -> None:
    rows = rows_of_instances({"instances": [[98]]}, (AGE,))
    assert [str(value) for value in rows.outside] == [
        "row 0, feature 'age': more than 97, the largest value that is possible"
    ]


@pytest.mark.parametrize(
    ("feature", "value"),
    [(Feature("x", bin_width=1e-300), 1e38), (Feature("x", "int64", bin_width=3000), 2**63 - 1024)],
)
def test_a_number_that_no_bin_holds_is_refused(feature: Feature, value: float) -> None:
    with pytest.raises(BadInput, match=r"^feature 'x' has numbers that no bin of \S+ holds: they are too large$"):
        served(feature, value)


def test_a_text_of_a_request_becomes_its_beginning_which_is_what_is_possible() -> None:
    rows = rows_of_instances({"instances": [["10115"], [None]]}, (TOWN,))
    assert (rows.frame["town"][0], rows.outside) == ("10", ())


def test_a_text_with_another_beginning_is_outside() -> None:
    assert len(rows_of_instances({"instances": [["30115"]]}, (TOWN,)).outside) == 1
