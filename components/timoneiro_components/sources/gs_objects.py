"""Objects of Google Cloud Storage, read in parts: all of them of one version of the object."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from google.api_core.exceptions import PreconditionFailed
from google.cloud.storage.retry import DEFAULT_RETRY

from ..definition.source import split_address
from ..errors import StepError
from ..gs import GOOGLE_ERRORS, gs_client, reason_of
from .ranges import in_parts

_SECONDS = 10


def open_object(address: str) -> BinaryIO:
    """The object at `gs://bucket/key`. Raises StepError if it is not there, or may not be read."""
    _, bucket, key = split_address(address)
    patience = {"timeout": _SECONDS, "retry": DEFAULT_RETRY.with_timeout(_SECONDS)}
    with _sentences(address):
        found = gs_client().bucket(bucket).blob(key)
        found.reload(**patience)

    def part(start: int, end: int) -> bytes:
        with _sentences(address):
            content: bytes = found.download_as_bytes(
                start=start,
                end=end - 1,
                # As it was written, also where it is compressed.
                raw_download=True,
                # The store knows that of the whole only.
                checksum=None,
                if_generation_match=found.generation,
                **patience,
            )
            return content

    return in_parts(int(found.size), part)


@contextmanager
def _sentences(address: str) -> Iterator[None]:
    try:
        yield
    except PreconditionFailed:
        raise StepError(f"{address}: it was changed while it was read: try again when nobody writes it") from None
    except GOOGLE_ERRORS as error:
        reason = reason_of(
            error,
            missing="it is not there",
            forbidden="these credentials may not read it",
            refused="the store refuses to give it",
        )
        raise StepError(f"{address}: {reason}") from None
