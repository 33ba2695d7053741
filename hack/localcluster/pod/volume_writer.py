"""Writes rendered volumes to disk the way a kubelet does.

Guarantees: a reader sees either all old files or all new ones. The files live in a folder named by time, ``..data``
points to it, and each visible name is a link through ``..data``, so that one rename changes them all.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from .volumes import VolumeFile

_DATA = "..data"


def write_volume(folder: Path, files: Mapping[str, VolumeFile]) -> bool:
    """Brings a volume's folder to the given files; says whether anything changed."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    data = folder / _DATA
    if data.exists() and _read(data.resolve()) == dict(files):
        return False
    version = Path(tempfile.mkdtemp(prefix="..", dir=folder))
    version.chmod(0o755)
    for name, file in files.items():
        path = version / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        path.chmod(file.mode)
    previous = data.resolve() if data.exists() else None
    pointer = folder / "..data_new"
    pointer.symlink_to(version.name)
    pointer.rename(data)
    _link(folder, {Path(name).parts[0] for name in files})
    if previous is not None:
        shutil.rmtree(previous)
    return True


def _read(version: Path) -> dict[str, VolumeFile]:
    return {
        str(path.relative_to(version)): VolumeFile(path.read_bytes(), path.stat().st_mode & 0o777)
        for path in version.rglob("*")
        if path.is_file()
    }


def _link(folder: Path, names: set[str]) -> None:
    for name in names:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"{_DATA}/{name}")
    for path in folder.iterdir():
        if not path.name.startswith("..") and path.name not in names:
            path.unlink()
