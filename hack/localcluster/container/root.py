"""Builds the file system that a container sees, inside a mount namespace that belongs to the container alone.

Guarantees: the host's folders are visible but cannot be written, /tmp, /run, /mnt and /dev/shm are the container's
own and empty, and a mount point that does not exist is made without creating anything on the host.

Part of the container shim: standard library only.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from ..machine import linux

_SCRATCH = {"tmp": 0o1777, "run": 0o755, "mnt": 0o755}
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_DEVICE_LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1"}
_MAXIMUM_LINKS = 40


@dataclass(frozen=True)
class BindMount:
    """A file or folder of the host and the absolute path at which the container sees it."""

    source: str
    target: str
    read_only: bool


class ContainerRoot:
    """The new root while it is being put together at a mount point."""

    def __init__(self, folder: str) -> None:
        linux.mount("tmpfs", folder, "tmpfs", linux.MS_NOSUID, "mode=0755")
        self._root = Path(folder)
        # Folders on these devices are ours to create in; any other folder belongs to the host.
        self._own_devices = {self._root.stat().st_dev}

    def fill(self) -> None:
        """Shows the host's top-level folders, with scratch space where programs expect to write."""
        for entry in sorted(path.name for path in Path("/").iterdir()):
            target = self._root / entry
            if entry in _SCRATCH:
                target.mkdir()
                target.chmod(_SCRATCH[entry])
            elif entry == "dev":
                self._make_devices(target)
            elif entry == "proc":
                target.mkdir()
                _mount_proc(target)
            else:
                self._show(Path("/") / entry, target, entry_is_host=True)

    def bind(self, mount: BindMount) -> None:
        """Shows a file or folder at a path, making the path where the host has none."""
        source = Path(mount.source)
        target = self._make_mount_point(mount.target, is_folder=source.is_dir())
        linux.mount(str(source), str(target), flags=linux.MS_BIND | linux.MS_REC)
        if mount.read_only:
            linux.make_read_only(str(target))

    def reveal(self, path: str) -> None:
        """Shows a folder of the host that lies below one of the scratch folders, at its own path."""
        if not (self._root / path.lstrip("/")).exists():
            self.bind(BindMount(path, path, read_only=True))

    def enter(self) -> None:
        """Makes it the root."""
        linux.become_root(str(self._root))

    def _make_devices(self, folder: Path) -> None:
        folder.mkdir()
        for name in _DEVICES:
            (folder / name).touch()
            linux.mount(f"/dev/{name}", str(folder / name), flags=linux.MS_BIND)
        for name, target in {**_DEVICE_LINKS, "stderr": "/proc/self/fd/2"}.items():
            (folder / name).symlink_to(target)
        (folder / "shm").mkdir()
        (folder / "shm").chmod(0o1777)

    def _show(self, source: Path, target: Path, *, entry_is_host: bool) -> None:
        mode = source.lstat().st_mode
        if stat.S_ISLNK(mode):
            target.symlink_to(source.readlink())
            return
        if stat.S_ISDIR(mode):
            target.mkdir()
        else:
            target.touch()
        linux.mount(str(source), str(target), flags=linux.MS_BIND | linux.MS_REC)
        if entry_is_host:
            linux.make_read_only(str(target))

    def _make_mount_point(self, path: str, *, is_folder: bool) -> Path:
        resolved = self._resolve(path)
        current = self._root
        for part in resolved.parts[:-1]:
            current = self._ensure_folder(current, part)
        if is_folder:
            return self._ensure_folder(current, resolved.parts[-1])
        target = current / resolved.parts[-1]
        if not target.exists():
            self._own(current)
            target.touch()
        return target

    def _ensure_folder(self, parent: Path, name: str) -> Path:
        folder = parent / name
        if not folder.exists():
            self._own(parent)
            folder.mkdir()
        return folder

    def _resolve(self, path: str) -> Path:
        """Follows symbolic links as if the new root were already the root; the answer is relative to it."""
        pending = [part for part in path.split("/") if part not in {"", "."}]
        pending.reverse()
        done: list[str] = []
        links = 0
        while pending:
            part = pending.pop()
            if part == "..":
                done = done[:-1]
                continue
            candidate = self._root.joinpath(*done, part)
            if not candidate.is_symlink():
                done.append(part)
                continue
            links += 1
            if links > _MAXIMUM_LINKS:
                raise OSError(errno.ELOOP, f"too many symbolic links in {path}")
            link = str(candidate.readlink())
            if link.startswith("/"):
                done = []
            pending.extend(reversed([step for step in link.split("/") if step not in {"", "."}]))
        if not done:
            raise OSError(errno.EBUSY, f"{path} cannot be a mount point")
        return Path(*done)

    def _own(self, folder: Path) -> None:
        """Replaces a folder of the host by one of ours with the same entries, so that more can be added."""
        if folder.stat().st_dev in self._own_devices:
            return
        descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        try:
            # The descriptor still leads to the host's folder after something was mounted over it.
            original = Path(f"/proc/self/fd/{descriptor}")
            mode = stat.S_IMODE(folder.stat().st_mode)
            linux.mount("tmpfs", str(folder), "tmpfs", linux.MS_NOSUID, f"mode={mode:o}")
            self._own_devices.add(folder.stat().st_dev)
            for entry in sorted(path.name for path in original.iterdir()):
                self._show(original / entry, folder / entry, entry_is_host=False)
        finally:
            os.close(descriptor)


def _mount_proc(folder: Path) -> None:
    try:
        linux.mount("proc", str(folder), "proc", linux.MS_NOSUID | linux.MS_NODEV)
    except PermissionError:
        # Refused where parts of the surrounding /proc are hidden, as inside a container.
        linux.mount("/proc", str(folder), flags=linux.MS_BIND | linux.MS_REC)
