"""Step: everything that belongs to one model in one folder.

    model.skops or model.onnx   the model
    timoneiro.json              the manifest: what it is, what it wants, how good it is, digests of the rest
    README.md                   the model card
    reference.json              statistics of the features it was trained on

Guarantees: the folder is there completely or not at all; it holds no empty file (KServe's storage
initializer drops those); an ONNX model answers as the model it was made from, or the step fails.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from timoneiro_serving.digest import directory_digest, file_digests
from timoneiro_serving.loading import ONNX_FILE, SKOPS_FILE
from timoneiro_serving.manifest import MANIFEST_FILE, SCHEMA_VERSION

from .card import model_card
from .definition.training import Training
from .errors import StepError
from .features.preparation import features_of, labels_of
from .identity import check_identity
from .tables import frame_of, read_table, table_digest

CARD_FILE = "README.md"
REFERENCE_FILE = "reference.json"
TRAINING_FILE = "training.json"  # what the training step writes next to the model
# What the manifest says of each column; text is a category.
_DTYPES = {"Number": "float64", "Integer": "int64", "Boolean": "bool", "Category": "string"}
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


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
    dataset: Path,
    destination: Path,
    version: str,
    metrics: dict[str, Any],
) -> Package:
    """Makes the package folder `destination` from the model folder `model`.

    `data` is the table that the model was developed on, for statistics and the parity check; `dataset` is its manifest,
    which the package names by its digest; `metrics` are the figures of the evaluation (entries that are no numbers are
    left out). Raises StepError, and GateFailed if the ONNX model
    answers differently.
    """
    name, format_name = training.metadata.name, training.spec.package.format.lower()
    check_identity(name, version)
    frame = frame_of(read_table(data))
    made = _read_training(model)
    document = {
        "schemaVersion": SCHEMA_VERSION,
        "name": name,
        "version": version,
        "createdAt": datetime.now(UTC).isoformat(timespec="seconds"),
        "format": {"name": format_name, "version": "1"},
        "features": [
            {"name": feature, "dtype": _DTYPES[column.type], "nullable": column.nullable}
            for feature, column in training.features.items()
        ],
        "target": {"name": training.spec.target.column, "classes": made.pop("classes")},
        "training": made,
        "metrics": {key: value for key, value in sorted(metrics.items()) if _is_number(value)},
        "data": {
            "name": training.spec.source.title or name,
            "rows": len(frame),
            "digest": table_digest(data),
            "dataset": table_digest(dataset),
        },
    }
    destination.parent.mkdir(parents=True, exist_ok=True)
    # Filled next to its place and moved there in one step: nobody ever sees half a package.
    with tempfile.TemporaryDirectory(prefix=".package-", dir=destination.parent) as scratch:
        folder = Path(scratch) / "package"
        folder.mkdir()
        nullable = [name for name, column in training.features.items() if column.nullable]
        _write_model(model, folder, format_name, features_of(frame, training), nullable)
        card = model_card(document, training)
        (folder / CARD_FILE).write_text(card, encoding="utf-8")
        _write_json(folder / REFERENCE_FILE, _reference(frame, training))
        _write_json(folder / MANIFEST_FILE, {**document, "files": file_digests(folder)})
        if destination.exists():
            shutil.rmtree(destination)
        folder.replace(destination)
    size = sum(path.stat().st_size for path in destination.iterdir())
    return Package(digest=directory_digest(destination), size=size, card=card)


def _read_training(model: Path) -> dict[str, Any]:
    path = model / TRAINING_FILE
    try:
        made: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StepError(f"{path} cannot be read ({error}): package the folder that the training step made") from error
    return made


def _write_model(model: Path, folder: Path, format_name: str, features: pd.DataFrame, nullable: Sequence[str]) -> None:
    if format_name == "onnx":
        # Here, because the converter takes a second to import and most packages do not need it.
        from .onnx_export import export_onnx  # noqa: PLC0415

        export_onnx(model / SKOPS_FILE, folder / ONNX_FILE, features, nullable)
    else:
        shutil.copyfile(model / SKOPS_FILE, folder / SKOPS_FILE)


def _reference(frame: pd.DataFrame, training: Training) -> dict[str, Any]:
    """What inputs looked like in training: for drift checks, small enough to travel with the model."""
    shares = labels_of(frame[training.spec.target.column]).value_counts(normalize=True)
    features = features_of(frame, training)
    return {
        "rows": len(frame),
        "features": {name: _statistics(features[name]) for name in features},
        "target": {label: round(float(shares.get(label, 0.0)), 6) for label in training.classes},
    }


def _statistics(values: pd.Series) -> dict[str, Any]:
    present, found = values.dropna(), {"missing": round(float(values.isna().mean()), 6)}
    if present.empty:
        return found
    if values.dtype == object:
        counts = present.value_counts(normalize=True)
        return found | {"shares": {str(text): round(float(share), 6) for text, share in sorted(counts.items())}}
    return found | {
        "mean": float(present.mean()),
        "deviation": float(present.std(ddof=0)),
        "minimum": float(present.min()),
        "maximum": float(present.max()),
        "quantiles": {str(share): float(present.quantile(share)) for share in _QUANTILES},
    }


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
