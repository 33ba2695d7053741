"""The package manifest `timoneiro.json`: what a model folder says about the model in it.

Reading it either gives a complete Manifest or raises ModelLoadError with a sentence that names
the file and the field. Standard library only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import ModelLoadError

MANIFEST_FILE = "timoneiro.json"
SCHEMA_VERSION = 1
TEXT_DTYPE = "string"
NUMERIC_DTYPES = ("float64", "float32", "int64", "int32", "bool")


@dataclass(frozen=True)
class Feature:
    """One input column. `nullable` is the contract with callers: whether they may leave a value out."""

    name: str
    dtype: str = "float64"
    nullable: bool = True

    @property
    def is_text(self) -> bool:
        return self.dtype == TEXT_DTYPE


@dataclass(frozen=True)
class Manifest:
    """The part of the manifest that serving needs. Columns are in the order of training, classes in the
    order of the model's probabilities; a model that is no classifier has no classes. `files`: SHA-256 (hex) of
    every other file of the package by its name; None where the manifest does not say."""

    format_name: str
    features: tuple[Feature, ...]
    classes: tuple[str, ...]
    files: dict[str, str] | None = None


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a model folder, or None if the folder has none.

    Raises ModelLoadError if the file is there but cannot be understood.
    """
    path = folder / MANIFEST_FILE
    if not path.exists():
        return None
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelLoadError(f"{path} is not readable JSON ({error}); package the model again") from error
    try:
        return _parse(document)
    except _Malformed as error:
        raise ModelLoadError(f"{path}: {error}; package the model again") from error


class _Malformed(Exception):
    pass


def _parse(document: Any) -> Manifest:
    if not isinstance(document, dict):
        raise _Malformed("the manifest must be a JSON object")
    if document.get("schemaVersion") != SCHEMA_VERSION:
        raise _Malformed(f"schemaVersion is {document.get('schemaVersion')!r}, this server reads {SCHEMA_VERSION}")
    form = document.get("format")
    if not isinstance(form, dict) or not isinstance(form.get("name"), str):
        raise _Malformed("format.name is missing")
    features = document.get("features")
    if not isinstance(features, list) or not features:
        raise _Malformed("features must be a list that names every input column")
    parsed = tuple(_parse_feature(position, feature) for position, feature in enumerate(features))
    names = [feature.name for feature in parsed]
    if len(set(names)) != len(names):
        raise _Malformed("features holds a name twice")
    return Manifest(form["name"], parsed, _parse_classes(document), _parse_files(document.get("files")))


def _parse_files(files: Any) -> dict[str, str] | None:
    if files is not None and not (isinstance(files, dict) and all(isinstance(text, str) for text in files.values())):
        raise _Malformed("files must give each file its SHA-256")
    return files


def _parse_classes(document: dict[str, Any]) -> tuple[str, ...]:
    target = document.get("target", {})
    classes = target.get("classes", []) if isinstance(target, dict) else None
    if not isinstance(classes, list):
        raise _Malformed("target.classes must be a list")
    return tuple(str(label) for label in classes)


def _parse_feature(position: int, feature: Any) -> Feature:
    if not isinstance(feature, dict) or not isinstance(feature.get("name"), str):
        raise _Malformed(f"features[{position}].name is missing")
    dtype = feature.get("dtype", "float64")
    if dtype != TEXT_DTYPE and dtype not in NUMERIC_DTYPES:
        known = ", ".join((*NUMERIC_DTYPES, TEXT_DTYPE))
        raise _Malformed(f"features[{position}].dtype is {dtype!r}, known are {known}")
    nullable = feature.get("nullable", True)
    if not isinstance(nullable, bool):
        raise _Malformed(f"features[{position}].nullable must be true or false")
    return Feature(name=feature["name"], dtype=dtype, nullable=nullable)
