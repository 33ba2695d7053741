"""Times, computed features and clipped numbers, from a table to the answers of the real model server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from support.packaged import packaged
from timoneiro_components.definition.reading import parse_training
from timoneiro_components.definition.training import Training
from timoneiro_components.privacy.treatment import treated
from timoneiro_components.rehearsal.questions import v1
from timoneiro_components.rehearsal.server import NAME, model_server
from timoneiro_components.rehearse import rehearse
from timoneiro_components.sources.columns import schema_of

DEFINITION = """\
apiVersion: timoneiro.dev/v1alpha1
kind: Training
metadata: {name: payments}
spec:
  source: {csv: {path: payments.csv}}
  columns:
    paid_at: {type: Time, timeZone: America/Sao_Paulo, parts: [TimeOfDay]}
    opened_at: {type: Time, nullable: true}
    amount: {type: Number, minimum: 0, maximum: 500, clip: true}
    income: {type: Number, personal: Generalise, binWidth: 100}
    channel: {type: Category, values: [web, shop]}
    fraud: {type: Boolean}
  features:
    account_days: paid_at - opened_at
    share_of_income: amount / income
  target: {column: fraud, positive: "true"}
  split: {folds: 3, orderBy: paid_at}
  package: {outside: Refuse}
"""
ROW = {
    "paid_at": "2026-03-01T03:00:00",
    "opened_at": "2026-02-27T00:00:00Z",
    "amount": 400.0,
    "income": 500.0,
    "channel": "web",
}
PATH = f"/v1/models/{NAME}:predict"


def payments(training: Training) -> pa.Table:
    """Frauds come at night, from young accounts, and take much of an income: made, with a seed."""
    random, count = np.random.default_rng(3), 1200
    paid = pd.Timestamp("2026-01-01T03:00:00Z") + pd.to_timedelta(random.integers(0, 90 * 86_400, count), unit="s")
    age = random.exponential(300, count)
    amount, income = random.uniform(0, 500, count).round(2), random.uniform(500, 5000, count).round(2)
    night = paid.tz_convert("America/Sao_Paulo").hour < 6
    odds = np.exp(-4 + 3 * night + 3 * (age < 60) + 3 * amount / income)
    rows = pd.DataFrame(
        {
            "paid_at": paid,
            "opened_at": paid - pd.to_timedelta((age * 86_400).round(), unit="s"),
            "amount": amount,
            "income": income,
            "channel": random.choice(["web", "shop"], count),
            "fraud": random.random(count) < odds / (1 + odds),
        }
    )
    table = pa.Table.from_pandas(rows, schema_of(training.columns), preserve_index=False, safe=False)
    return treated(table, training, None)


@pytest.fixture(scope="module")
def training() -> Training:
    return parse_training(DEFINITION)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, training: Training) -> Path:
    return packaged(tmp_path_factory.mktemp("payments"), training, payments(training))


@pytest.fixture(scope="module")
def server(made: Path) -> Any:
    with model_server(made) as (running, _):
        yield running


def probability(server: Any, **changes: Any) -> float:
    answer = server.post(PATH, v1([{**ROW, **changes}]))
    assert answer.status == 200, answer
    return float(answer.body["probabilities"][0][1])


def test_the_package_works_as_callers_will_ask_it(made: Path, training: Training) -> None:
    done = rehearse(training, package=made, test=made.parent / "test")
    assert done.reasons == () and done.asked == 16


def test_a_model_learns_from_what_is_computed(made: Path) -> None:
    found = json.loads((made / "evaluation.json").read_text())["metrics"]["rocAuc"]
    assert found["value"] > 0.7


def test_the_hour_that_counts_is_that_of_the_columns_zone(server: Any) -> None:
    at_night = probability(server, paid_at="2026-03-01T03:00:00")
    assert probability(server, paid_at="2026-03-01T06:00:00Z") == at_night
    assert at_night > 3 * probability(server, paid_at="2026-03-01T15:00:00")


def test_a_request_is_made_as_coarse_as_the_rows_that_the_model_was_trained_on(server: Any) -> None:
    assert probability(server, income=501.0) == probability(server, income=599.0)
    assert probability(server, income=599.0) != probability(server, income=601.0)


def test_the_days_between_two_times_count(server: Any) -> None:
    assert probability(server) > probability(server, opened_at="2020-01-01")
    assert 0 < probability(server, opened_at=None) < 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"amount": 501.0}, "feature 'amount': more than 500, the largest value that is possible"),
        ({"channel": "post"}, "feature 'channel': none of the values that are possible"),
        ({"paid_at": "yesterday"}, "feature 'paid_at': a time is wanted, such as 2025-01-31T12:00:00"),
        ({"opened_at": "2026-02-27T00:00:00"}, "feature 'opened_at': a time is wanted, such as 2025-01-31T12:00:00Z"),
    ],
)
def test_what_the_model_was_not_made_for_is_refused_with_a_sentence(
    server: Any, changes: dict[str, Any], reason: str
) -> None:
    answer = server.post(PATH, v1([{**ROW, **changes}]))
    assert answer.status == 400 and reason in answer.body["error"]


def test_what_is_outside_is_clipped_where_it_is_not_refused(tmp_path: Path) -> None:
    training = parse_training(DEFINITION, settings=["spec.package.outside=Count"])
    with model_server(packaged(tmp_path, training, payments(training))) as (running, _):
        assert probability(running, amount=9e9) == probability(running, amount=500.0)


def test_rows_that_were_only_warned_of_are_not_what_callers_send(tmp_path: Path) -> None:
    text = DEFINITION.replace("maximum: 500, clip: true", "maximum: 250").replace(
        "  package:", "  checks: {actions: {limits: Warn}}\n  package:"
    )
    training = parse_training(text)
    made = packaged(tmp_path, training, payments(training))
    assert rehearse(training, package=made, test=tmp_path / "test").reasons == ()
