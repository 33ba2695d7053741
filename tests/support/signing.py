"""Keys of tests, and packages signed with them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from timoneiro_components.packaging.signing import SigningKey, sign_folder


@dataclass(frozen=True)
class KeyPair:
    """Both halves, in PEM."""

    private: str
    public: str

    def sign(self, folder: Path) -> Path:
        """Signs the folder as the pipeline does; gives it back."""
        sign_folder(folder, SigningKey("KEY", self.private))
        return folder


def key_pair(curve: ec.EllipticCurve | None = None) -> KeyPair:
    """A new pair, on P-256 unless said otherwise."""
    key = ec.generate_private_key(curve or ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return KeyPair(private.decode(), public.decode())
