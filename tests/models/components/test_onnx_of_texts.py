"""A table of numbers and texts as an ONNX package, from training to the answers of the real model server."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from support.packaged import packaged
from timoneiro_components.definition.reading import parse_training
from timoneiro_components.definition.training import Training
from timoneiro_components.errors import GateFailed
from timoneiro_components.features.rows import features_of
from timoneiro_components.packaging.onnx_export import export_onnx
from timoneiro_components.rehearse import rehearse
from timoneiro_components.sources.columns import schema_of
from timoneiro_components.tables import frame_of, read_table
from timoneiro_serving.loading import load_model, load_skops

pytestmark = pytest.mark.filterwarnings("ignore:Field onnx:DeprecationWarning")

DEFINITION = """\
apiVersion: timoneiro.dev/v1alpha1
kind: Training
metadata: {name: loans}
spec:
  source: {csv: {path: loans.csv}}
  columns:
    monthly income: {type: Number, nullable: true}
    age: {type: Integer}
    owner: {type: Boolean}
    job: {type: Category, values: [clerk, cook, nurse], nullable: true}
    town: {type: Category, values: [Oslo, Rome]}
    outcome: {type: Category, values: [good, bad]}
  target: {column: outcome, positive: bad}
  split: {folds: 3}
  package: {format: Onnx}
"""


def loans(training: Training) -> pa.Table:
    """Cooks of Rome do not pay: made, with a seed."""
    random, count = np.random.default_rng(4), 600
    income = pd.Series(random.uniform(500, 5000, count).round(2))
    job = pd.Series(random.choice(["clerk", "cook", "nurse"], count))
    town = random.choice(["Oslo", "Rome"], count)
    odds = np.exp(-2 + 3 * ((job == "cook") & (town == "Rome")) - income / 5000)
    rows = {
        "monthly income": income.mask(random.random(count) < 0.1),
        "age": random.integers(18, 90, count),
        "owner": random.random(count) < 0.5,
        "job": job.mask(random.random(count) < 0.1),
        "town": town,
        "outcome": np.where(random.random(count) < odds / (1 + odds), "bad", "good"),
    }
    return pa.Table.from_pandas(pd.DataFrame(rows), schema_of(training.columns), preserve_index=False, safe=False)


@pytest.fixture(scope="module")
def training() -> Training:
    return parse_training(DEFINITION)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, training: Training) -> Path:
    return packaged(tmp_path_factory.mktemp("loans"), training, loans(training)).parent


def test_the_package_works_as_callers_will_ask_it(made: Path, training: Training) -> None:
    done = rehearse(training, package=made / "package", test=made / "test")
    assert (done.reasons, done.asked) == ((), 19)


def test_it_answers_as_the_model_that_it_was_made_from(made: Path, training: Training) -> None:
    rows = features_of(frame_of(read_table(made / "test")), training)
    assert rows.isna().any().sum() == 2
    expected = load_skops(made / "model" / "model.skops").predict_proba(rows)
    found = load_model(made / "package").predictor.predict(rows).probabilities
    assert found == pytest.approx(expected, abs=1e-4)


def test_a_text_that_is_empty_and_not_missing_is_told_before_it_is_served(
    made: Path, training: Training, tmp_path: Path
) -> None:
    """The graph takes it for one that is missing."""
    rows = features_of(frame_of(read_table(made / "test")), training).assign(job="")
    with pytest.raises(GateFailed, match="ONNX parity failed"):
        export_onnx(made / "model" / "model.skops", tmp_path / "model.onnx", rows)
