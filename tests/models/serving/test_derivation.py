"""What a model learns from beside the columns of a request: computed of each row alone, in training as in serving."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import clone

from timoneiro_serving.derivation import Derivation
from timoneiro_serving.loading import load_skops
from timoneiro_serving.times import microseconds, part_columns


def seconds(*texts: str) -> list[float]:
    return [microseconds(text, None) / 1e6 for text in texts]


def derived(rows: dict[str, Any], **said: Any) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    return Derivation(**said).fit(frame).transform(frame)


def turn(frame: pd.DataFrame, column: str, part: str) -> list[float]:
    """The part again, as a share of its round."""
    sine, cosine = (frame[name] for name in part_columns(column, part))
    return [float(share) for share in np.round(np.arctan2(sine, cosine) / (2 * np.pi) % 1, 6)]


@pytest.mark.parametrize(
    ("part", "zone", "share"),
    [
        ("TimeOfDay", "UTC", 6 / 24),
        ("TimeOfDay", "America/Sao_Paulo", 3 / 24),
        ("DayOfWeek", "UTC", 4 / 7),
        ("DayOfMonth", "UTC", 30 / 31),
        ("DayOfYear", "UTC", 30 / 366),
        ("DayOfMonth", "Pacific/Kiritimati", 30 / 31),
    ],
)
def test_a_part_of_a_time_goes_round(part: str, zone: str, share: float) -> None:
    found = derived({"at": seconds("2025-01-31T06:00:00Z")}, calendar=[["at", part, zone]], times=["at"])
    assert list(found) == list(part_columns("at", part))
    assert turn(found, "at", part) == [pytest.approx(share, abs=1e-5)]


def test_midnight_is_close_to_the_minute_before() -> None:
    times = seconds("2025-01-31T23:59:00Z", "2025-02-01T00:00:00Z", "2025-01-31T12:00:00Z")
    found = derived({"at": times}, calendar=[["at", "TimeOfDay", "UTC"]], times=["at"]).to_numpy()
    assert np.linalg.norm(found[0] - found[1]) < 0.01 < 1.9 < np.linalg.norm(found[2] - found[1])


def test_a_missing_time_has_missing_parts() -> None:
    found = derived({"at": [np.nan]}, calendar=[["at", "DayOfWeek", "UTC"]], times=["at"])
    assert found.isna().all(axis=None)


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        (["/", ["column", "a"], ["column", "b"]], [0.5, np.nan, np.nan]),
        (["-", 10.0, ["*", ["column", "a"], 2.0]], [8.0, 6.0, 4.0]),
        (["daysBetween", ["column", "b"], ["column", "a"]], [1 / 86_400, -2 / 86_400, np.nan]),
    ],
)
def test_a_formula_is_computed_of_each_row_and_what_is_no_number_is_missing(formula: Any, value: list[float]) -> None:
    found = derived({"a": [1.0, 2.0, 3.0], "b": [2.0, 0.0, np.nan]}, formulas=[["f", formula]])
    np.testing.assert_allclose(found["f"], value)


def test_a_formula_sees_what_is_clipped() -> None:
    found = derived({"a": [-5.0, 5.0, 50.0]}, limits=[["a", 0.0, 10.0]], formulas=[["f", ["*", ["column", "a"], 2.0]]])
    assert found.to_dict("list") == {"a": [0.0, 5.0, 10.0], "f": [0.0, 10.0, 20.0]}


def test_an_open_side_is_not_clipped() -> None:
    assert derived({"a": [-5.0, 50.0]}, limits=[["a", None, 10.0]])["a"].tolist() == [-5.0, 10.0]


def test_columns_of_text_pass_through() -> None:
    found = derived({"a": [1.0], "job": ["cook"]}, formulas=[["f", ["+", ["column", "a"], 1.0]]])
    assert found.to_dict("list") == {"a": [1.0], "job": ["cook"], "f": [2.0]}


def test_a_row_alone_is_as_it_is_among_others() -> None:
    step = Derivation(calendar=[["at", "DayOfYear", "Europe/Berlin"]], formulas=[["f", ["/", ["column", "a"], 3.0]]])
    rows = pd.DataFrame({"at": seconds("2025-01-31T06:00:00Z", "2026-07-01", "1999-12-31"), "a": [1.0, 2.0, 3.0]})
    together = step.fit(rows).transform(rows)
    alone = pd.concat([step.transform(rows.iloc[[place]]) for place in range(len(rows))])
    pd.testing.assert_frame_equal(together, alone)


def test_it_comes_back_from_a_model_file_as_it_was(tmp_path: Path) -> None:
    rows = pd.DataFrame({"at": seconds("2025-01-31T06:00:00Z"), "a": [70.0]})
    said = {"calendar": [["at", "TimeOfDay", "Asia/Kolkata"]], "formulas": [["f", ["-", ["column", "a"], 1.0]]]}
    step = clone(Derivation(limits=[["a", None, 10.0]], times=["at"], **said)).fit(rows)
    (tmp_path / "model.skops").write_bytes(skops.io.dumps(step))
    pd.testing.assert_frame_equal(load_skops(tmp_path / "model.skops").transform(rows), step.transform(rows))
