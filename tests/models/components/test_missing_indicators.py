"""Columns that say which values were missing, from the definition to the answers of the real model server."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from support.packaged import packaged
from timoneiro_components.definition.reading import parse_training
from timoneiro_components.definition.training import Training
from timoneiro_components.evaluation.report import report
from timoneiro_components.features.preparation import preparation
from timoneiro_components.features.rows import features_of
from timoneiro_components.rehearse import rehearse
from timoneiro_components.sources.columns import schema_of
from timoneiro_components.tables import frame_of

DEFINITION = """\
apiVersion: timoneiro.dev/v1alpha1
kind: Training
metadata: {name: visits}
spec:
  source: {csv: {path: visits.csv}}
  columns:
    last_visit: {type: Time, timeZone: UTC, parts: [DayOfWeek, TimeOfDay], nullable: true}
    weight: {type: Number, nullable: true}
    height: {type: Number}
    smoker: {type: Boolean, nullable: true}
    doctor: {type: Category, values: [Diaz, Kim], nullable: true}
    ill: {type: Boolean}
  features: {index: weight / height}
  target: {column: ill, positive: "true"}
  split: {folds: 3}
  model: {missingIndicators: true}
"""
INDICATED = ["weight", "smoker", "doctor", "last_visit DayOfWeek sine", "index"]


def visits(training: Training) -> pa.Table:
    """Who is not weighed is ill mostly, and nothing else says anything: made, with a seed."""
    random, count = np.random.default_rng(4), 900
    weighed = random.random(count) < 0.6
    rows = pd.DataFrame(
        {
            "last_visit": pd.Timestamp("2026-01-01T08:00:00Z")
            + pd.Series(pd.to_timedelta(random.integers(0, 80 * 86_400, count), unit="s")),
            "weight": np.where(weighed, random.normal(70, 9, count), np.nan),
            "height": random.normal(170, 9, count),
            "smoker": pd.array(random.random(count) < 0.3, dtype="boolean"),
            "doctor": random.choice(["Diaz", "Kim"], count),
            "ill": random.random(count) < np.where(weighed, 0.1, 0.8),
        }
    )
    for name in ("last_visit", "smoker", "doctor"):
        rows.loc[random.random(count) < 0.05, name] = None
    return pa.Table.from_pandas(rows, schema_of(training.columns), preserve_index=False, safe=False)


@pytest.fixture(scope="module")
def training() -> Training:
    return parse_training(DEFINITION)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, training: Training) -> Path:
    """The folder of a package, beside what it was made of."""
    root = tmp_path_factory.mktemp("visits")
    return packaged(root, training, visits(training))


def rows_without_gaps(training: Training) -> pd.DataFrame:
    return features_of(frame_of(visits(training)), training).dropna()


def test_a_fold_without_a_gap_gives_the_columns_of_one_with_gaps(training: Training) -> None:
    names = []
    rows = rows_without_gaps(training)
    for some in (rows, features_of(frame_of(visits(training)), training)):
        derived = dict(preparation(training))["derive"].fit_transform(some)
        prepared = dict(preparation(training))["prepare"].fit(derived)
        names.append(list(prepared.get_feature_names_out()))
    assert names[0] == names[1]
    assert [name for name in names[0] if name.startswith("missing__")] == [
        f"missing__missingindicator_{name}" for name in INDICATED
    ]


def test_a_gap_after_training_without_one_is_indicated(training: Training) -> None:
    rows = rows_without_gaps(training)
    derive, prepare = (dict(preparation(training))[name] for name in ("derive", "prepare"))
    prepare.fit(derive.fit_transform(rows))
    asked = derive.transform(rows.head(1).assign(weight=np.nan, doctor=np.nan))
    place = [name.startswith("missing__") for name in prepare.get_feature_names_out()]
    assert prepare.transform(asked)[0][place].tolist() == [1.0, 0.0, 1.0, 0.0, 1.0]


def test_without_indicators_the_columns_are_those_that_they_were(training: Training) -> None:
    settings = ["spec.model.missingIndicators=false"]
    prepare = dict(preparation(parse_training(DEFINITION, settings=settings)))["prepare"]
    assert [name for name, _, _ in prepare.transformers] == ["numbers", "categories"]


def test_a_model_learns_from_what_is_missing(made: Path) -> None:
    found = json.loads((made / "evaluation.json").read_text())
    assert found["metrics"]["rocAuc"]["value"] > 0.8
    assert found["importances"][0]["column"] == "weight"


def test_the_model_server_answers_as_the_model_with_every_gap(made: Path, training: Training) -> None:
    assert rehearse(training, package=made, test=made.parent / "test").reasons == ()


def test_package_card_and_report_tell_which_columns_are_indicated(made: Path) -> None:
    named = ", ".join(INDICATED)
    assert json.loads((made / "timoneiro.json").read_text())["training"]["missingIndicators"] == INDICATED
    assert f"It also learns from whether {named} were missing." in (made / "README.md").read_text()
    assert f"replaced; indicated for {named}" in report(json.loads((made / "evaluation.json").read_text()))
