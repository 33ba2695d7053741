"""Packages in a PersistentVolumeClaim, which is a folder below that of all claims.

Guarantee: a file is there whole or not at all, also when the machine fails while it is written. What is not finished
stands beside the folder of the package, which is served as it is.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from timoneiro_serving.digest import DigestError, file_names

from ..definition.environment import CLAIMS
from .address import PackageAddress
from .files import StoreFault


class ClaimFiles:
    """The files of a package in the folder of a claim."""

    def __init__(self, claim: Path, prefix: str) -> None:
        self._claim, self._folder = claim, claim / prefix

    @classmethod
    def connect(cls, address: PackageAddress) -> ClaimFiles:
        """In the folder that the environment says."""
        root = os.environ.get(CLAIMS, "")
        if not root:
            raise StoreFault(
                f"{CLAIMS} is not set: it is the folder that has one for each claim; on a cluster, name "
                f"{address.place} in kubeflow.claims"
            )
        claim = Path(root) / address.place
        with _faults():
            if not claim.is_dir():
                raise StoreFault(
                    f"{claim} is no folder: {CLAIMS} has one for each claim; on a cluster, name {address.place} in "
                    "kubeflow.claims"
                )
        return cls(claim, address.prefix)

    def require_writable(self) -> None:
        with _faults():
            nearest = next(folder for folder in (self._folder, *self._folder.parents) if folder.exists())
            if not os.access(nearest, os.W_OK | os.X_OK):
                raise StoreFault(f"nothing can be written to {nearest}")

    def names(self) -> Sequence[str]:
        with _faults():
            return file_names(self._folder) if self._folder.exists() else ()

    def read(self, name: str) -> bytes:
        with _faults():
            return (self._folder / name).read_bytes()

    def create(self, name: str, content: bytes) -> bool:
        with self._written(name, content) as file:
            try:
                os.link(file, self._folder / name)
            except FileExistsError:
                return False
            except OSError:
                # Not every file system has two names for a file; of one, that of the package is the one that counts.
                if (self._folder / name).exists():
                    return False
                file.replace(self._folder / name)
        return True

    @contextmanager
    def _written(self, name: str, content: bytes) -> Iterator[Path]:
        """The content in a file that is to become the one of that name, and is gone afterwards if it does not."""
        target = self._folder / name
        unfinished = self._folder.parent / f".{self._folder.name}-{secrets.token_hex(8)}"
        with _faults():
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                with unfinished.open("xb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                yield unfinished
            finally:
                unfinished.unlink(missing_ok=True)
            for folder in (target.parent, *target.parent.parents):
                if folder.is_relative_to(self._claim):
                    _keep(folder)


def _keep(folder: Path) -> None:
    """Has the names in the folder written down. Some network file systems cannot, and have to be trusted."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(opened)
    finally:
        os.close(opened)


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except DigestError as error:
        raise StoreFault(str(error)) from error
    except OSError as error:
        raise StoreFault(f"{error.filename or 'the file'}: {error.strerror}") from error
