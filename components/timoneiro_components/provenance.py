"""Where a published model comes from, as annotations of its ModelDeployment.

They are written in the same apply as `spec.model`, so that they are about the model that the spec names, always: one
that is not known any more is taken away by the next publication.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_PREFIX = "timoneiro.dev/"
RUN, DATASET, COMMIT, CARD = (f"{_PREFIX}{name}" for name in ("run", "dataset", "commit", "model-card"))
# What is cut off would name something else: a longer one is left out. All annotations of an object share 256 KiB.
_MOST_CHARACTERS = 1024
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?(-dirty)?")
_CARD_FILE = "README.md"


def provenance(
    manifest: Mapping[str, Any], *, uri: str, files: frozenset[str], run: str, commit: str
) -> dict[str, str]:
    """The annotations of the package at `uri`, whose `timoneiro.json` is `manifest` and which holds `files`.

    `run`: id of the run that made it. `commit`: of the definition, with `-dirty` where something was not committed.
    Both are "" where nobody knows.
    """
    data = manifest.get("data")
    said = {
        RUN: run,
        DATASET: str(data.get("dataset", "")) if isinstance(data, Mapping) else "",
        COMMIT: commit if _COMMIT.fullmatch(commit) else "",
        CARD: f"{uri}{_CARD_FILE}" if _CARD_FILE in files else "",
    }
    return {name: text for name, text in said.items() if text and len(text) <= _MOST_CHARACTERS}
