"""The status on the wire: how revisions are served is in it once, however many of them are served like that.

An object of the API server has to fit into 1.5 MB, and a predictor may be hundreds of kilobytes of it. Statuses of
before, with a predictor in each revision, are read as they are.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

_HASH_LENGTH = 16


class _Predictor(msgspec.Struct, frozen=True):
    hash: str
    predictor: dict[str, Any]


class _Reference(msgspec.Struct, frozen=True, rename="camel"):
    predictor_hash: str


class Packed(msgspec.Struct, frozen=True):
    """Fields that are on the wire and not in Status."""

    predictors: tuple[_Predictor, ...]
    revisions: tuple[_Reference, ...]


def pack(status: Mapping[str, Any]) -> dict[str, Any]:
    """A status as JSON has it, with each predictor once: `revisions` and `actedOn` name it by its hash."""
    predictors: dict[str, Any] = {}

    def refer(holder: Mapping[str, Any]) -> dict[str, Any]:
        referring = dict(holder)
        if "predictor" in referring:
            predictor = referring.pop("predictor")
            name = hashlib.sha256(msgspec.json.encode(predictor, order="deterministic")).hexdigest()[:_HASH_LENGTH]
            referring["predictorHash"], predictors[name] = name, predictor
        return referring

    packed = dict(status)
    if "revisions" in packed:
        packed["revisions"] = [refer(snapshot) for snapshot in packed["revisions"]]
    if "actedOn" in packed:
        packed["actedOn"] = refer(packed["actedOn"])
    if predictors:
        packed["predictors"] = [{"hash": name, "predictor": predictors[name]} for name in sorted(predictors)]
    return packed


def unpack(status: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `pack`. What names a predictor that is not there is left out."""
    unpacked = dict(status)
    predictors = {item.get("hash"): item.get("predictor") for item in unpacked.pop("predictors", ())}

    def resolve(holder: Mapping[str, Any]) -> dict[str, Any] | None:
        resolved = dict(holder)
        if "predictorHash" in resolved:
            resolved["predictor"] = predictors.get(resolved.pop("predictorHash"))
        return None if resolved.get("predictor", {}) is None else resolved

    if "revisions" in unpacked:
        found = [resolve(snapshot) for snapshot in unpacked["revisions"]]
        unpacked["revisions"] = [snapshot for snapshot in found if snapshot is not None]
    if "actedOn" in unpacked:
        unpacked["actedOn"] = resolve(unpacked["actedOn"])
    return unpacked
