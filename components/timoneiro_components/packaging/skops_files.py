"""Model files that are the same to the bit for the same model.

skops names files and objects in its archive by addresses in memory, and the archive has times. Here both are replaced:
names by their order, times by a fixed one, so that a digest tells models apart and not runs.
"""

from __future__ import annotations

import io
import itertools
import json
import zipfile
from pathlib import Path
from typing import Any

import skops.io

_SCHEMA = "schema.json"
_TIME = (1980, 1, 1, 0, 0, 0)


def write_skops(estimator: Any, file: Path) -> None:
    """Writes the estimator in the canonical form, which `skops.io.load` reads as any other."""
    file.write_bytes(canonical(skops.io.dumps(estimator)))


def canonical(archive: bytes) -> bytes:
    """The same archive with sequential names, in the order of the schema."""
    with zipfile.ZipFile(io.BytesIO(archive)) as old:
        names = _Names()
        schema = names.replaced(json.loads(old.read(_SCHEMA)))
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as new:
            for before, after in names.files.items():
                new.writestr(_entry(after), old.read(before))
            new.writestr(_entry(_SCHEMA), json.dumps(schema, indent=2))
    return target.getvalue()


def _entry(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, date_time=_TIME)


class _Names:
    """Sequential names in the place of addresses; what was one object stays one."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self._ids: dict[int, int] = {}
        self._next = itertools.count()

    def replaced(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self.replaced(entry) for entry in node]
        if not isinstance(node, dict):
            return node
        found = {key: self.replaced(value) for key, value in node.items()}
        if isinstance(threads := found.get("n_threads"), dict):
            # How many a boosted model was fitted with, on whatever machine: it answers the same with any.
            threads["content"] = "1"
        if isinstance(found.get("file"), str):
            suffix = Path(found["file"]).suffix
            found["file"] = self.files.setdefault(found["file"], f"{len(self.files)}{suffix}")
        if "__id__" in found:
            # Whether two equal scalars are one object depends on the interpreter, and means nothing.
            fresh = found.get("is_json") is True
            found["__id__"] = next(self._next) if fresh else self._id(found["__id__"])
        return found

    def _id(self, address: int) -> int:
        if address not in self._ids:
            self._ids[address] = next(self._next)
        return self._ids[address]
