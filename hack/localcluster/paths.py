"""Where things live on disk. Guarantees that nothing is written outside the state and cache folders named here."""

from __future__ import annotations

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
TOOL_SOURCES = REPOSITORY / "hack" / "tools"


def state_root() -> Path:
    """Clusters and image environments: $TIMONEIRO_STATE, else .local in the repository."""
    return Path(os.environ.get("TIMONEIRO_STATE") or REPOSITORY / ".local").absolute()


def cluster_folder(name: str) -> Path:
    """Everything that one cluster writes."""
    return state_root() / "clusters" / name


def image_root() -> Path:
    """Python environments that stand for container images."""
    return state_root() / "images"


def tool_root() -> Path:
    """Built programs; shared by all clones of the repository, as their names carry a hash."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "timoneiro" / "tools"
