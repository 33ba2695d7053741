"""Which fields of the status the API server keeps: the CRD that it serves may be older than the operator."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from timoneiro_operator.api.packing import PARTS, Packed
from timoneiro_operator.api.status import Status

# What only people read: without it everything goes on as it would.
_INFORMING = frozenset(
    {
        "observedGeneration",
        "phase",
        "message",
        "verdict",
        "stepText",
        "traffic",
        "history",
        "restored",
        "conditions",
        "forgotten",
        "wanted",
        "routed",
        "weight",
    }
)
# Within what decides: a picture for people, what the source of counts can do without, and who is known to have asked.
_DISPENSABLE = ("analysis.trail", "analysis.promotedBy", "analysis.marks", "commands.verified")
# Without them a status is written as it was before there were any.
_PACKING = tuple(path for paths in PARTS.values() for path in paths)


def undeclared(schema: Mapping[str, Any]) -> frozenset[str]:
    """Fields of the status, dotted, that `schema` (its OpenAPI schema in the CRD) does not declare.

    Of a field that lacks altogether nothing that is in it is named besides.
    """
    known = (msgspec.inspect.type_info(part) for part in (Status, Packed))
    return frozenset(path for part in known for path in _undeclared(part, schema, ""))


def _undeclared(kind: msgspec.inspect.Type, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return
    if isinstance(kind, msgspec.inspect.UnionType):
        for member in kind.types:
            yield from _undeclared(member, schema, path)
    elif isinstance(kind, msgspec.inspect.VarTupleType):
        yield from _undeclared(kind.item_type, schema.get("items") or {}, path)
    elif isinstance(kind, msgspec.inspect.StructType | msgspec.inspect.DataclassType):
        declared = schema.get("properties") or {}
        for field in kind.fields:
            inner = f"{path}.{field.encode_name}" if path else field.encode_name
            if field.encode_name in declared:
                yield from _undeclared(field.type, declared[field.encode_name], inner)
            else:
                yield inner


def paths_of(value: Any) -> Iterator[str]:
    """Dotted paths of all fields that are set in a JSON value, with lists seen through."""
    left = [("", value)]
    while left:
        path, known = left.pop()
        if isinstance(known, Mapping):
            for name, inner in known.items():
                if inner is not None:
                    deeper = f"{path}.{name}" if path else name
                    yield deeper
                    left.append((deeper, inner))
        elif isinstance(known, list):
            left.extend((path, item) for item in known)


def outermost(paths: Iterable[str]) -> frozenset[str]:
    """Those of `paths` that are in no other one of them."""
    found: set[str] = set()
    for path in sorted(paths):
        if not any(path.startswith(f"{other}.") for other in found):
            found.add(path)
    return frozenset(found)


def decides(path: str) -> bool:
    """Whether decisions depend on the field, or on one that is in it."""
    return path.split(".", 1)[0] not in _INFORMING and not path.startswith((*_PACKING, *_DISPENSABLE))


def packable(lacking: Iterable[str]) -> frozenset[str]:
    """Parts of a status that can be packed, with what is among the fields that the CRD lacks."""
    lacking = list(lacking)
    return frozenset(part for part, paths in PARTS.items() if not any(path.startswith(paths) for path in lacking))
