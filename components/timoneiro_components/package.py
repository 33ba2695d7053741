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
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from timoneiro_serving.digest import directory_digest, file_digests
from timoneiro_serving.loading import ONNX_FILE, SKOPS_FILE
from timoneiro_serving.manifest import MANIFEST_FILE, SCHEMA_VERSION

from .card import model_card
from .datasets import DatasetDefinition, dataset_definition
from .errors import StepError
from .identity import check_identity
from .tables import read_table, table_digest

FORMATS = ("sklearn", "onnx")
CARD_FILE = "README.md"
REFERENCE_FILE = "reference.json"
TRAINING_FILE = "training.json"  # what the training step writes next to the model
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Package:
    """Digest of the finished folder (`sha256:<hex>`), its size in bytes and the text of the card."""

    digest: str
    size: int
    card: str


def package(
    dataset: str,
    *,
    model: Path,
    data: Path,
    destination: Path,
    name: str,
    version: str,
    format_name: str,
    metrics: dict[str, Any],
) -> Package:
    """Makes the package folder `destination` from the model folder `model`.

    `data` is the table that the model was developed on, for statistics and the parity check;
    `metrics` are the figures of the evaluation (entries that are no numbers are left out);
    `format_name` is "sklearn" (skops) or "onnx". Raises StepError, and GateFailed if the ONNX model
    answers differently.
    """
    check_identity(name, version)
    if format_name not in FORMATS:
        raise StepError(f"there is no format {format_name!r}; known are: {', '.join(FORMATS)}")
    definition = dataset_definition(dataset)
    frame = read_table(data)
    training = _read_training(model)
    document = {
        "schemaVersion": SCHEMA_VERSION,
        "name": name,
        "version": version,
        "createdAt": datetime.now(UTC).isoformat(timespec="seconds"),
        "format": {"name": format_name, "version": "1"},
        "features": [
            {"name": column.name, "dtype": "float64", "nullable": column.nullable} for column in definition.columns
        ],
        "target": {"name": definition.target, "classes": training.pop("classes")},
        "training": training,
        "metrics": {key: value for key, value in sorted(metrics.items()) if _is_number(value)},
        "data": {"name": dataset, "rows": len(frame), "digest": table_digest(data)},
    }
    destination.parent.mkdir(parents=True, exist_ok=True)
    # Filled next to its place and moved there in one step: nobody ever sees half a package.
    with tempfile.TemporaryDirectory(prefix=".package-", dir=destination.parent) as scratch:
        folder = Path(scratch) / "package"
        folder.mkdir()
        _write_model(model, folder, format_name, frame, definition)
        card = model_card(document, definition)
        (folder / CARD_FILE).write_text(card, encoding="utf-8")
        _write_json(folder / REFERENCE_FILE, _reference(frame, definition))
        _write_json(folder / MANIFEST_FILE, {**document, "files": file_digests(folder)})
        if destination.exists():
            shutil.rmtree(destination)
        folder.replace(destination)
    size = sum(path.stat().st_size for path in destination.iterdir())
    return Package(digest=directory_digest(destination), size=size, card=card)


def _read_training(model: Path) -> dict[str, Any]:
    path = model / TRAINING_FILE
    try:
        training: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StepError(f"{path} cannot be read ({error}): package the folder that the training step made") from error
    return training


def _write_model(
    model: Path, folder: Path, format_name: str, frame: pd.DataFrame, definition: DatasetDefinition
) -> None:
    if format_name == "onnx":
        # Here, because the converter takes a second to import and most packages do not need it.
        from .onnx_export import export_onnx  # noqa: PLC0415

        export_onnx(model / SKOPS_FILE, folder / ONNX_FILE, frame[definition.feature_names])
    else:
        shutil.copyfile(model / SKOPS_FILE, folder / SKOPS_FILE)


def _reference(frame: pd.DataFrame, definition: DatasetDefinition) -> dict[str, Any]:
    """What inputs looked like in training: for drift checks, small enough to travel with the model."""
    columns = {}
    for name in definition.feature_names:
        present = frame[name].dropna()
        columns[name] = {
            "missing": round(float(frame[name].isna().mean()), 6),
            "mean": float(present.mean()),
            "deviation": float(present.std(ddof=1)),
            "minimum": float(present.min()),
            "maximum": float(present.max()),
            "quantiles": {str(share): float(present.quantile(share)) for share in _QUANTILES},
        }
    shares = frame[definition.target].value_counts(normalize=True)
    return {
        "rows": len(frame),
        "features": columns,
        "target": {label: round(float(shares.get(label, 0.0)), 6) for label in definition.classes},
    }


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
