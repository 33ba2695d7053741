"""Files that DVC tracks, by the .dvc file that stands for one: which version it names, and where its bytes are.

The pointer is a hash in a YAML file, and cache and remotes are folders that are ordered by hashes: DVC itself, with its
hundred packages, is not needed to read them. Guarantee: bytes with another hash than the pointer's are never a table.
"""

from __future__ import annotations

import configparser
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import yaml

from ..definition.source import split_address
from ..errors import StepError
from ..git import commit_of_file

_MD5 = re.compile(r"[0-9a-f]{32}")
_KEY = re.compile(r".*/files/md5/([0-9a-f]{2})/([0-9a-f]{30})")
_BLOCK_BYTES = 2**20
_HEAD_BYTES = 512
_TEXT = bytes(range(32, 127)) + b"\n\r\t\f\b"
_REMOTE_SECTION = re.compile(r"""'?remote "(.*)"'?""")


@dataclass(frozen=True)
class TrackedFile:
    """The version that a pointer names. `path`: where `dvc checkout` puts the file. `old`: a DVC before version 3 may
    have written it, which hashes text as if its lines ended with LF, and orders its cache in another way; the pointers
    of `dvc import` look the same. `remote`: "" for the default one."""

    pointer: Path
    path: Path
    md5: str
    old: bool
    remote: str

    @property
    def keys(self) -> tuple[str, ...]:
        """Where its bytes may be in the cache and in remotes, the likeliest first."""
        place = f"{self.md5[:2]}/{self.md5[2:]}"
        return (place, f"files/md5/{place}") if self.old else (f"files/md5/{place}",)


def tracked(pointer: str) -> TrackedFile:
    """What the .dvc file says. Raises StepError if it is not there, or does not name one file."""
    file = Path(pointer)
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StepError(f"{pointer} is not there: a path in training.yaml is relative to its folder") from None
    except (OSError, ValueError, yaml.YAMLError):
        document = None
    outs = document.get("outs") if isinstance(document, dict) else None
    out = outs[0] if isinstance(outs, list) and len(outs) == 1 else None
    if not isinstance(document, dict) or not isinstance(out, dict) or not isinstance(out.get("path"), str):
        raise StepError(f"{pointer} is no file that `dvc add` has made for one file")
    md5 = out.get("md5")
    if isinstance(md5, str) and md5.endswith(".dir"):
        raise StepError(f"{pointer} is of a folder, and a table is one file: `dvc add` that file alone")
    if not isinstance(md5, str) or not _MD5.fullmatch(md5):
        raise StepError(f"{pointer} names no version by its MD5: `dvc add` or `dvc pull` the file, and commit it")
    place = file.parent / str(document.get("wdir", ".")) / out["path"]
    return TrackedFile(file, place, md5, "hash" not in out, str(out.get("remote") or ""))


def place_of(file: TrackedFile) -> str:
    """Where its bytes are: a path on this machine (checked out, or in the cache), or an address in a remote.

    Raises StepError if they are nowhere that can be read here.
    """
    if file.path.is_file():
        return str(file.path)
    home = _repository(file)
    if home is None:
        _nowhere(file, "it is in no repository of DVC")
    settings = _settings(home / ".dvc")
    if cached := _kept(file, home / ".dvc" / settings.get("cache", {}).get("dir", "cache")):
        return cached
    name = file.remote or settings.get("core", {}).get("remote", "")
    if not name:
        _nowhere(file, "there is no default remote")
    remote = settings.get(f"remote {name}", {})
    url = remote.get("url", "")
    if "true" in (remote.get("version_aware"), remote.get("worktree")):
        _nowhere(file, f"the remote {name} keeps versions in its own way")
    scheme = split_address(url)[0]
    if not url or scheme not in ("", "s3", "gs"):
        # Without the URL, which may hold a password.
        _nowhere(file, f"the remote {name} is no folder, and is neither at s3:// nor at gs://")
    if scheme:
        return f"{url.rstrip('/')}/{file.keys[0]}"
    if not (kept := _kept(file, home / ".dvc" / url)):
        _nowhere(file, f"the remote {name} does not have this version", "`dvc push` it from where it is")
    return kept


def require_version(file: TrackedFile, content: Path) -> None:
    """Raises StepError if the bytes of `content` are not those of the version."""
    if file.md5 in (_digest(content, text=text) for text in (False, True)[: 1 + file.old]):
        return
    if content == file.path:
        raise StepError(
            f"{file.pointer}: {file.path.name} is not as in this version: `dvc checkout` brings that back, and "
            "`dvc add` makes a new version of what is there"
        )
    raise StepError(
        f"{file.pointer}: what the cache or the remote has under its MD5 are other bytes: `dvc pull --force`"
    )


def required_version(address: str, content: Path) -> dict[str, str]:
    """What identifies the version at an address in a remote of DVC, as `dvc get --show-url` prints it; nothing for
    other addresses. Raises StepError if the bytes of `content` are not those of the version."""
    found = _KEY.fullmatch(address)
    if found is None:
        return {}
    md5 = found[1] + found[2]
    if _digest(content, text=False) != md5:
        raise StepError(f"{address}: what is there are other bytes than those with this MD5: `dvc push` it anew")
    return {"md5": md5}


def version_of(file: TrackedFile) -> dict[str, str]:
    """What identifies the version, without a path of this machine: MD5, the file's path in the repository, and the
    commit that brought the pointer, where git knows it."""
    # The file itself may be a link into the cache.
    home, place = _repository(file), file.path.parent.resolve() / file.path.name
    path = place.relative_to(home).as_posix() if home and place.is_relative_to(home) else place.name
    commit = commit_of_file(file.pointer.resolve())
    return {"md5": file.md5, "path": path, **({"commit": commit} if commit else {})}


def _digest(content: Path, *, text: bool) -> str:
    found = hashlib.md5(usedforsecurity=False)
    with content.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            found.update(block.replace(b"\r\n", b"\n") if text and _is_text(block[:_HEAD_BYTES]) else block)
    return found.hexdigest()


def _is_text(head: bytes) -> bool:
    """As DVC had it before version 3."""
    return b"\0" not in head and len(head.translate(None, _TEXT)) <= 0.3 * len(head)


def _kept(file: TrackedFile, folder: Path) -> str:
    """The path of its bytes in a cache or a remote on this machine, "" if they are not there."""
    return next((str(folder / key) for key in file.keys if (folder / key).is_file()), "")


def _repository(file: TrackedFile) -> Path | None:
    folders = file.pointer.resolve().parents
    return next((folder for folder in folders if (folder / ".dvc").is_dir()), None)


def _settings(folder: Path) -> dict[str, dict[str, Any]]:
    """What `.dvc/config` says, and over it `.dvc/config.local`."""
    found: dict[str, dict[str, Any]] = {}
    for name in ("config", "config.local"):
        reader = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            reader.read(folder / name, encoding="utf-8")
        except (configparser.Error, OSError, ValueError):
            raise StepError(f"{folder / name} cannot be read: `dvc config --list` says what is wrong with it") from None
        for section in reader.sections():
            remote = _REMOTE_SECTION.fullmatch(section)
            found.setdefault(f"remote {remote[1]}" if remote else section, {}).update(reader.items(section))
    return found


def _nowhere(file: TrackedFile, why: str, remedy: str = "`dvc pull` it") -> NoReturn:
    raise StepError(f"{file.pointer}: {file.path.name} is neither checked out nor in the cache, and {why}: {remedy}")
