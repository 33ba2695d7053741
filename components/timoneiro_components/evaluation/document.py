"""`evaluation.json`: all that was seen of a model, for the report, the card, the package and whoever reads machines.

Figures that could not be told are null. Fields are only ever added as long as `schema` is the same.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..definition.metrics import BINARY, METRICS, PRIMARY, metrics_of, title_of
from ..definition.training import Training
from ..errors import StepError
from ..tasks.answers import ModelAnswers
from ..tasks.binary import calibration_bins
from ..tasks.registry import figure_of
from ..training.record import TrainingRecord
from .explanation import Dependence, Importance
from .intervals import LEVEL, Estimate
from .robustness import in_words
from .scoring import confusion, precision_recall, roc
from .verdicts import GateEvidence, GateVerdict
from .worst import NamedRow, SliceExamples

SCHEMA = 1
_SCATTER_POINTS = 300


def document_of(
    training: Training,
    record: TrainingRecord,
    evidence: GateEvidence,
    judged: Sequence[GateVerdict],
    *,
    importances: Sequence[Importance],
    dependences: Sequence[Dependence],
    worst: Sequence[NamedRow],
    worst_by_slice: Sequence[SliceExamples],
    champion_uri: str,
) -> dict[str, Any]:
    """What was seen, as JSON has it."""
    task, candidate = training.spec.task, evidence.candidate
    primary = PRIMARY[task]
    found: dict[str, Any] = _plain(
        {
            "schema": SCHEMA,
            "name": training.metadata.name,
            "title": training.title,
            "task": task,
            "classes": list(training.classes),
            "testRows": len(candidate),
            "confidence": LEVEL,
            "metrics": {name: _figures(training, evidence, name) for name in metrics_of(task)},
            "champion": {"uri": champion_uri} if evidence.champion is not None else None,
            "gates": [asdict(verdict) for verdict in judged],
            "passed": all(verdict.passed for verdict in judged),
            "primary": primary,
            "slices": [
                {"column": part.column, "value": part.value, "rows": part.rows, "figures": dict(part.figures)}
                for part in evidence.parts
            ],
            "robustness": [
                {
                    "kind": kind,
                    "what": in_words(kind, training),
                    "figure": None if answers is None else figure_of(task, primary)(answers),
                }
                for kind, answers in evidence.disturbed.items()
            ],
            "importances": [asdict(entry) for entry in importances],
            "dependences": [asdict(entry) for entry in dependences],
            "worst": [{**row, **_answer(candidate, row["position"])} for row in worst],
            "worstBySlice": [
                {
                    "column": entry.part.column,
                    "value": entry.part.value,
                    "figure": entry.part.figures[primary],
                    "rows": [{**row, **_answer(candidate, row["position"])} for row in entry.rows],
                }
                for entry in worst_by_slice
            ],
            "curves": _curves(training, candidate),
            "training": asdict(record),
        }
    )
    return found


def write_document(document: Mapping[str, Any], file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def read_document(file: Path) -> dict[str, Any]:
    """What `write_document` wrote. Raises StepError if it is not there or is none."""
    try:
        document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if document["schema"] == SCHEMA:
            return document
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StepError(f"{file} is no evaluation ({type(error).__name__}): run the step before it again") from error
    raise StepError(f"{file} is an evaluation of another version: run the step before it again")


def _figures(training: Training, evidence: GateEvidence, name: str) -> dict[str, Any]:
    figure, kind = figure_of(training.spec.task, name), METRICS[name]
    estimate = _within(evidence.resampling.estimate(figure, evidence.candidate), kind.low, kind.high)
    champion = None if evidence.champion is None else figure(evidence.champion)
    return {
        "title": title_of(name),
        "smallerIsBetter": kind.smaller_is_better,
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "champion": champion,
        "baseline": figure(evidence.baseline),
    }


def _within(found: Estimate, low: float | None, high: float | None) -> Estimate:
    """An interval ends where the metric does."""
    return Estimate(
        found.value,
        found.low if low is None else max(found.low, low),
        found.high if high is None else min(found.high, high),
    )


def _curves(training: Training, candidate: ModelAnswers) -> dict[str, Any]:
    curve = roc(candidate)
    found: dict[str, Any] = {
        "roc": None if curve is None else list(zip(curve.false_positive_rate, curve.true_positive_rate, strict=True)),
        "precisionRecall": [list(point) for point in precision_recall(candidate)],
        "confusion": confusion(candidate),
    }
    if training.spec.task == BINARY:
        found["calibration"] = [list(entry) for entry in calibration_bins(candidate)]
    if not candidate.classes:
        some = np.linspace(0, len(candidate) - 1, min(len(candidate), _SCATTER_POINTS)).round().astype(int)
        found["predictions"] = [[float(candidate.truth[n]), float(candidate.predicted[n])] for n in some]
    return found


def _answer(candidate: ModelAnswers, position: int) -> dict[str, Any]:
    truth, predicted = candidate.truth[position], candidate.predicted[position]
    if candidate.probabilities is None:
        return {"truth": float(truth), "predicted": float(predicted)}
    probability = candidate.probabilities[position][candidate.classes.index(truth)]
    return {"truth": str(truth), "predicted": str(predicted), "probabilityOfTruth": float(probability)}


def _plain(value: Any) -> Any:
    """Without what JSON cannot hold."""
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value
