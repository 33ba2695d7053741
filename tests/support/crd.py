"""Our CRD as the chart has it, and what it would be without one field of the status."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

_FILE = Path(__file__).parents[2] / "charts/timoneiro/crd/modeldeployments.yaml"


# Parsed once: YAML takes a hundred times as long as the JSON that each caller gets a copy from.
_TEXT = json.dumps(yaml.safe_load(_FILE.read_text()))


def crd() -> dict[str, Any]:
    """As a Python object that shares nothing with another one, nor within itself where the file uses anchors."""
    loaded: dict[str, Any] = json.loads(_TEXT)
    return loaded


def status_schema(body: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = body["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
    return found


def fields(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """Dotted paths of all properties, with lists seen through."""
    if "items" in schema:
        yield from fields(schema["items"], path)
    for name, inner in (schema.get("properties") or {}).items():
        deeper = f"{path}.{name}" if path else name
        yield deeper
        yield from fields(inner, deeper)


def remove(schema: dict[str, Any], path: str) -> None:
    """Takes one property out of `schema`, and what else of the schema names it."""
    *parents, last = path.split(".")
    for name in parents:
        schema = schema["properties"][name]
        schema = schema.get("items", schema) if "properties" not in schema else schema
    del schema["properties"][last]
    if last in schema.get("required", ()):
        schema["required"].remove(last)


def without(path: str) -> dict[str, Any]:
    """The CRD as an older version might have it: without `path` in the status."""
    body = crd()
    schema = status_schema(body)
    if path.split(".") == ["conditions", "type"]:
        for key in ("x-kubernetes-list-type", "x-kubernetes-list-map-keys"):
            del schema["properties"]["conditions"][key]
    remove(schema, path)
    return body
