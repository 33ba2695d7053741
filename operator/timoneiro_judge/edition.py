"""Evidence as text that only the edition of the judge reads that has written it.

Other numbers in other places would look as good. An edition is made of what the numbers mean, so that no change of that
can forget to change it.
"""

import base64
import zlib


def edition_of(*meaning: object) -> str:
    """Name of the edition whose numbers mean that."""
    return f"{zlib.crc32(repr(meaning).encode()):08x}"


def sealed(edition: str, packed: bytes) -> str:
    """`packed` as text of that edition."""
    return f"{edition}:{base64.b64encode(packed).decode('ascii')}"


def opened(edition: str, text: str) -> bytes:
    """Inverse of `sealed`. Raises ValueError when the text is of another edition, or no text of the judge at all."""
    of, _, packed = text.rpartition(":")
    if of != edition:
        raise ValueError("the evidence was saved by another version of the judge; it is collected again from the start")
    try:
        return base64.b64decode(packed, validate=True)
    except ValueError as error:
        raise ValueError(f"the saved evidence cannot be read: {error}") from error
