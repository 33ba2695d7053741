"""What the model answers is counted in bins, one answer of each request, in a limited number of series."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from timoneiro_serving import __main__ as command_line
from timoneiro_serving.estimators import Answer
from timoneiro_serving.predictions import MOST_CLASSES, NUMBER_BOUNDS, OTHER, Predictions


def answer(predictions: list[Any], probabilities: list[list[float]] | None = None) -> Answer:
    return Answer(np.array(predictions), None if probabilities is None else np.array(probabilities))


def shown(predictions: Predictions) -> dict[str, float]:
    """What /metrics shows, by class or by the bound of a bucket."""
    registry = CollectorRegistry()
    registry.register(predictions)
    families = text_string_to_metric_families(generate_latest(registry).decode())
    samples = [sample for family in families for sample in family.samples]
    return {sample.labels.get("class") or f"<={sample.labels['le']}": sample.value for sample in samples}


def test_the_classes_of_a_model_are_shown_before_its_first_answer() -> None:
    assert shown(Predictions(("large", "small"))) == {"large": 0, "small": 0}


def test_the_first_row_of_a_request_counts_for_all_of_it() -> None:
    predictions = Predictions(("large", "small"))
    predictions.count(answer(["small", "large", "large"]))
    assert shown(predictions) == {"large": 0, "small": 1}


def test_a_request_without_rows_counts_for_nothing() -> None:
    predictions = Predictions(("large", "small"))
    predictions.count(answer([]))
    assert sum(shown(predictions).values()) == 0


@pytest.mark.parametrize(
    ("probabilities", "below", "from_there"),
    [([[0.05, 0.95]], "0.9", "+Inf"), ([[0.95, 0.05]], "none", "0.1"), ([[0.2, 0.55, 0.25]], "0.5", "0.6")],
)
def test_a_score_is_the_one_of_the_last_of_two_classes_and_the_highest_of_several(
    probabilities: list[list[float]], below: str, from_there: str
) -> None:
    predictions = Predictions()
    predictions.count(answer(["small"], probabilities))
    assert shown(predictions).get(f"<={below}", 0) == 0
    assert shown(predictions)[f"<={from_there}"] == 1


def test_whole_numbers_without_a_list_of_classes_are_classes() -> None:
    predictions = Predictions()
    predictions.count(answer([3]))
    assert shown(predictions) == {"3": 1}


def test_a_number_is_counted_up_to_its_bound() -> None:
    predictions = Predictions(number_bounds=(10.0, 20.0))
    for number in (-5.0, 10.0, 15.0, 99.0):
        predictions.count(answer([number]))
    assert shown(predictions) == {"<=10": 2, "<=20": 3, "<=+Inf": 4}


def test_more_classes_than_there_is_room_for_are_counted_together() -> None:
    predictions = Predictions()
    for number in range(MOST_CLASSES + 5):
        predictions.count(answer([f"class {number}"]))
    found = shown(predictions)
    assert (len(found), found[OTHER]) == (MOST_CLASSES + 1, 5)


def test_a_server_shows_what_it_has_answered(skops_server: Any) -> None:
    before = skops_server.classes()
    skops_server.post("/v1/models/parcel:predict", json={"instances": [[3, 3, 0], [-3, -3, 0]]})
    skops_server.post("/v1/models/parcel:predict", json={"instances": [[3, None, 0]]})
    after = skops_server.classes()
    assert {name: after[name] - before[name] for name in after} == {"large": 1, "small": 0}


def test_bounds_are_read_from_the_command_line() -> None:
    assert command_line._parser().parse_args(["--model_name", "m", "--number_bounds", "-1, 2.5,10"]).number_bounds == (
        -1.0,
        2.5,
        10.0,
    )


def test_bounds_rise_where_nobody_says_them() -> None:
    assert list(NUMBER_BOUNDS) == sorted(set(NUMBER_BOUNDS))


@pytest.mark.parametrize("text", ["2,1", "1,1", "one", "1,inf", ",".join(map(str, range(41)))])
def test_what_is_no_list_of_bounds_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command_line.main(["--model_name", "m", "--number_bounds", text])
    assert "--number_bounds" in capsys.readouterr().err
