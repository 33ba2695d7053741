"""Digest of a model folder: equal digests mean equal file names and equal bytes.

Guarantees
* Every regular file below the folder is covered, hidden ones included, by its path relative to the
  folder (with `/`) and the SHA-256 of its bytes. One extra file gives another digest.
* But for exactly one: `model.sig` in the folder itself, the signature of all the others. It is different each time
  that it is made, and the same model has the same digest, signed or not. Nothing else is ignored.
* Not covered, because object stores do not keep them: modes, owners, times, and folders that hold
  no file.
* Two different trees never have the same input to the hash: every name is preceded by its length,
  every content is represented by a hash of fixed length, and the number of files comes first.
* Symbolic links and special files below the folder are refused: what they point at can change
  without the digest changing. The folder itself may be a link (KServe mounts model images so).

What KServe 0.21 leaves in the folder: its storage initializer writes exactly the objects found below
an `s3://` prefix. It drops objects of zero bytes, unpacks a lone archive, and matches the prefix as
text, so that a URI must end with `/` (`.../1` would also bring `.../14`). A `file://` URI becomes
symbolic links and therefore cannot be combined with a digest.

Standard library only: the pipeline steps and the operator's tests use this module too.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

SIGNATURE_FILE = "model.sig"
_CHUNK_BYTES = 1 << 20
_SCHEME = b"timoneiro-directory-digest-v1\n"


class DigestError(ValueError):
    """The folder has no digest; the message names the entry and why."""


def directory_digest(path: Path | str) -> str:
    """`sha256:<64 hex digits>` of all files below the folder `path`.

    Raises DigestError if `path` is no folder, holds no file, or holds anything but regular files
    and folders, and OSError if a file cannot be read.
    """
    return digest_of(file_digests(path))


def digest_of(files: Mapping[str, str]) -> str:
    """The digest of a folder by what `file_digests` says of it."""
    total = hashlib.sha256(_SCHEME)
    total.update(len(files).to_bytes(8, "big"))
    for name, content in files.items():
        encoded = os.fsencode(name)
        total.update(len(encoded).to_bytes(8, "big"))
        total.update(encoded)
        total.update(bytes.fromhex(content))
    return f"sha256:{total.hexdigest()}"


def file_digests(path: Path | str) -> dict[str, str]:
    """SHA-256 (hex) of every file below the folder but its signature, by its relative name, sorted by name."""
    root = Path(path)
    names = [name for name in file_names(root) if name != SIGNATURE_FILE]
    if not names:
        raise DigestError(f"{root} holds no file")
    return {name: _file_sha256(root / name) for name in names}


def file_names(path: Path | str) -> list[str]:
    """Every file below the folder, its signature too, by its relative name, sorted by name."""
    root = Path(path)
    if not root.is_dir():
        raise DigestError(f"{root} is not a folder")
    return sorted(_file_names(root), key=os.fsencode)


def _file_names(root: Path) -> Iterator[str]:
    pending = [root]
    while pending:
        for entry in pending.pop().iterdir():
            mode = entry.lstat().st_mode
            if stat.S_ISDIR(mode):
                pending.append(entry)
            elif stat.S_ISREG(mode):
                yield entry.relative_to(root).as_posix()
            else:
                kind = "a symbolic link" if stat.S_ISLNK(mode) else "a special file"
                raise DigestError(f"{entry} is {kind}, which a digest cannot cover")


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
