"""Files of tables, on this machine or in an object store: opened where they are, or brought here whole.

What protocols there are says the definition. Every fault of a store is a StepError of one sentence.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..definition.source import split_address
from ..errors import StepError

_BLOCK_BYTES = 8 * 2**20


@dataclass(frozen=True)
class TableFile:
    """A file that is here. `label`: what it is called in sentences, which is where it came from."""

    path: Path
    label: str


@dataclass(frozen=True)
class FileDigest:
    """The bytes of a file: `digest` is `sha256:<hex>`."""

    address: str
    digest: str
    size: int


def open_file(address: str) -> BinaryIO:
    """The file at `address`, to be read and sought in. Raises StepError if it is not there, or may not be read."""
    return _OPENERS[split_address(address)[0]](address)


@contextmanager
def whole_file(address: str) -> Iterator[TableFile]:
    """The file at `address` on this machine. What is elsewhere is brought here, and gone afterwards.

    Raises StepError if it is not there, may not be read, or changes meanwhile.
    """
    if split_address(address)[0] == "":
        _open_here(address).close()
        file = Path(address)
        try:
            before = _state(file)
            yield TableFile(file, address)
            changed = _state(file) != before
        except FileNotFoundError:
            changed = True
        if changed:
            raise StepError(f"{address} was changed while it was read: try again when nobody writes it")
        return
    with tempfile.NamedTemporaryFile(prefix="timoneiro-source-") as copy:
        with open_file(address) as remote:
            try:
                shutil.copyfileobj(remote, copy, _BLOCK_BYTES)
                copy.flush()
            except OSError as error:
                place = Path(copy.name).parent
                raise StepError(f"{address} cannot be copied to {place}: {error.strerror}; set TMPDIR") from None
        yield TableFile(Path(copy.name), address)


def digest_of(file: TableFile) -> FileDigest:
    """The digest and the size of the file. Of a path on this machine only the name is told: others have other paths."""
    with file.path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    scheme, _, _ = split_address(file.label)
    address = file.label if scheme else file.path.name
    return FileDigest(address, f"sha256:{digest}", file.path.stat().st_size)


def _open_here(address: str) -> BinaryIO:
    try:
        return Path(address).open("rb")
    except FileNotFoundError:
        raise StepError(f"{address} is not there: a path in training.yaml is relative to its folder") from None
    except (OSError, ValueError) as error:
        raise StepError(f"{address} cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _open_s3(address: str) -> BinaryIO:
    # Here, because who reads local files does without boto3, which takes long to import.
    from .s3_objects import open_object  # noqa: PLC0415

    return open_object(address)


def _open_gs(address: str) -> BinaryIO:
    from .gs_objects import open_object  # noqa: PLC0415

    return open_object(address)


_OPENERS: Mapping[str, Callable[[str], BinaryIO]] = {"": _open_here, "s3": _open_s3, "gs": _open_gs}


def _state(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_size, found.st_mtime_ns
