"""Packages in an S3 store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ..s3 import s3_client
from .address import PackageAddress
from .files import StoreFault


class S3Files:
    """The objects of a package, by boto3's client."""

    def __init__(self, client: Any, address: PackageAddress) -> None:
        self._client, self._address = client, address

    @classmethod
    def connect(cls, address: PackageAddress) -> S3Files:
        """By the client that the environment configures."""
        with _faults():
            return cls(s3_client(), address)

    def require_writable(self) -> None:
        """S3 tells it to who writes, and to nobody else."""

    def names(self) -> Sequence[str]:
        with _faults():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._address.place, Prefix=self._address.prefix
            )
            keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return [key.removeprefix(self._address.prefix) for key in keys if not key.endswith("/")]

    def read(self, name: str) -> bytes:
        with _faults():
            content: bytes = self._client.get_object(**self._object(name))["Body"].read()
            return content

    def create(self, name: str, content: bytes) -> bool:
        # Not every store knows a condition on writing, and some refuse it.
        if name in self.names():
            return False
        with _faults():
            self._client.put_object(**self._object(name), Body=content)
        return True

    def _object(self, name: str) -> dict[str, str]:
        return {"Bucket": self._address.place, "Key": self._address.prefix + name}


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise StoreFault(f"{error}; check AWS_ENDPOINT_URL, AWS_DEFAULT_REGION and the credentials") from error
