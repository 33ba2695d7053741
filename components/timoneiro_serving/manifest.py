"""The package manifest `timoneiro.json`: what a model folder says about the model in it.

Reading it either gives a complete Manifest or raises ModelLoadError with a sentence that names
the file and the field. Standard library only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any

from .errors import ModelLoadError
from .times import zone_of

MANIFEST_FILE = "timoneiro.json"
SCHEMA_VERSION = 1
TEXT_DTYPE = "string"
TIME_DTYPE = "timestamp"
OUTSIDE = ("count", "refuse")
NUMERIC_DTYPES = ("float64", "float32", "int64", "int32", "bool")


@dataclass(frozen=True)
class Feature:
    """One input column. `nullable` is the contract with callers: whether they may leave a value out. `minimum`,
    `maximum` and `values` are what the model was made for; `zone` is meant where a time says no offset. `bin_width` and
    `prefix_length`: how coarse the rows were that it was trained on, and requests are made."""

    name: str
    dtype: str = "float64"
    nullable: bool = True
    minimum: float | None = None
    maximum: float | None = None
    values: frozenset[str] | None = None
    zone: tzinfo | None = None
    bin_width: float | None = None
    prefix_length: int | None = None

    @property
    def is_text(self) -> bool:
        return self.dtype == TEXT_DTYPE

    @property
    def is_limited(self) -> bool:
        """Whether there are values that the model was not made for."""
        return any(limit is not None for limit in (self.minimum, self.maximum, self.values))


@dataclass(frozen=True)
class Manifest:
    """The part of the manifest that serving needs. Columns are in the order of training, classes in the
    order of the model's probabilities; a model that is no classifier has no classes. `files`: SHA-256 (hex) of
    every other file of the package by its name; None where the manifest does not say. `refuse_outside`: whether
    requests with values that it was not made for are refused, and not only counted."""

    format_name: str
    features: tuple[Feature, ...]
    classes: tuple[str, ...]
    files: dict[str, str] | None = None
    refuse_outside: bool = False


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
    outside = document.get("outside", "count")
    if outside not in OUTSIDE:
        raise _Malformed(f"outside is {outside!r}, known are {', '.join(OUTSIDE)}")
    files = _parse_files(document.get("files"))
    return Manifest(form["name"], parsed, _parse_classes(document), files, refuse_outside=outside == "refuse")


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
    if dtype not in (TEXT_DTYPE, TIME_DTYPE, *NUMERIC_DTYPES):
        known = ", ".join((*NUMERIC_DTYPES, TEXT_DTYPE, TIME_DTYPE))
        raise _Malformed(f"features[{position}].dtype is {dtype!r}, known are {known}")
    nullable = feature.get("nullable", True)
    if not isinstance(nullable, bool):
        raise _Malformed(f"features[{position}].nullable must be true or false")
    limits = {field: _parse_limit(position, feature, field) for field in ("minimum", "maximum")}
    values, zone = feature.get("values"), feature.get("timeZone")
    width, length = _parse_limit(position, feature, "binWidth"), feature.get("prefixLength")
    if width is not None and width <= 0:
        raise _Malformed(f"features[{position}].binWidth must be more than 0")
    if length is not None and (type(length) is not int or length < 1):
        raise _Malformed(f"features[{position}].prefixLength must be a whole number of at least 1")
    if values is not None and not (isinstance(values, list) and all(isinstance(value, str) for value in values)):
        raise _Malformed(f"features[{position}].values must be a list of texts")
    try:
        return Feature(
            feature["name"],
            dtype,
            nullable,
            values=None if values is None else frozenset(values),
            zone=None if zone is None else zone_of(str(zone)),
            bin_width=width,
            prefix_length=length,
            **limits,
        )
    except ValueError as error:
        raise _Malformed(f"features[{position}].timeZone: {error}") from None


def _parse_limit(position: int, feature: dict[str, Any], field: str) -> float | None:
    limit = feature.get(field)
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int | float)):
        raise _Malformed(f"features[{position}].{field} must be a number")
    return limit
