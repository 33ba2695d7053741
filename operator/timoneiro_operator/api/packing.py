"""The status on the wire: how revisions are served is in it once, however many of them are served like that.

An object of the API server has to fit into 1.5 MB, and a predictor or a transformer may be hundreds of kilobytes of it.
Statuses of before, with both in each revision, are read as they are.
"""

import hashlib
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

_HASH_LENGTH = 16
# Parts of a revision; of each where it is kept, and what names it: what a CRD needs for it to be packed.
PARTS = {
    "predictor": ("predictors", "revisions.predictorHash"),
    "transformer": ("transformers", "revisions.transformerHash"),
}


class _Predictor(msgspec.Struct, frozen=True):
    hash: str
    predictor: dict[str, Any]


class _Transformer(msgspec.Struct, frozen=True):
    hash: str
    transformer: dict[str, Any]


class _Reference(msgspec.Struct, frozen=True, rename="camel"):
    predictor_hash: str
    transformer_hash: str


class Packed(msgspec.Struct, frozen=True):
    """Fields that are on the wire and not in Status."""

    predictors: tuple[_Predictor, ...]
    transformers: tuple[_Transformer, ...]
    revisions: tuple[_Reference, ...]


def pack(status: Mapping[str, Any], parts: Collection[str] = PARTS.keys()) -> dict[str, Any]:
    """A status as JSON has it, with each of these parts once: `revisions` and `actedOn` name it by its hash."""
    kept: dict[str, dict[str, Any]] = {part: {} for part in parts}

    def refer(holder: Mapping[str, Any]) -> dict[str, Any]:
        referring = dict(holder)
        for part in kept.keys() & holder.keys():
            content = referring.pop(part)
            name = hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()[:_HASH_LENGTH]
            referring[f"{part}Hash"], kept[part][name] = name, content
        return referring

    packed = dict(status)
    if "revisions" in packed:
        packed["revisions"] = [refer(snapshot) for snapshot in packed["revisions"]]
    if "actedOn" in packed:
        packed["actedOn"] = refer(packed["actedOn"])
    for part, contents in kept.items():
        if contents:
            packed[PARTS[part][0]] = [{"hash": name, part: contents[name]} for name in sorted(contents)]
    return packed


def unpack(status: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `pack`. What names a part that is not there is left out."""
    unpacked = dict(status)
    kept = {
        part: {item.get("hash"): item.get(part) for item in unpacked.pop(field, ())}
        for part, (field, _) in PARTS.items()
    }

    def resolve(holder: Mapping[str, Any]) -> dict[str, Any] | None:
        resolved = dict(holder)
        for part in PARTS:
            if f"{part}Hash" in resolved:
                resolved[part] = kept[part].get(resolved.pop(f"{part}Hash"))
                if resolved[part] is None:
                    return None
        return resolved

    if "revisions" in unpacked:
        found = [resolve(snapshot) for snapshot in unpacked["revisions"]]
        unpacked["revisions"] = [snapshot for snapshot in found if snapshot is not None]
    if "actedOn" in unpacked:
        unpacked["actedOn"] = resolve(unpacked["actedOn"])
    return unpacked
