"""Model packages in an S3 store.

Guarantees: a published package never changes. The manifest is written last, so a package whose
manifest is there is complete; publishing the same package again changes nothing, and another
package under the same address is refused. Only a signature may come later, and stays what it is then.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from timoneiro_serving.digest import SIGNATURE_FILE, file_names
from timoneiro_serving.manifest import MANIFEST_FILE

from .errors import StepError
from .s3 import s3_client


class ModelStore:
    """Packages by address `s3://bucket/key/`. Addresses end with `/`: KServe matches them as text, and
    without it `.../1` would also bring the files of `.../14`."""

    def __init__(self, client: Any) -> None:
        self._client = client

    @classmethod
    def connect(cls) -> ModelStore:
        """A store that is configured by the environment; the connection is made on first use."""
        with _sentences("the model store cannot be used"):
            return cls(s3_client())

    def require_free(self, uri: str) -> None:
        """Raises StepError if the store cannot be asked, or holds a package at `uri` already."""
        bucket, prefix = parse_uri(uri)
        with _sentences(f"the model store cannot be asked for {uri}"):
            if MANIFEST_FILE in self._names(bucket, prefix):
                raise StepError(f"{uri} already holds a package: choose a version that is not taken")

    def upload(self, folder: Path, uri: str) -> bool:
        """Writes the package `folder` to `uri`; False if the very same package is already there.

        Raises StepError if another package or leftovers of another upload are there, or the store
        does not do what it is asked to.
        """
        bucket, prefix = parse_uri(uri)
        names = file_names(folder)
        if MANIFEST_FILE not in names:
            raise StepError(f"{folder} has no {MANIFEST_FILE}: it is not a package")
        for name in names:
            if (folder / name).stat().st_size == 0:
                raise StepError(f"{folder / name} is empty, and KServe does not download empty files")
        with _sentences(f"the package cannot be written to {uri}"):
            present = set(self._names(bucket, prefix))
            if MANIFEST_FILE in present:
                self._require_same(folder, bucket, prefix, uri)
                # A second signature says nothing new, and who trusts the key of the first one goes on doing so.
                names = [name for name in names if name == SIGNATURE_FILE and name not in present]
            elif leftovers := sorted(present - set(names)):
                raise StepError(
                    f"{uri} holds files of an unfinished upload ({', '.join(leftovers[:5])}): delete them "
                    f"or choose another version"
                )
            # The manifest last: until it is there, nothing refers to the rest.
            for name in sorted(names, key=lambda name: (name == MANIFEST_FILE, name)):
                self._client.put_object(Bucket=bucket, Key=prefix + name, Body=(folder / name).read_bytes())
        return bool(names)

    def download(self, uri: str, folder: Path) -> None:
        """Writes all files of the package at `uri` below `folder`."""
        bucket, prefix = parse_uri(uri)
        with _sentences(f"the package {uri} cannot be read"):
            names = list(self._names(bucket, prefix))
            if not names:
                raise StepError(f"there is no package at {uri}")
            for name in names:
                if ".." in PurePosixPath(name).parts or name.startswith("/"):
                    raise StepError(f"{uri} holds an object {name!r} that leads out of the package")
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                body = self._client.get_object(Bucket=bucket, Key=prefix + name)["Body"]
                target.write_bytes(body.read())

    @contextmanager
    def downloaded(self, uri: str) -> Iterator[Path]:
        """The package at `uri` as a folder of this machine, which is gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="timoneiro-package-") as folder:
            self.download(uri, Path(folder))
            yield Path(folder)

    def _names(self, bucket: str, prefix: str) -> Iterator[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            for entry in page.get("Contents", []):
                if not entry["Key"].endswith("/"):
                    yield entry["Key"].removeprefix(prefix)

    def _require_same(self, folder: Path, bucket: str, prefix: str, uri: str) -> None:
        # The manifest holds the digest of every other file, so comparing it compares the packages.
        published = self._client.get_object(Bucket=bucket, Key=prefix + MANIFEST_FILE)["Body"].read()
        if published != (folder / MANIFEST_FILE).read_bytes():
            raise StepError(f"{uri} already holds another package: choose a version that is not taken")


def package_uri(model_store: str, name: str, version: str) -> str:
    """Where a package belongs; raises StepError if `model_store` is no place for packages."""
    uri = f"{model_store.rstrip('/')}/{name}/{version}/"
    parse_uri(uri)
    return uri


def parse_uri(uri: str) -> tuple[str, str]:
    """Bucket and key prefix (ending with `/`) of `s3://bucket/key`; raises StepError for anything else."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket or not key.strip("/"):
        raise StepError(f"{uri!r} is not the address of a package: write s3://bucket/folder")
    return bucket, key.strip("/") + "/"


@contextmanager
def _sentences(what: str) -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        hint = "check AWS_ENDPOINT_URL, AWS_DEFAULT_REGION and the credentials"
        raise StepError(f"{what}: {error}; {hint}") from error
