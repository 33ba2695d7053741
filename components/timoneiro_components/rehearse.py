"""Step: does the package work in the model server that will serve it?

The server is started with the package as a pod would start it, and asked rows of the test table over both protocols,
rows with every gap that callers may leave, and bodies that are wrong. Guarantees: every question is asked, not only up
to the first that fails; a package that the definition says not to rehearse is not, and the outcome says so.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from timoneiro_serving.errors import ModelLoadError
from timoneiro_serving.loading import SKOPS_FILE, load_model, load_skops

from .definition.training import Training
from .errors import StepError
from .features.rows import features_of
from .rehearsal.questions import Question, bad_questions, good_questions, rows_of, v1
from .rehearsal.server import NAME, HttpAnswer, RunningServer, model_server
from .tables import frame_of, read_table

GATE = "rehearsal"
_PATHS = {"v1": f"/v1/models/{NAME}:predict", "v2": f"/v2/models/{NAME}/infer"}
_ROWS = 50
_TIMED = 100
_NAMED = 3


@dataclass(frozen=True)
class Rehearsal:
    """How much was asked, why the gate fails (if it does), and what was measured: seconds to be ready, latencies of a
    row in milliseconds, resident memory in MiB. Nothing was asked where the package was not rehearsed."""

    asked: int
    reasons: tuple[str, ...]
    metrics: Mapping[str, float]


def rehearse(training: Training, *, package: Path, test: Path) -> Rehearsal:
    """Asks the package folder in the model server. Raises StepError if the server does not start with it."""
    if not training.spec.package.rehearse:
        return Rehearsal(0, (), {"asked": 0})
    features = _within_contract(features_of(frame_of(read_table(test)), training), training).head(_ROWS)
    good, bad = good_questions(features, training), bad_questions(features, training)
    with model_server(package) as (server, seconds):
        reasons = _in_short((question.what, _fault(server, question)) for question in (*good, *bad))
        reasons += _differences(server, package, features, training)
        latencies = _latencies(server, features, training) if not reasons else []
        memory = server.memory
    return Rehearsal(
        asked=len(good) + len(bad),
        reasons=tuple(reasons),
        metrics={
            "asked": len(good) + len(bad),
            "failed": len(reasons),
            "ready_seconds": round(seconds, 1),
            "memory_mib": round(memory / 2**20),
            **({"p50_ms": _quantile(latencies, 0.5), "p99_ms": _quantile(latencies, 0.99)} if latencies else {}),
        },
    )


def _within_contract(features: pd.DataFrame, training: Training) -> pd.DataFrame:
    """Rows that callers may send: those that the checks only warned of are refused, and rightly. All of them if
    there is no other."""
    fine = np.ones(len(features), dtype=bool)
    for name, column in training.features.items():
        values = features[name]
        wrong = values.isna() & (not column.nullable)
        if column.minimum is not None:
            wrong |= values < column.minimum
        if column.maximum is not None:
            wrong |= values > column.maximum
        if column.values is not None:
            wrong |= values.notna() & ~values.isin(column.values)
        fine &= ~wrong.to_numpy(dtype=bool)
    return features[fine] if fine.any() else features


def _fault(server: RunningServer, question: Question) -> str | None:
    """What is wrong with the answer; None where nothing is."""
    answer = _posted(server, question.protocol, question.body)
    if answer is None:
        return f"no answer ({question.protocol})"
    if question.rows is None:
        due = answer.status == http.HTTPStatus.BAD_REQUEST
        return None if due else f"answered with {answer.status}, and 400 is due"
    if answer.status != http.HTTPStatus.OK:
        return f"answered with {answer.status} ({question.protocol})"
    found = len(_predictions(answer.body, question.protocol))
    return None if found == question.rows else f"{found} answers, and {question.rows} are due ({question.protocol})"


def _in_short(faults: Iterable[tuple[str, str | None]]) -> list[str]:
    """A sentence for each fault, with some of what it befell."""
    befallen: dict[str, list[str]] = {}
    for what, fault in faults:
        if fault is not None:
            befallen.setdefault(fault, []).append(what)
    return [f"{_some(found)}: {fault}" for fault, found in befallen.items()]


def _some(found: list[str]) -> str:
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return f"{', '.join(found[:_NAMED])}{more}"


def _posted(server: RunningServer, protocol: str, body: bytes) -> HttpAnswer | None:
    try:
        return server.post(_PATHS[protocol], body)
    except (OSError, http.client.HTTPException):
        return None


def _predictions(body: Any, protocol: str) -> list[Any]:
    try:
        found = body["predictions"] if protocol == "v1" else body["outputs"][0]["data"]
        return list(found)
    except (KeyError, IndexError, TypeError):
        return []


def _differences(server: RunningServer, package: Path, features: pd.DataFrame, training: Training) -> list[str]:
    """Whether what the server answers is what the model says when it is asked here."""
    try:
        model = load_model(package)
        rows = features[[feature.name for feature in model.features]]
        # By scikit-learn itself where it can: the server asks steps in a way of its own.
        is_skops = model.file.name == SKOPS_FILE
        expected = load_skops(model.file).predict(rows) if is_skops else model.predictor.predict(rows).predictions
    except ModelLoadError as error:
        raise StepError(f"the package cannot be loaded: {error}") from error
    except Exception:
        # It does not answer such rows here either, and the questions have told so.
        return []
    answer = _posted(server, "v1", v1(rows_of(features, training)))
    found = [] if answer is None else _predictions(answer.body, "v1")
    if len(found) != len(expected):
        return []
    other = sum(not _equal(one, said) for one, said in zip(expected.tolist(), found, strict=True))
    return [f"{other} of {len(found)} rows are answered otherwise than by the model itself"] if other else []


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, float):
        return isinstance(other, int | float) and bool(np.isclose(one, other, rtol=1e-9, atol=0))
    return str(one) == str(other)


def _latencies(server: RunningServer, features: pd.DataFrame, training: Training) -> list[float]:
    """Of one row after the other, in milliseconds."""
    bodies = [v1([row]) for row in rows_of(features, training)]
    answers = (_posted(server, "v1", bodies[number % len(bodies)]) for number in range(_TIMED))
    return [answer.seconds * 1000 for answer in answers if answer is not None]


def _quantile(latencies: list[float], share: float) -> float:
    return round(float(np.quantile(latencies, share)), 2)


def report_of(rehearsal: Rehearsal) -> str:
    """Markdown for people."""
    if not rehearsal.asked:
        return "# Rehearsal: left out\n\nspec.package.rehearse is false: nobody has asked it in the model server.\n"
    verdict = "passed" if not rehearsal.reasons else f"failed for {len(rehearsal.reasons)} reasons"
    lines = [f"# Rehearsal: {verdict}", "", f"{rehearsal.asked} questions to the real model server.", ""]
    lines += [f"* {name.replace('_', ' ')}: {value:g}" for name, value in rehearsal.metrics.items()]
    if rehearsal.reasons:
        lines += ["", "## What is wrong", "", *(f"* {reason}" for reason in rehearsal.reasons)]
    return "\n".join(lines) + "\n"
