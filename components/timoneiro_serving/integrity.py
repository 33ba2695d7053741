"""Whether the bytes of a model folder are those that somebody has named: by a digest, a list, or a signature."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from .digest import SIGNATURE_FILE, DigestError, digest_of, file_digests
from .errors import ModelLoadError
from .manifest import MANIFEST_FILE

if TYPE_CHECKING:
    from .signature import PublicKey

# So many files are named in a sentence.
_NAMED = 3


class Contents:
    """The files of a model folder, read once for all that they are compared with. Each check raises ModelLoadError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def _files(self) -> dict[str, str]:
        try:
            return file_digests(self._folder)
        except (DigestError, OSError) as error:
            raise ModelLoadError(f"the bytes of {self._folder} cannot be compared: {error}") from error

    @property
    def digest(self) -> str:
        return digest_of(self._files)

    def check_digest(self, expected: str) -> None:
        if self.digest != expected:
            raise ModelLoadError(
                f"{self._folder} does not hold the bytes that the deployment names: expected {expected}, found "
                f"{self.digest}; publish the package again under a new version"
            )

    def check_listed(self, listed: Mapping[str, str]) -> None:
        """`listed`: what the manifest says of all files but itself."""
        found = {name: content for name, content in self._files.items() if name != MANIFEST_FILE}
        self._require(found, listed, f"{MANIFEST_FILE} lists")

    def check_signature(self, public_keys: Sequence[PublicKey]) -> None:
        """Whether one of the keys has signed every file, the manifest too."""
        # Only here: who demands no signature does not import cryptography.
        from .signature import SignatureFault, signed_files  # noqa: PLC0415

        file = self._folder / SIGNATURE_FILE
        if not file.exists():
            raise ModelLoadError(
                f"{self._folder} is not signed, and a signature is demanded: it has no {SIGNATURE_FILE}; sign the "
                "package, and publish it under a new version"
            )
        try:
            signed = signed_files(file, public_keys)
        except SignatureFault as error:
            raise ModelLoadError(
                f"{file} {error}; sign the package with a key that is trusted, and publish it under a new version"
            ) from error
        self._require(self._files, signed, f"{SIGNATURE_FILE} was made for")

    def _require(self, found: Mapping[str, str], expected: Mapping[str, str], who: str) -> None:
        different = list(_differences(found, expected))
        if different:
            more = f" and {len(different) - _NAMED} more" if len(different) > _NAMED else ""
            raise ModelLoadError(
                f"{self._folder} does not hold the bytes that {who}: {', '.join(different[:_NAMED])}{more}; publish "
                "the package again under a new version"
            )


def _differences(found: Mapping[str, str], expected: Mapping[str, str]) -> Iterator[str]:
    for name in sorted({*found, *expected}):
        if name not in found:
            yield f"{name} is missing"
        elif name not in expected:
            yield f"{name} is one too many"
        elif found[name] != expected[name]:
            yield f"{name} is another one"
