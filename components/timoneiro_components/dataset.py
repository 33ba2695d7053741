"""The dataset manifest: where a table came from, what is in it, and digests by which it is known again.

Guarantees: the same bytes of the same version of a source give the same manifest to the bit, on every machine and at
every time, so that its own digest stands for the data set. It holds no value of the table, no credentials and no
path of a machine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .definition.training import Training
from .sources.files import FileDigest
from .sources.origin import Origin
from .tables import table_digest

_SCHEMA_VERSION = 1


@dataclass(frozen=True)
class TablePart:
    """Some rows of the table, in a Parquet file: how many, and the digest of its bytes."""

    rows: int
    digest: str


# By column of times the first and the last of them.
TimeRanges = Mapping[str, tuple[str, str]]


def write_dataset(
    training: Training, origin: Origin, *, data: TablePart, holdout: TablePart, times: TimeRanges, path: Path
) -> str:
    """Writes the manifest; gives its digest, `sha256:<hex>`. `times` are those of all rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = _document(training, origin, data, holdout, times)
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")
    return table_digest(path)


def _document(
    training: Training, origin: Origin, data: TablePart, holdout: TablePart, times: TimeRanges
) -> dict[str, Any]:
    said = {"title": training.spec.source.title, "licence": training.spec.source.licence}
    return {
        "schemaVersion": _SCHEMA_VERSION,
        "source": _source(origin),
        **({"joins": [_source(joined) for joined in origin.joined]} if origin.joined else {}),
        **{name: text for name, text in said.items() if text is not None},
        "rows": data.rows + holdout.rows,
        "schema": [{"name": name, "type": column.type} for name, column in training.spec.columns.items()],
        **({"times": times} if times else {}),
        "data": {"rows": data.rows, "digest": data.digest},
        "holdout": {"rows": holdout.rows, "digest": holdout.digest},
    }


def _source(origin: Origin) -> dict[str, Any]:
    source: dict[str, Any] = {"kind": origin.kind, "address": origin.address}
    if origin.files:
        source["files"] = [_file(file) for file in origin.files]
    if origin.query is not None:
        source["query"] = origin.query
    return source


def _file(file: FileDigest) -> dict[str, Any]:
    version = {"version": file.version} if file.version else {}
    return {"address": file.address, "digest": file.digest, "size": file.size, **version}
