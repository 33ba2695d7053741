"""Files of tables, on this machine or in an object store: opened where they are, or brought here whole.

What protocols there are says the definition. Every fault of a store is a StepError of one sentence.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from ..definition.source import is_pointer, split_address
from ..errors import StepError

_BLOCK_BYTES = 8 * 2**20


@dataclass(frozen=True)
class TableFile:
    """A file that is here. `label`: what it is called in sentences, which is where it came from. `version`: what DVC or
    lakeFS knows this version by."""

    path: Path
    label: str
    version: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FileDigest:
    """The bytes of a file: `digest` is `sha256:<hex>`. `version`: what DVC or lakeFS knows it by."""

    address: str
    digest: str
    size: int
    version: Mapping[str, str] = field(default_factory=dict)


def open_file(address: str) -> BinaryIO:
    """The file at `address`, to be read and sought in. Raises StepError if it is not there, or may not be read."""
    if is_pointer(address):
        return _open_tracked(address)
    return _OPENERS[split_address(address)[0]](address)


@contextmanager
def whole_file(address: str) -> Iterator[TableFile]:
    """The file at `address` on this machine. What is elsewhere is brought here, and gone afterwards.

    Raises StepError if it is not there, may not be read, or changes meanwhile.
    """
    if is_pointer(address):
        with _tracked_file(address) as tracked:
            yield tracked
        return
    scheme = split_address(address)[0]
    if scheme == "":
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
    version = {}
    if scheme == "lakefs":
        from . import lakefs_objects  # noqa: PLC0415

        address = lakefs_objects.at_commit(address)
        version = lakefs_objects.version_of(address)
    with tempfile.NamedTemporaryFile(prefix="timoneiro-source-") as copy:
        with open_file(address) as remote:
            try:
                shutil.copyfileobj(remote, copy, _BLOCK_BYTES)
                copy.flush()
            except OSError as error:
                place = Path(copy.name).parent
                raise StepError(f"{address} cannot be copied to {place}: {error.strerror}; set TMPDIR") from None
        from .dvc_pointers import required_version  # noqa: PLC0415

        yield TableFile(Path(copy.name), address, version or required_version(address, Path(copy.name)))


def digest_of(file: TableFile) -> FileDigest:
    """The digest and the size of the file. Of a path on this machine only the name is told: others have other paths."""
    with file.path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    scheme, _, _ = split_address(file.label)
    address = file.label if scheme else Path(file.label).name
    return FileDigest(address, f"sha256:{digest}", file.path.stat().st_size, file.version)


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


def _open_lakefs(address: str) -> BinaryIO:
    from .lakefs_objects import open_object  # noqa: PLC0415

    return open_object(address)


_OPENERS: Mapping[str, Callable[[str], BinaryIO]] = {
    "": _open_here,
    "s3": _open_s3,
    "gs": _open_gs,
    "lakefs": _open_lakefs,
}


def _open_tracked(pointer: str) -> BinaryIO:
    """The file of which the .dvc file `pointer` tells. What is in a remote is compared with its hash only when it is
    read whole."""
    from .dvc_pointers import place_of, require_version, tracked  # noqa: PLC0415

    file = tracked(pointer)
    place = place_of(file)
    if not split_address(place)[0]:
        require_version(file, Path(place))
    with _naming(pointer):
        return open_file(place)


@contextmanager
def _tracked_file(pointer: str) -> Iterator[TableFile]:
    from .dvc_pointers import place_of, require_version, tracked, version_of  # noqa: PLC0415

    file = tracked(pointer)
    with ExitStack() as opened:
        with _naming(pointer):
            found = opened.enter_context(whole_file(place_of(file)))
        if found.version.get("md5") != file.md5:
            require_version(file, found.path)
        yield replace(found, label=pointer, version=version_of(file))


@contextmanager
def _naming(pointer: str) -> Iterator[None]:
    """Sentences about a place in a remote begin with the file that leads there."""
    try:
        yield
    except StepError as error:
        said = str(error)
        raise StepError(said if said.startswith(pointer) else f"{pointer}: {said}") from None


def _state(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_size, found.st_mtime_ns
