"""What a package is asked: rows as callers send them, rows with gaps, and bodies that are wrong. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from timoneiro_serving.times import iso

from ..definition.training import Training

SentRow = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """A body for one of the protocols. `what` it is, in words; `rows`: how many answers are due, None where the server
    has to refuse it with 400."""

    what: str
    protocol: str
    body: bytes
    rows: int | None


def good_questions(features: pd.DataFrame, training: Training) -> list[Question]:
    """Rows of the test table alone and together over both protocols, and with gaps where callers may leave gaps."""
    rows = rows_of(features, training)
    questions = [
        Question("a row of the test table", "v1", v1([rows[0]]), 1),
        Question(f"{len(rows)} rows of the test table", "v1", v1(rows), len(rows)),
        Question("a row of the test table", "v2", v2([rows[0]], training), 1),
        Question(f"{len(rows)} rows of the test table", "v2", v2(rows, training), len(rows)),
    ]
    nullable = [name for name, column in training.features.items() if column.nullable]
    for name in nullable:
        questions.append(Question(f"a row without {name!r}", "v1", v1([{**rows[0], name: None}]), 1))
    if len(nullable) > 1:
        gaps = {**rows[0], **dict.fromkeys(nullable)}
        questions.append(Question("a row without any value that callers may leave out", "v1", v1([gaps]), 1))
    answered = None if training.spec.package.outside == "Refuse" else 1
    for name, column in training.features.items():
        if column.type == "Category":
            strange = {**rows[0], name: "a value that training has not seen"}
            questions.append(Question(f"a row with an unknown {name!r}", "v1", v1([strange]), answered))
    return questions


def bad_questions(features: pd.DataFrame, training: Training) -> list[Question]:
    """Bodies that the server has to refuse, and that must never reach the model."""
    row = rows_of(features.head(1), training)[0]
    first = next(iter(row))
    is_text = training.features[first].type in ("Category", "Time")
    wrong: list[tuple[str, bytes]] = [
        ("a body that is no JSON", b"{"),
        ("no rows", v1([])),
        ("a row without a feature", v1([{name: value for name, value in row.items() if name != first}])),
        ("a row with a feature too many", v1([{**row, "a feature that nobody has": 1}])),
        ("a value of another type", v1([{**row, first: 1.5 if is_text else "text"}])),
        ("a list in the place of a value", v1([{**row, first: [1]}])),
    ]
    for name, column in training.features.items():
        if column.type not in ("Category", "Time"):
            for text in ("NaN", "Infinity", "1e999"):
                body = v1([{**row, name: "@"}]).replace(b'"@"', text.encode())
                wrong.append((f"{text} for {name!r}", body))
            break
    for name, column in training.features.items():
        if not column.nullable:
            wrong.append((f"null for {name!r}, which may not be missing", v1([{**row, name: None}])))
            break
    return [Question(what, "v1", body, None) for what, body in wrong]


def rows_of(features: pd.DataFrame, training: Training) -> list[SentRow]:
    """Rows as callers send them: numbers, whole numbers, truth values, text and times as text, null where a value is
    missing."""
    return [
        {name: _sent(value, training.features[name].type) for name, value in row.items()}
        for row in features.to_dict("records")
    ]


def v1(rows: Sequence[SentRow]) -> bytes:
    return json.dumps({"instances": list(rows)}).encode()


def v2(rows: Sequence[SentRow], training: Training) -> bytes:
    """One tensor for each feature."""
    kinds = {"Number": "FP64", "Integer": "FP64", "Boolean": "BOOL", "Category": "BYTES", "Time": "BYTES"}
    inputs = [
        {
            "name": name,
            "shape": [len(rows)],
            "datatype": kinds[column.type],
            "data": [row[name] for row in rows],
        }
        for name, column in training.features.items()
    ]
    return json.dumps({"inputs": inputs}).encode()


def _sent(value: Any, kind: str) -> Any:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    if kind == "Boolean":
        return bool(value)
    if kind == "Time":
        return iso(value)
    return int(value) if kind == "Integer" else value
