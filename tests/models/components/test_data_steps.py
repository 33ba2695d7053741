"""Ingest, splits and what the data gate is about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from timoneiro_components.definition.training import Training
from timoneiro_components.errors import GateFailed, StepError
from timoneiro_components.gates import require, write_outcome
from timoneiro_components.ingest import ingest
from timoneiro_components.tables import (
    frame_of,
    read_table,
    table_digest,
    take_rows,
    take_test,
    write_table,
)
from timoneiro_components.validate import Validation, validate

Diagnosis = Callable[..., Training]


def frame(path: Path) -> pd.DataFrame:
    return frame_of(read_table(path))


def left_in(folder: Path) -> dict[str, Path]:
    """Where the step that checks the data leaves what it makes."""
    return {name: folder / name for name in ("accepted", "accepted_holdout", "quarantine", "report")}


def test_data_and_holdout_share_no_row_and_lose_none(workspace: Any) -> None:
    both = pd.concat([frame(workspace.data), frame(workspace.holdout)])
    assert (len(both), int(both.duplicated().sum())) == (569, 0)


def test_the_holdout_has_the_number_of_rows_that_was_asked_for(workspace: Any) -> None:
    assert read_table(workspace.holdout).num_rows == 60


def test_ingest_gives_the_digest_of_the_file(diagnosis: Diagnosis, tmp_path: Path) -> None:
    places = {name: tmp_path / name for name in ("data", "holdout", "privacy", "dataset")}
    done = ingest(diagnosis("spec.split.holdoutRows=5"), **places)
    assert done.digest == table_digest(tmp_path / "data")


def test_ingest_gives_the_same_bytes_every_time(diagnosis: Diagnosis, workspace: Any, tmp_path: Path) -> None:
    ingest(diagnosis(), **{name: tmp_path / name for name in ("data", "holdout", "privacy", "dataset")})
    assert (tmp_path / "data").read_bytes() == workspace.data.read_bytes()


def test_a_holdout_of_most_rows_is_refused(diagnosis: Diagnosis, tmp_path: Path) -> None:
    places = {name: tmp_path / name for name in ("data", "holdout", "privacy", "dataset")}
    with pytest.raises(StepError, match=r"spec\.split\.holdoutRows is 400, and there are 569 rows: choose 0 to 284"):
        ingest(diagnosis("spec.split.holdoutRows=400"), **places)


def test_a_table_survives_the_file_exactly(tmp_path: Path) -> None:
    table = pa.table(
        {
            "number": pa.array([0.1 + 0.2, 1e-300, None]),
            "whole": pa.array([2**53 + 1, None, -1]),
            "truth": pa.array([True, None, False]),
            "text": pa.array(["007", None, "NA\r\n\x00\u2028"]),
        }
    )
    write_table(table, tmp_path / "table")
    assert read_table(tmp_path / "table").equals(table)


def test_missing_values_do_not_change_a_type_in_pandas() -> None:
    table = pa.table({"whole": pa.array([2**53 + 1, None]), "truth": pa.array([True, None]), "text": ["a", None]})
    assert [str(kind) for kind in frame_of(table).dtypes] == ["Int64", "boolean", "object"]


def test_a_missing_table_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(StepError, match="nothing cannot be read"):
        read_table(tmp_path / "nothing")


def test_a_row_stays_on_its_side_of_a_split_when_others_come_and_go(diagnosis: Diagnosis, workspace: Any) -> None:
    table, training = read_table(workspace.data), diagnosis()
    chosen, _ = take_test(table, training)
    half = table.take(list(range(0, table.num_rows, 2)))
    of_half, _ = take_test(half, training)
    rows = [set(map(tuple, part.to_pandas().itertuples(index=False))) for part in (chosen, half, of_half)]
    assert rows[2] == rows[0] & rows[1]


def test_neither_the_order_of_columns_nor_their_type_moves_a_row(diagnosis: Diagnosis) -> None:
    training = diagnosis()
    rows = pa.table({"a": list(range(100)), "b": [f"x{n}" for n in range(100)]})
    other = pa.table({"b": rows["b"], "a": rows["a"].cast(pa.float64())})
    chosen = [take_test(table, training)[0]["b"].to_pylist() for table in (rows, other)]
    assert chosen[0] == chosen[1] != []


def test_a_holdout_shares_no_key_with_the_data(diagnosis: Diagnosis) -> None:
    training = diagnosis("spec.columns.person={type: Key}")
    table = pa.table({"person": [str(number % 40) for number in range(120)]})
    held, kept = take_rows(table, 20, training, purpose="holdout")
    assert not set(held["person"].to_pylist()) & set(kept["person"].to_pylist()) and 0 < held.num_rows <= 20


def test_rows_of_the_holdout_are_checked_too(diagnosis: Diagnosis, workspace: Any, tmp_path: Path) -> None:
    rows = frame(workspace.holdout)
    spoilt = rows.assign(**{"mean area": rows["mean area"].mask(rows.index < 2, -1.0)})
    write_table(pa.Table.from_pandas(spoilt, preserve_index=False), tmp_path / "holdout")
    done = validate(
        diagnosis(), data=workspace.data, holdout=tmp_path / "holdout", privacy=workspace.privacy, **left_in(tmp_path)
    )
    assert done.reasons == ("column 'mean area' has 2 values below 0",)


def test_rows_with_the_same_key_fall_on_the_same_side(diagnosis: Diagnosis) -> None:
    training = diagnosis("spec.columns.person={type: Key}")
    people = [str(number) for number in range(40)] * 3
    table = pa.table({"person": people, "visit": list(range(120))})
    chosen, others = take_test(table, training)
    assert not set(chosen["person"].to_pylist()) & set(others["person"].to_pylist())


@pytest.fixture
def judged(diagnosis: Diagnosis, workspace: Any, tmp_path: Path) -> Callable[..., Validation]:
    """Validates the data after a change; the report is tmp_path/report."""

    def judge(change: Callable[[pd.DataFrame], pd.DataFrame], *settings: str) -> Validation:
        write_table(pa.Table.from_pandas(change(frame(workspace.data)), preserve_index=False), tmp_path / "data")
        write_table(read_table(tmp_path / "data").slice(0, 0), tmp_path / "holdout")
        places = {"data": tmp_path / "data", "holdout": tmp_path / "holdout", "privacy": workspace.privacy}
        return validate(diagnosis(*settings), **places, **left_in(tmp_path))

    return judge


def without_values(rows: pd.DataFrame, share: float) -> pd.DataFrame:
    return rows.assign(**{"mean area": rows["mean area"].mask(rows.index < share * len(rows))})


def test_good_data_passes(judged: Callable[..., Validation]) -> None:
    assert judged(lambda rows: rows).reasons == ()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda f: f.assign(**{"mean area": f["mean area"].mask(f.index < 3, -1.0)}),
            "column 'mean area' has 3 values below 0",
        ),
        (
            lambda f: f.assign(**{"mean area": f["mean area"].mask(f.index < 3, 20_000.0)}),
            "column 'mean area' has 3 values above 10000",
        ),
        (
            lambda f: f.assign(diagnosis=f["diagnosis"].mask(f.index < 2, "unclear")),
            "column 'diagnosis' has 2 values other than benign, malignant",
        ),
        (
            lambda f: f.assign(diagnosis=f["diagnosis"].mask(f.index < 2, None)),
            "column 'diagnosis' lacks 2 values and may lack none: say nullable if they may be missing",
        ),
        (lambda f: without_values(f, 0.1), "column 'mean area' lacks 10.0% of its values, 5.0% are accepted"),
        (lambda f: pd.concat([f, f.head(4)]), "4 of 513 rows are copies of another row"),
        (lambda f: f[(f["diagnosis"] == "benign") | (f.index < 10)], "class 'malignant' has "),
        (
            lambda f: f.assign(**{"mean area": (f["diagnosis"] == "malignant") + 1.0}),
            "column 'mean area' alone predicts the target with a ROC AUC of 1.0000: is it known only afterwards?",
        ),
        (
            lambda f: f.assign(**{"mean area": f["mean area"].mask(f["diagnosis"] == "benign")}),
            "column 'mean area' alone predicts the target with a ROC AUC of 1.0000",
        ),
        (lambda f: f.assign(**{"mean area": 3.0}), "column 'mean area' has no value, or the same one in all rows: put"),
        (lambda f: f.head(0), "class 'benign' has 0 rows, at least 20 are wanted"),
    ],
)
def test_bad_data_fails_with_a_reason(
    judged: Callable[..., Validation], change: Callable[[pd.DataFrame], pd.DataFrame], reason: str
) -> None:
    assert any(found.startswith(reason) for found in judged(change).reasons)


def test_every_deviation_is_reported_not_only_the_first(judged: Callable[..., Validation]) -> None:
    spoilt = judged(lambda f: pd.concat([f, f.head(4)]).assign(**{"mean area": lambda rows: -rows["mean area"]}))
    assert len(spoilt.reasons) == 2


def test_missing_values_within_the_limit_pass(judged: Callable[..., Validation]) -> None:
    assert judged(lambda f: without_values(f, 0.04)).reasons == ()


def test_a_limit_of_the_definition_is_the_one_that_counts(judged: Callable[..., Validation]) -> None:
    assert judged(lambda f: without_values(f, 0.1), "spec.checks.maxMissing=0.2").reasons == ()


def test_a_column_that_is_known_before_may_say_everything(judged: Callable[..., Validation]) -> None:
    knowing = judged(
        lambda f: f.assign(**{"mean area": (f["diagnosis"] == "malignant") + 1.0}), "spec.checks.maxSingleAuc=1"
    )
    assert knowing.reasons == ()


def test_the_report_of_a_failed_gate_says_what_is_wrong(judged: Callable[..., Validation], tmp_path: Path) -> None:
    judged(lambda f: without_values(f, 0.1))
    report = (tmp_path / "report").read_text()
    assert report.startswith("# Data report: failed") and "* column 'mean area' lacks 10.0%" in report


def test_an_outcome_without_reasons_lets_the_pipeline_go_on(tmp_path: Path) -> None:
    write_outcome(tmp_path / "outcome", "data validation", [])
    require(tmp_path / "outcome")


def test_an_outcome_with_reasons_stops_the_pipeline_with_all_of_them(tmp_path: Path) -> None:
    write_outcome(tmp_path / "outcome", "data validation", ["one", "other"])
    with pytest.raises(GateFailed, match=r"^data validation failed: one; other$"):
        require(tmp_path / "outcome")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"gate": "x"}', "null"])
def test_what_is_no_outcome_passes_no_gate(tmp_path: Path, content: str) -> None:
    (tmp_path / "outcome").write_text(content)
    with pytest.raises(StepError, match="is no outcome of a gate"):
        require(tmp_path / "outcome")
