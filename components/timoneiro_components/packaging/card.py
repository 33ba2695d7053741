"""The model card: what the model is for, how good it is and what it must not be used for (Mitchell et al. 2019).

Two forms: Markdown in the form of Hugging Face, with YAML in front, and the same as data. Every number in them comes
from the manifest, from `training.json` or from `evaluation.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from ..definition.columns import Column
from ..definition.training import Training
from ..markdown import table
from ..training.record import TrainingRecord

CARD_FILE = "README.md"
CARD_DATA_FILE = "model-card.json"
# The names that Hugging Face has for tasks.
_TASKS = {
    "BinaryClassification": "tabular-classification",
    "MulticlassClassification": "tabular-classification",
    "Regression": "tabular-regression",
}
_MOST_SLICES = 10


def model_card(
    manifest: Mapping[str, Any], training: Training, record: TrainingRecord, seen: Mapping[str, Any] | None
) -> str:
    """Markdown text of the card. `seen`: what the evaluation left, None if the model was not judged."""
    columns = training.features
    nullable = sum(column.nullable for column in columns.values())
    features = [
        (name, column.type, _range(column), "yes" if column.nullable else "no") for name, column in columns.items()
    ]
    lines = [
        *_front(manifest, training, seen),
        f"# {manifest['name']} {manifest['version']}",
        "",
        f"{training.title}. Format {manifest['format']['name']}.",
        "",
        "## What it does",
        "",
        _what(training, record),
        "",
        _how(record),
        "",
        "## How good it is",
        "",
        *_how_good(seen),
        "",
        "## Data",
        "",
        f"{manifest['data']['name']}{f', {licence}' if (licence := training.spec.source.licence) else ''}. "
        f"{manifest['data']['rows']:,} rows, `{manifest['data']['digest']}`.",
        "",
        "## Limits",
        "",
        "* Judged on rows of the same source only; another population, device or laboratory may differ.",
        f"* Callers may leave out {nullable} of {len(columns)} features. The data that it was "
        "judged on says nothing about rows with missing values unless it has some.",
        "* An aid for a person who decides. Not a decision by itself.",
        "",
        "## Inputs",
        "",
        *table(("feature", "type", "possible values", "may be null"), features),
        *_computed(training),
    ]
    return "\n".join(lines) + "\n"


def card_data(
    manifest: Mapping[str, Any], training: Training, record: TrainingRecord, seen: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The sections of Mitchell et al. as data; where each number comes from is in `sources`."""
    return {
        "schema": 1,
        "modelDetails": {
            "name": manifest["name"],
            "version": manifest["version"],
            "title": training.title,
            "task": training.spec.task,
            "format": manifest["format"]["name"],
            "algorithm": record.algorithm,
            "parameters": record.parameters,
        },
        "intendedUse": {
            "target": training.spec.target.column,
            "use": "An aid for a person who decides. Not a decision by itself.",
        },
        "factors": {"slices": sorted({part["column"] for part in seen["slices"]}) if seen else []},
        "metrics": {"figures": {} if seen is None else dict(seen["metrics"]), "threshold": record.threshold},
        "evaluationData": {"rows": None if seen is None else seen["testRows"], "source": "rows that were set aside"},
        "trainingData": {"rows": record.rows, **manifest["data"], "licence": training.spec.source.licence},
        "quantitativeAnalyses": {
            "slices": [] if seen is None else list(seen["slices"]),
            "robustness": [] if seen is None else list(seen["robustness"]),
            "gates": [] if seen is None else list(seen["gates"]),
        },
        "ethicalConsiderations": {"personalData": "see the manifest"},
        "caveatsAndRecommendations": record.findings,
        "sources": {
            "metrics": "evaluation.json",
            "quantitativeAnalyses": "evaluation.json",
            "trainingData": "timoneiro.json",
            "modelDetails": "timoneiro.json",
        },
    }


def _front(manifest: Mapping[str, Any], training: Training, seen: Mapping[str, Any] | None) -> list[str]:
    """What Hugging Face reads of a card."""
    front: dict[str, Any] = {
        "library_name": "sklearn" if manifest["format"]["name"] == "sklearn" else "onnx",
        "pipeline_tag": _TASKS[training.spec.task],
        "tags": ["tabular", "timoneiro"],
    }
    if seen is not None:
        metrics = [
            {"type": name, "name": entry["title"], "value": float(f"{entry['value']:.6g}")}
            for name, entry in seen["metrics"].items()
            if entry["value"] is not None
        ]
        task = {"type": _TASKS[training.spec.task]}
        dataset = {"type": "tabular", "name": manifest["data"]["name"]}
        front["model-index"] = [
            {"name": manifest["name"], "results": [{"task": task, "dataset": dataset, "metrics": metrics}]}
        ]
    text = yaml.safe_dump(front, sort_keys=False, allow_unicode=True).rstrip()
    return ["---", *text.split("\n"), "---", ""]


def _what(training: Training, record: TrainingRecord) -> str:
    target, number = training.spec.target, len(training.features)
    if not training.classes:
        unit = training.spec.columns[target.column].unit
        return f"Predicts the number `{target.column}`{f' ({unit})' if unit else ''} from {number} columns."
    said = (
        f"Predicts `{target.column}` ({', '.join(record.classes)}) from {number} columns. Probabilities are in the "
        "order of these classes."
    )
    if target.positive is not None:
        said += f" Judged is the probability of `{target.positive}`"
        said += "." if record.threshold is None else f", which is answered from {record.threshold:.4g} on."
    return said


def _how(record: TrainingRecord) -> str:
    parameters = ", ".join(f"{name} {value}" for name, value in sorted(record.parameters.items()))
    said = [
        f"Made by {record.algorithm}{f' ({parameters})' if parameters else ''} from {record.rows:,} rows; missing "
        f"values are {'replaced' if record.impute else 'passed on as they are'}."
    ]
    if record.missing_indicators:
        said.append(f"It also learns from whether {', '.join(record.missing_indicators)} were missing.")
    if record.search:
        tried = record.search["completed"] + record.search["pruned"]
        said.append(f"The parameters are the best of {tried} trials by cross-validated {record.search['metric']}.")
    if record.stopping is not None:
        said.append(record.stopping.finding)
    if record.calibration is not None:
        said.append(f"Its probabilities were calibrated ({record.calibration.lower()}).")
    if record.validation is not None:
        said.append(record.validation.finding)
    return " ".join([*said, *record.findings])


def _how_good(seen: Mapping[str, Any] | None) -> list[str]:
    if seen is None:
        return ["It was not judged."]
    figures = [
        (
            entry["title"],
            _shown(entry["value"]),
            f"{_shown(entry['low'])} to {_shown(entry['high'])}",
            _shown(entry["champion"]),
            _shown(entry["baseline"]),
        )
        for entry in seen["metrics"].values()
    ]
    lines = [
        f"On {seen['testRows']:,} rows that it was not trained on, with what each figure is between with "
        f"{seen['confidence']:.0%} confidence:",
        "",
        *table(("figure", "value", "between", "champion", "no column"), figures),
    ]
    worst = _worst_slices(seen)
    if worst:
        title = seen["metrics"][seen["primary"]]["title"]
        lines += ["", f"Where it is worst, by {title}:", "", *table(("rows with", "rows", title), worst)]
    return lines


def _worst_slices(seen: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    primary = seen["primary"]
    known = [part for part in seen["slices"] if part["figures"].get(primary) is not None]
    smaller = seen["metrics"][primary]["smallerIsBetter"]
    ordered = sorted(known, key=lambda part: part["figures"][primary], reverse=smaller)[:_MOST_SLICES]
    return [
        (f"{part['column']} {part['value']}", f"{part['rows']:,}", _shown(part["figures"][primary])) for part in ordered
    ]


def _computed(training: Training) -> list[str]:
    """What the model learns from beside them."""
    parts = [
        (f"{part} of {name}", f"in {column.time_zone or 'UTC'}")
        for name, column in training.features.items()
        for part in column.parts
    ]
    rows = [*parts, *((name, f"`{text}`") for name, text in training.spec.features.items())]
    return ["", "The model computes of them:", "", *table(("feature", "how"), rows)] if rows else []


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _range(column: Column) -> str:
    if column.values is not None:
        return ", ".join(column.values)
    if column.type == "Boolean":
        return "true, false"
    if column.type == "Time":
        return f"times in {column.time_zone}" if column.time_zone else "times with an offset"
    low = "" if column.minimum is None else f"{column.minimum:g}"
    high = "" if column.maximum is None else f"{column.maximum:g}"
    return f"{low} .. {high} {column.unit or ''}".strip() if low or high else column.unit or "any"
