"""Model packages in a store, whatever protocol it has.

Guarantees: a published package never changes. The manifest is written last, so a package whose
manifest is there is complete; publishing the same package again changes nothing, and another
package under the same address is refused. Only a signature may come later, and stays what it is then.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from timoneiro_serving.digest import SIGNATURE_FILE, file_names
from timoneiro_serving.manifest import MANIFEST_FILE

from ..errors import StepError
from .address import PackageAddress, parse_uri
from .files import PackageFiles, StoreFault


class ModelStore:
    """Packages by address."""

    def __init__(self, files_at: Callable[[PackageAddress], PackageFiles]) -> None:
        self._files_at = files_at

    @classmethod
    def connect(cls) -> ModelStore:
        """The stores that the environment configures; each is looked for when it is asked."""
        return cls(lambda address: _OPENERS[address.scheme](address))

    def require_free(self, uri: str) -> None:
        """Raises StepError if the store cannot be asked, takes nothing, or holds a package at `uri` already."""
        address = parse_uri(uri)
        with _sentences(f"the model store cannot be asked for {uri}"):
            files = self._files_at(address)
            if MANIFEST_FILE in files.names():
                raise StepError(f"{uri} already holds a package: choose a version that is not taken")
        with _sentences(f"the package cannot be written to {uri}"):
            files.require_writable()

    def upload(self, folder: Path, uri: str) -> bool:
        """Writes the package `folder` to `uri`; False if the very same package is already there.

        Raises StepError if another package or leftovers of another upload are there, or the store
        does not do what it is asked to.
        """
        address = parse_uri(uri)
        names = file_names(folder)
        if MANIFEST_FILE not in names:
            raise StepError(f"{folder} has no {MANIFEST_FILE}: it is not a package")
        for name in names:
            if (folder / name).stat().st_size == 0:
                raise StepError(f"{folder / name} is empty, and KServe does not download empty files")
        with _sentences(f"the package cannot be written to {uri}"):
            files = self._files_at(address)
            present = set(files.names())
            if MANIFEST_FILE in present:
                # It holds the digest of every other file, so comparing it compares the packages.
                _require_same(folder, files, uri, MANIFEST_FILE)
                # A second signature says nothing new, and who trusts the key of the first one goes on doing so.
                late = SIGNATURE_FILE in names and SIGNATURE_FILE not in present
                return late and files.create(SIGNATURE_FILE, (folder / SIGNATURE_FILE).read_bytes())
            _require_no_other(folder, files, uri, names)
            for name in sorted(set(names) - {MANIFEST_FILE}):
                files.create(name, (folder / name).read_bytes())
            # Somebody else may publish this version right now.
            _require_no_other(folder, files, uri, names)
            # The manifest last: until it is there, nothing refers to the rest.
            if not files.create(MANIFEST_FILE, (folder / MANIFEST_FILE).read_bytes()):
                _require_same(folder, files, uri, MANIFEST_FILE)
        return True

    def download(self, uri: str, folder: Path) -> None:
        """Writes all files of the package at `uri` below `folder`."""
        address = parse_uri(uri)
        with _sentences(f"the package {uri} cannot be read"):
            files = self._files_at(address)
            names = files.names()
            if not names:
                raise StepError(f"there is no package at {uri}")
            for name in names:
                if ".." in PurePosixPath(name).parts or name.startswith("/"):
                    raise StepError(f"{uri} holds an object {name!r} that leads out of the package")
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(files.read(name))

    @contextmanager
    def downloaded(self, uri: str) -> Iterator[Path]:
        """The package at `uri` as a folder of this machine, which is gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="timoneiro-package-") as folder:
            self.download(uri, Path(folder))
            yield Path(folder)


def _require_no_other(folder: Path, files: PackageFiles, uri: str, names: Collection[str]) -> None:
    """What is there has to be of this package: of an upload of it that was cut short."""
    others = [n for n in files.names() if n not in names or files.read(n) != (folder / n).read_bytes()]
    if others:
        raise StepError(
            f"{uri} holds files of another upload ({', '.join(sorted(others)[:5])}): delete them or choose another "
            "version"
        )


def _require_same(folder: Path, files: PackageFiles, uri: str, name: str) -> None:
    if files.read(name) != (folder / name).read_bytes():
        raise StepError(f"{uri} already holds another package: choose a version that is not taken")


def _s3(address: PackageAddress) -> PackageFiles:
    # Here, because clients take long to import, and nobody needs all of them.
    from .s3_files import S3Files  # noqa: PLC0415

    return S3Files.connect(address)


def _gs(address: PackageAddress) -> PackageFiles:
    from .gs_files import GoogleFiles  # noqa: PLC0415

    return GoogleFiles.connect(address)


def _pvc(address: PackageAddress) -> PackageFiles:
    from .claim_files import ClaimFiles  # noqa: PLC0415

    return ClaimFiles.connect(address)


_OPENERS: Mapping[str, Callable[[PackageAddress], PackageFiles]] = {"s3": _s3, "gs": _gs, "pvc": _pvc}


@contextmanager
def _sentences(what: str) -> Iterator[None]:
    try:
        yield
    except StoreFault as fault:
        raise StepError(f"{what}: {fault}") from fault
