"""The JSON Schema of `training.yaml`, for editors and for sentences."""

from __future__ import annotations

from functools import cache
from typing import Any

from .problems import Path
from .training import Training


@cache
def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12), by which editors complete and check a definition while it is written."""
    schema = Training.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_without_titles(schema)}


def fields_at(path: Path) -> dict[str, dict[str, Any]]:
    """The fields of the object at `path`, with their schemas; none where there is no such object."""
    node = json_schema()
    for part in path:
        inner = _resolved(node)
        node = (
            inner.get("items", {})
            if isinstance(part, int)
            else inner.get("properties", {}).get(part, inner.get("additionalProperties") or {})
        )
        if not isinstance(node, dict):
            return {}
    fields: dict[str, dict[str, Any]] = _resolved(node).get("properties", {})
    return fields


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    """The schema behind a reference; the one that is no null of a choice."""
    for choice in node.get("anyOf", ()):
        if choice.get("type") != "null":
            return _resolved(choice)
    if "$ref" in node:
        return _resolved(json_schema()["$defs"][node["$ref"].rpartition("/")[2]])
    return node


def _without_titles(node: Any, *, named: bool = False) -> Any:
    """pydantic titles every field with its own name. `named`: the keys of `node` are names, no words of a schema."""
    if isinstance(node, dict):
        return {
            key: _without_titles(value, named=key in ("properties", "$defs") and not named)
            for key, value in node.items()
            if named or key != "title" or not isinstance(value, str)
        }
    return [_without_titles(entry) for entry in node] if isinstance(node, list) else node
