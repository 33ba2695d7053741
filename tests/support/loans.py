"""Small tables to train on, made here, and their definitions: two classes, several, and a number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from timoneiro_components.definition.reading import parse_training
from timoneiro_components.definition.training import Training
from timoneiro_components.tables import write_table
from timoneiro_components.train import train

TEXT = """\
apiVersion: timoneiro.dev/v1alpha1
kind: Training
metadata: {name: loans}
spec:
  source: {python: {function: "nowhere:rows"}}
  columns:
    person: {type: Key}
    day: {type: Integer}
    income: {type: Number, nullable: true}
    job: {type: Category, values: [clerk, nurse, other]}
    status: {type: Category, values: [good, bad]}
  target: {column: status, positive: bad}
  split: {folds: 3}
"""


def loans(*settings: str) -> Training:
    return parse_training(TEXT, settings=settings)


def table(rows: int = 600, *, people: int | None = None, seed: int = 1) -> pa.Table:
    """Loans whose risk falls with income and depends on the job; a row is a person, or one of `people`."""
    random = np.random.default_rng(seed)
    income = random.normal(0, 1, rows)
    job = random.choice(["clerk", "nurse", "other"], rows)
    risk = 1 / (1 + np.exp(1 + 2 * income - 1.5 * (job == "other")))
    known = pd.Series(income).mask(random.random(rows) < 0.05)
    return pa.table(
        {
            "person": [str(number if people is None else number % people) for number in range(rows)],
            "day": np.arange(rows) // 3,
            "income": pa.array(known, from_pandas=True),
            "job": job,
            "status": np.where(random.random(rows) < risk, "bad", "good"),
        }
    )


def trained(training: Training, folder: Path, rows: pa.Table | None = None) -> Path:
    write_table(table() if rows is None else rows, folder / "data")
    train(training, data=folder / "data", model=folder / "model", test=folder / "test")
    return folder / "model"


def several(rows: int = 600, *settings: str) -> tuple[Training, pa.Table]:
    """Three kinds of flowers by two lengths."""
    random = np.random.default_rng(5)
    kind = random.choice(["iris", "lily", "rose"], rows)
    centre = {"iris": 0.0, "lily": 1.5, "rose": 3.0}
    lengths = np.array([centre[name] for name in kind]) + random.normal(0, 1, rows)
    text = TEXT.replace("values: [good, bad]", "values: [iris, lily, rose]").replace(", positive: bad", "")
    text = text.replace("spec:\n", "spec:\n  task: MulticlassClassification\n")
    training = parse_training(text, settings=settings)
    columns: dict[str, Any] = {name: table(rows)[name] for name in ("person", "day", "job")}
    return training, pa.table({**columns, "income": lengths, "status": kind}).select(list(training.spec.columns))


def a_number(rows: int = 600) -> tuple[Training, pa.Table]:
    """Consumption by temperature."""
    random = np.random.default_rng(6)
    heat = random.normal(15, 8, rows)
    text = TEXT.replace("{type: Category, values: [good, bad]}", "{type: Number, unit: kWh}")
    training = parse_training(
        text.replace(", positive: bad", "").replace("spec:\n", "spec:\n  task: Regression\n"),
        settings=["spec.model.algorithm=Ridge"],
    )
    columns: dict[str, Any] = {name: table(rows)[name] for name in ("person", "day", "job")}
    used = 100 - 2 * heat + random.normal(0, 5, rows)
    return training, pa.table({**columns, "income": heat, "status": used}).select(list(training.spec.columns))
