"""Requests with values that the model was not made for, counted by feature."""

from __future__ import annotations

from timoneiro_serving.outside import MOST_FEATURES, OutsideRequests


def shown(counted: OutsideRequests) -> dict[str, float]:
    (family,) = counted.collect()
    return {sample.labels["feature"]: sample.value for sample in family.samples}


def test_every_feature_with_limits_is_shown_before_the_first_request() -> None:
    assert shown(OutsideRequests(["age", "job"])) == {"age": 0, "job": 0}


def test_a_request_counts_once_for_each_feature() -> None:
    counted = OutsideRequests(["age", "job"])
    counted.count(["age", "job"])
    counted.count(["age"])
    assert shown(counted) == {"age": 2, "job": 1}


def test_there_are_never_more_series_than_a_bound() -> None:
    names = [f"x{number}" for number in range(MOST_FEATURES + 50)]
    counted = OutsideRequests(names)
    counted.count(names)
    assert len(shown(counted)) == MOST_FEATURES + 1 and shown(counted)["other features"] == 1
