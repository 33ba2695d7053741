"""Clocks of operators that jump: libfaketime in their pods, told by a file for each pod. What is counted from a start
(the monotonic clock) goes on as it does, as on a machine whose clock is set.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from localcluster.cluster import Cluster

_FOLDER = "clocks"
_LIBRARIES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1")


def library() -> Path | None:
    """Where this machine has it; on Debian and Ubuntu it is in the package libfaketime."""
    return next((path for pattern in _LIBRARIES for path in sorted(Path("/").glob(pattern[1:]))), None)


def environment(found: Path) -> list[dict[str, Any]]:
    """Of the operator's container."""
    return [
        {"name": "LD_PRELOAD", "value": str(found)},
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "FAKETIME_TIMESTAMP_FILE", "value": f"/{_FOLDER}/$(POD_NAME)"},
        {"name": "FAKETIME_CACHE_DURATION", "value": "1"},
        {"name": "FAKETIME_DONT_FAKE_MONOTONIC", "value": "1"},
        {"name": "NO_FAKE_STAT", "value": "1"},
    ]


def volume(cluster: Cluster) -> dict[str, Any]:
    folder = cluster.folder / _FOLDER
    folder.mkdir(exist_ok=True)
    return {"name": _FOLDER, "hostPath": {"path": str(folder)}}


MOUNT = {"name": _FOLDER, "mountPath": f"/{_FOLDER}", "readOnly": True}


def jump(cluster: Cluster, pod: str, seconds: int) -> None:
    """The clock of a pod is `seconds` ahead from now on; 0: it is right."""
    file = cluster.folder / _FOLDER / pod
    new = file.with_suffix(".new")
    new.write_text(f"{seconds:+d}\n")
    new.rename(file)
