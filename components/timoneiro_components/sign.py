"""Step: the package as it is published, with a signature where the definition wants one.

A step of its own behind all gates: what is signed has passed them, and the process that sees the key runs nothing of
the model and nothing of the user's. Guarantees: what is signed are the bytes that were packaged, by their digest; the
folder is there completely or not at all; its digest is the same, signed or not.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from timoneiro_serving.errors import ModelLoadError
from timoneiro_serving.integrity import Contents

from .definition.training import Training
from .errors import StepError
from .packaging.signing import sign_folder, signing_key


@dataclass(frozen=True)
class Signed:
    """`key`: SHA-256 of the public key that verifies the package, "" if it is not signed."""

    key: str


def sign(training: Training, *, package: Path, digest: str, destination: Path) -> Signed:
    """Copies the folder `package` to `destination`, and signs it if the definition names a key.

    `digest`: of the package when it was made. Raises StepError if the key cannot be used, or if the bytes are others.
    """
    key = signing_key(training)
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".signed-", dir=destination.parent) as scratch:
        folder = Path(shutil.copytree(package, Path(scratch) / destination.name))
        try:
            # Of the copy: nobody else writes there.
            found = Contents(folder).digest
            if found != digest:
                raise StepError(f"{package} is not what was packaged, {digest}, but {found}: run the pipeline again")
            if key is not None:
                sign_folder(folder, key)
        except ModelLoadError as error:
            raise StepError(f"the package cannot be signed: {error}") from error
        if destination.exists():
            shutil.rmtree(destination)
        folder.replace(destination)
    return Signed(key="" if key is None else key.public.hint)
