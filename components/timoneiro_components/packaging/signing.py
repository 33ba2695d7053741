"""The signature of a package: `model.sig` in the format of OpenSSF Model Signing, made with a key of the environment.

Guarantees: the key is in no message and no file; every file of the package is signed, and nothing else; what the model
server would not accept is no success.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from timoneiro_serving.digest import SIGNATURE_FILE
from timoneiro_serving.integrity import Contents
from timoneiro_serving.signature import CURVES, PublicKey

from ..definition.training import Training
from ..errors import StepError


class SigningKey:
    """A private key; raises StepError, with the name of its variable, for a text that is none."""

    def __init__(self, variable: str, pem: str) -> None:
        what = f"spec.package.signature.keyFrom: the environment variable {variable}"
        remedy = "it holds the private key that signs packages, on a cluster from a Secret"
        if not pem.strip():
            raise StepError(f"{what} is not set: {remedy}")
        try:
            key = load_pem_private_key(pem.encode(), password=None)
        except TypeError:
            raise StepError(f"{what} holds a key with a password: give the key without one") from None
        except (ValueError, UnsupportedAlgorithm):
            # Without the cause: its words may hold parts of what is no key.
            raise StepError(f"{what} holds no private key in PEM (-----BEGIN PRIVATE KEY-----): {remedy}") from None
        if not isinstance(key, EllipticCurvePrivateKey):
            raise StepError(f"{what} holds a key of another kind: make an elliptic curve key on {CURVES}")
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        try:
            self.public = PublicKey(public)
        except ValueError:
            raise StepError(f"{what} holds a key on {key.curve.name}: make one on {CURVES}") from None
        self._pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @contextmanager
    def as_file(self) -> Iterator[Path]:
        """A path that gives the key once: a pipe, so that it is never on a disk."""
        reading, writing = os.pipe()
        try:
            # A pipe takes 4096 bytes at least before anybody reads, and a key on a curve has a few hundred.
            os.write(writing, self._pem)
        finally:
            os.close(writing)
        try:
            yield Path(f"/dev/fd/{reading}")
        finally:
            os.close(reading)


def signing_key(training: Training) -> SigningKey | None:
    """The key that the definition names; None if packages are not signed. Raises StepError where it cannot be used."""
    said = training.spec.package.signature
    return None if said is None else SigningKey(said.key_from.env, os.environ.get(said.key_from.env, ""))


def sign_folder(folder: Path, key: SigningKey) -> None:
    """Writes the signature of all files of `folder` into it."""
    # Only here: it takes half a second to import.
    from model_signing import hashing, signing  # noqa: PLC0415

    # By itself it leaves out what belongs to git, and the model server leaves out nothing.
    everything = hashing.Config().set_ignored_paths(paths=[SIGNATURE_FILE], ignore_git_paths=False)
    with key.as_file() as path:
        config = signing.Config().use_elliptic_key_signer(private_key=path)
    config.set_hashing_config(everything).sign(folder, folder / SIGNATURE_FILE)
    Contents(folder).check_signature([key.public])
