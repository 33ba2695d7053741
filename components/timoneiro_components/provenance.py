"""Where a published model comes from, as annotations of its ModelDeployment.

They are written in the same apply as `spec.model`, so that they are about the model that the spec names, always: one
that is not known any more is taken away by the next publication.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from timoneiro_serving.manifest import MANIFEST_FILE

from .errors import StepError

_PREFIX = "timoneiro.dev/"
RUN, DATASET, COMMIT, CARD = (f"{_PREFIX}{name}" for name in ("run", "dataset", "commit", "model-card"))
# What is cut off would name something else: a longer one is left out. All annotations of an object share 256 KiB.
_MOST_CHARACTERS = 1024
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?(-dirty)?")
_CARD_FILE = "README.md"


def package_manifest(package: Path, *needed: str) -> dict[str, Any]:
    """These fields of the manifest of the folder `package`, and `data`, which may be missing. Raises StepError if it is
    no package, or lacks one of them."""
    path = package / MANIFEST_FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {**{name: found[name] for name in needed}, "data": found.get("data")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StepError(f"{path} is not the manifest of a package ({type(error).__name__}: {error})") from error


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
