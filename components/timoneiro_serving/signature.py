"""Who has signed a model folder, and for which bytes: `model.sig`, a signature in the format of OpenSSF Model Signing.

The file is a Sigstore bundle around a DSSE envelope (https://github.com/secure-systems-lab/dsse) around an in-toto
statement that lists every file with its SHA-256. The pipeline writes it with model-signing, which can verify it too.
The model server does so itself, with the same primitives of `cryptography`: model-signing brings 18 packages and takes
up to two seconds and 60 MB of memory to import, for Sigstore's identities and logs, none of which a key needs. It would
also let the signature say which files it leaves out. Tests hold both against each other.

Guarantees: nothing of the statement is read before its signature is verified, and only with keys that the caller gave;
a list that leaves a file out, or names one twice, is no list of the folder.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_PAYLOAD = "application/vnd.in-toto+json"
_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://model_signing/signature/v1.0"
# Curves of the format, each with the hash that it is used with.
_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "secp256r1": hashes.SHA256,
    "secp384r1": hashes.SHA384,
    "secp521r1": hashes.SHA512,
}
CURVES = "P-256, P-384 or P-521"


class SignatureFault(ValueError):
    """The signature does not say what it has to; the message is a clause that follows the name of the file."""


class PublicKey:
    """A key that signatures are verified with; raises ValueError for a text that is no PEM of one."""

    def __init__(self, pem: str) -> None:
        try:
            key = load_pem_public_key(pem.encode())
        except (ValueError, UnsupportedAlgorithm):
            raise ValueError("it is no public key in PEM (-----BEGIN PUBLIC KEY-----)") from None
        if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in _HASHES:
            raise ValueError(f"it is no elliptic curve key on {CURVES}")
        self._key = key

    @property
    def hint(self) -> str:
        """By which a bundle says which key it was signed with: SHA-256 of the PEM, in hexadecimal digits."""
        pem = self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return hashlib.sha256(pem).hexdigest()

    def verify(self, signature: bytes, message: bytes) -> None:
        """Raises InvalidSignature unless `signature` is this key's of `message`."""
        self._key.verify(signature, message, ec.ECDSA(_HASHES[self._key.curve.name]()))


def signed_files(signature: Path, keys: Sequence[PublicKey]) -> dict[str, str]:
    """SHA-256 (hex) of every file that the signature is for, by its name in the folder.

    Raises SignatureFault unless one of `keys` has made it.
    """
    try:
        bundle = json.loads(signature.read_bytes())
        envelope = bundle["dsseEnvelope"]
        kinds = (bundle["mediaType"], envelope["payloadType"])
        hint = bundle["verificationMaterial"]["publicKey"]["hint"]
        payload = _decoded(envelope["payload"])
        (made,) = (_decoded(entry["sig"]) for entry in envelope["signatures"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise SignatureFault("is no signature made with a key in the format of model-signing 1") from None
    if kinds != (_BUNDLE, _PAYLOAD):
        raise SignatureFault(f"is no {_BUNDLE} of an {_PAYLOAD}")
    key = next((key for key in keys if key.hint == hint), None)
    if key is None:
        raise SignatureFault("was made with another key than those that are trusted")
    try:
        key.verify(made, b"DSSEv1 %d %s %d %s" % (len(_PAYLOAD), _PAYLOAD.encode(), len(payload), payload))
    except InvalidSignature:
        raise SignatureFault("was altered, or made with another key than it says") from None
    return _listed(payload)


def _decoded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _listed(payload: bytes) -> dict[str, str]:
    """The files of a statement that is verified: it can be wrong, but not somebody else's."""
    try:
        statement: Any = json.loads(payload)
        kinds = (statement["_type"], statement["predicateType"])
        resources = statement["predicate"]["resources"]
        files = {entry["name"]: entry["digest"] for entry in resources if entry["algorithm"] == "sha256"}
        (subject,) = statement["subject"]
        whole = hashlib.sha256(b"".join(bytes.fromhex(entry["digest"]) for entry in resources)).hexdigest()
        agrees = subject["digest"]["sha256"] == whole
    except (ValueError, KeyError, TypeError, RecursionError):
        raise SignatureFault("signs something that is no list of files") from None
    if kinds != (_STATEMENT, _PREDICATE) or len(files) != len(resources) or not agrees:
        raise SignatureFault("signs something that is no list of whole files with their SHA-256")
    return files
