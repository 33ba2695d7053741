"""Ingest, splits and the data gate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from timoneiro_components.errors import GateFailed, StepError
from timoneiro_components.ingest import ingest
from timoneiro_components.tables import read_table, table_digest, take_fraction, write_table
from timoneiro_components.validate import Validation, validate


def test_data_and_holdout_share_no_row_and_lose_none(workspace: Any) -> None:
    both = pd.concat([read_table(workspace.data), read_table(workspace.holdout)])
    assert (len(both), int(both.duplicated().sum())) == (569, 0)


def test_the_holdout_has_the_number_of_rows_that_was_asked_for(workspace: Any) -> None:
    assert len(read_table(workspace.holdout)) == 60


def test_ingest_gives_the_digest_of_the_file(tmp_path: Path) -> None:
    done = ingest("diagnosis", data=tmp_path / "data", holdout=tmp_path / "holdout", holdout_rows=5)
    assert done.digest == table_digest(tmp_path / "data")


def test_ingest_gives_the_same_bytes_every_time(workspace: Any, tmp_path: Path) -> None:
    ingest("diagnosis", data=tmp_path / "data", holdout=tmp_path / "holdout", holdout_rows=60)
    assert (tmp_path / "data").read_bytes() == workspace.data.read_bytes()


def test_an_unknown_data_set_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(StepError, match="no data set 'moon'; known are: diagnosis"):
        ingest("moon", data=tmp_path / "data", holdout=tmp_path / "holdout", holdout_rows=5)


def test_a_holdout_of_most_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StepError, match="holdout_rows is 400, data set 'diagnosis' has 569 rows"):
        ingest("diagnosis", data=tmp_path / "data", holdout=tmp_path / "holdout", holdout_rows=400)


def test_a_table_survives_the_file_exactly(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [0.1 + 0.2, 1e-300, 5e15 + 1], "b": ["x", "y", "z"]})
    write_table(frame, tmp_path / "table")
    pd.testing.assert_frame_equal(read_table(tmp_path / "table"), frame, check_exact=True)


def test_a_missing_table_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(StepError, match="nothing cannot be read"):
        read_table(tmp_path / "nothing")


def test_a_row_stays_on_its_side_of_a_split_when_others_come_and_go(workspace: Any) -> None:
    frame = read_table(workspace.data)
    chosen, _ = take_fraction(frame, 0.25, purpose="test")
    half = frame.sample(frac=0.5, random_state=3)
    chosen_of_half, _ = take_fraction(half, 0.25, purpose="test")
    assert set(chosen_of_half.index) == set(chosen.index) & set(half.index)


@pytest.fixture
def judged(workspace: Any, tmp_path: Path) -> Callable[..., Validation]:
    """Validates the data after a change; the report is tmp_path/report."""

    def judge(change: Callable[[pd.DataFrame], pd.DataFrame], max_missing: float = 0.05) -> Validation:
        write_table(change(read_table(workspace.data)), tmp_path / "data")
        return validate("diagnosis", data=tmp_path / "data", report=tmp_path / "report", max_missing=max_missing)

    return judge


def without_values(frame: pd.DataFrame, share: float) -> pd.DataFrame:
    return frame.assign(**{"mean area": frame["mean area"].mask(frame.index < share * len(frame))})


def test_good_data_passes(judged: Callable[..., Validation]) -> None:
    assert judged(lambda frame: frame).reasons == ()


def test_a_passed_gate_lets_the_pipeline_go_on(judged: Callable[..., Validation]) -> None:
    judged(lambda frame: frame).require()


def test_a_failed_gate_stops_the_pipeline_with_the_reasons(judged: Callable[..., Validation]) -> None:
    with pytest.raises(GateFailed, match="data validation failed: column 'mean area' is missing"):
        judged(lambda frame: frame.drop(columns="mean area")).require()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda f: f.drop(columns="mean area"), "column 'mean area' is missing"),
        (lambda f: f.assign(extra=1.0), "column 'extra' is not part of the definition"),
        (
            lambda f: f.assign(**{"mean area": f["mean area"].mask(f.index < 3, -1.0)}),
            "column 'mean area' has 3 values outside 0..10000",
        ),
        (
            lambda f: f.assign(**{"mean area": "large"}),
            "column 'mean area' does not hold numbers",
        ),
        (
            lambda f: f.assign(diagnosis=f["diagnosis"].mask(f.index < 2, "unclear")),
            "column 'diagnosis' has 2 values other than benign, malignant",
        ),
        (lambda f: without_values(f, 0.1), "column 'mean area' lacks 10.0% of its values, 5.0% are accepted"),
        (lambda f: pd.concat([f, f.head(4)]), "4 of 513 rows are copies of another row"),
        (
            lambda f: f[(f["diagnosis"] == "benign") | (f.index < 10)],
            "class 'malignant' has ",
        ),
        (lambda f: f.head(0), "class 'benign' has 0 rows, at least 20 are wanted"),
    ],
)
def test_bad_data_fails_with_a_reason(
    judged: Callable[..., Validation], change: Callable[[pd.DataFrame], pd.DataFrame], reason: str
) -> None:
    assert any(found.startswith(reason) for found in judged(change).reasons)


def test_every_deviation_is_reported_not_only_the_first(judged: Callable[..., Validation]) -> None:
    spoilt = judged(lambda f: pd.concat([f, f.head(4)]).assign(extra=1.0))
    assert len(spoilt.reasons) == 2


def test_missing_values_within_the_limit_pass(judged: Callable[..., Validation]) -> None:
    assert judged(lambda f: without_values(f, 0.04)).passed


def test_the_report_of_a_failed_gate_says_what_is_wrong(judged: Callable[..., Validation], tmp_path: Path) -> None:
    judged(lambda frame: frame.drop(columns="mean area"))
    report = (tmp_path / "report").read_text()
    assert report.startswith("# Data report: failed") and "* column 'mean area' is missing" in report
