"""Packages in Google Cloud Storage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from google.api_core.exceptions import NotFound, PreconditionFailed
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY

from ..gs import GOOGLE_ERRORS, gs_client, reason_of
from .address import PackageAddress
from .files import StoreFault

# Of one request, and of all tries of it.
_SECONDS, _ALL_SECONDS = 60, 120
_CREATE = "storage.objects.create"


class GoogleFiles:
    """The objects of a package, by Google's client."""

    def __init__(self, bucket: storage.Bucket, prefix: str) -> None:
        self._bucket, self._prefix = bucket, prefix

    @classmethod
    def connect(cls, address: PackageAddress) -> GoogleFiles:
        """By the client that the environment configures."""
        with _faults():
            return cls(gs_client().bucket(address.place), address.prefix)

    def require_writable(self) -> None:
        # Stores that only speak the same protocol need not know the question.
        with _faults(), suppress(NotFound):
            if _CREATE not in self._bucket.test_iam_permissions([_CREATE], **_patience()):
                raise StoreFault(f"these credentials may not write to it: they need {_CREATE}")

    def names(self) -> Sequence[str]:
        with _faults():
            found = self._bucket.list_blobs(prefix=self._prefix, **_patience())
            return [blob.name.removeprefix(self._prefix) for blob in found if not blob.name.endswith("/")]

    def read(self, name: str) -> bytes:
        with _faults(missing="it is gone"):
            content: bytes = self._bucket.blob(self._prefix + name).download_as_bytes(**_patience())
            return content

    def create(self, name: str, content: bytes) -> bool:
        with _faults():
            try:
                # Generation 0 is that of no object.
                self._bucket.blob(self._prefix + name).upload_from_string(
                    content,
                    content_type="application/octet-stream",
                    checksum="crc32c",
                    if_generation_match=0,
                    **_patience(),
                )
            except PreconditionFailed:
                return False
        return True


def _patience() -> dict[str, Any]:
    return {"timeout": _SECONDS, "retry": DEFAULT_RETRY.with_timeout(_ALL_SECONDS)}


@contextmanager
def _faults(missing: str = "there is no such bucket") -> Iterator[None]:
    try:
        yield
    except GOOGLE_ERRORS as error:
        reason = reason_of(
            error, missing=missing, forbidden="these credentials may not do that", refused="the store refuses it"
        )
        raise StoreFault(reason) from error
