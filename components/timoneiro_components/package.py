"""Step: everything that belongs to one model in one folder.

    model.skops or model.onnx   the model
    timoneiro.json              the manifest: what it is, what it wants, how good it is, digests of the rest
    README.md                   the model card
    model-card.json             the card for machines
    evaluation.json             all that was seen of it
    reference.json              statistics of the features it was trained on

Guarantees: the folder is there completely or not at all; it holds no empty file (KServe's storage initializer drops
those); an ONNX model answers as the model it was made from, or the step fails; the same data, definition and version
give the same digest, since nothing in it says when it was made.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from timoneiro_serving.digest import directory_digest, file_digests
from timoneiro_serving.loading import ONNX_FILE, SKOPS_FILE
from timoneiro_serving.manifest import MANIFEST_FILE, SCHEMA_VERSION

from .definition.columns import Column
from .definition.training import Training
from .evaluation.document import read_document
from .features.rows import features_of
from .identity import check_identity
from .packaging.card import CARD_DATA_FILE, CARD_FILE, card_data, model_card
from .packaging.reference import REFERENCE_FILE, reference
from .privacy.record import read_record as read_privacy
from .tables import frame_of, read_table, table_digest
from .training.record import TrainingRecord, read_record

EVALUATION_FILE = "evaluation.json"
# What the manifest says of each column; text is a category.
_DTYPES = {"Number": "float64", "Integer": "int64", "Boolean": "bool", "Category": "string", "Time": "timestamp"}


@dataclass(frozen=True)
class Package:
    """Digest of the finished folder (`sha256:<hex>`), its size in bytes and the text of the card."""

    digest: str
    size: int
    card: str


def package(
    training: Training,
    *,
    model: Path,
    data: Path,
    privacy: Path,
    dataset: Path,
    destination: Path,
    version: str,
    evaluation: Path | None = None,
) -> Package:
    """Makes the package folder `destination` from the model folder `model`.

    `data` is the table that the model was developed on, for statistics and the parity check; `privacy` is what was
    found of personal data; `dataset` is the manifest of the data, which the package names by its digest; `evaluation`
    is what the evaluation left (None: it was not judged). Raises StepError, and GateFailed if the ONNX model answers
    differently.
    """
    name, format_name = training.metadata.name, training.spec.package.format.lower()
    check_identity(name, version)
    frame, record = frame_of(read_table(data)), read_record(model)
    seen = None if evaluation is None else read_document(evaluation)
    manifest = {
        "schemaVersion": SCHEMA_VERSION,
        "name": name,
        "version": version,
        "format": {"name": format_name, "version": "1"},
        "task": training.spec.task,
        "outside": training.spec.package.outside.lower(),
        "features": [_feature(feature, column) for feature, column in training.features.items()],
        "target": _target(training, record),
        "training": _made(record),
        "metrics": _figures(seen),
        "data": {
            "name": training.spec.source.title or name,
            "rows": len(frame),
            "digest": table_digest(data),
            "dataset": table_digest(dataset),
        },
        "privacy": read_privacy(privacy).document(),
    }
    card = model_card(manifest, training, record, seen)
    destination.parent.mkdir(parents=True, exist_ok=True)
    # Filled next to its place and moved there in one step: nobody ever sees half a package.
    with tempfile.TemporaryDirectory(prefix=".package-", dir=destination.parent) as scratch:
        folder = Path(scratch) / "package"
        folder.mkdir()
        nullable = [name for name, column in training.features.items() if column.nullable]
        _write_model(model, folder, format_name, features_of(frame, training), nullable)
        (folder / CARD_FILE).write_text(card, encoding="utf-8")
        _write_json(folder / CARD_DATA_FILE, card_data(manifest, training, record, seen))
        if seen is not None:
            _write_json(folder / EVALUATION_FILE, seen)
        _write_json(folder / REFERENCE_FILE, reference(frame, training))
        _write_json(folder / MANIFEST_FILE, {**manifest, "files": file_digests(folder)})
        if destination.exists():
            shutil.rmtree(destination)
        folder.replace(destination)
    size = sum(path.stat().st_size for path in destination.iterdir())
    return Package(digest=directory_digest(destination), size=size, card=card)


def _feature(name: str, column: Column) -> dict[str, Any]:
    """The contract with callers: type, whether it may be null, and what is possible where that was said."""
    possible = {
        "minimum": column.minimum,
        "maximum": column.maximum,
        "values": column.values,
        "unit": column.unit,
        "timeZone": column.time_zone,
        "binWidth": column.bin_width,
        "prefixLength": column.prefix_length,
    }
    said = {key: value for key, value in possible.items() if value is not None}
    return {"name": name, "dtype": _DTYPES[column.type], "nullable": column.nullable, **said}


def _target(training: Training, record: TrainingRecord) -> dict[str, Any]:
    """`classes` in the order of the model's probabilities; none of a number."""
    found: dict[str, Any] = {"name": training.spec.target.column, "classes": record.classes}
    if training.spec.target.positive is not None:
        found["positive"] = training.spec.target.positive
    return found if record.threshold is None else found | {"threshold": record.threshold}


def _made(record: TrainingRecord) -> dict[str, Any]:
    return {
        "algorithm": record.algorithm,
        "parameters": record.parameters,
        "impute": record.impute,
        **({"missingIndicators": record.missing_indicators} if record.missing_indicators else {}),
        "calibration": record.calibration,
        "seed": record.seed,
        "rows": record.rows,
    }


def _figures(seen: Mapping[str, Any] | None) -> dict[str, float]:
    """On the test rows, rounded; those that could not be told are left out."""
    if seen is None:
        return {}
    found = {name: entry["value"] for name, entry in seen["metrics"].items() if entry["value"] is not None}
    return {"testRows": seen["testRows"], **{name: float(f"{value:.6g}") for name, value in found.items()}}


def _write_model(model: Path, folder: Path, format_name: str, features: pd.DataFrame, nullable: Sequence[str]) -> None:
    if format_name == "onnx":
        # Here, because the converter takes a second to import and most packages do not need it.
        from .packaging.onnx_export import export_onnx  # noqa: PLC0415

        export_onnx(model / SKOPS_FILE, folder / ONNX_FILE, features, nullable)
    else:
        shutil.copyfile(model / SKOPS_FILE, folder / SKOPS_FILE)


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", encoding="utf-8")
