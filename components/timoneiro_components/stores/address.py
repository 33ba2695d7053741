"""Addresses of packages: `s3://bucket/folder/`, `gs://bucket/folder/` and `pvc://claim/folder/`. Pure.

They end with `/`: KServe matches names of objects by their beginning, and without it `.../1` would also bring the files
of `.../14`.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import StepError

SCHEMES = ("s3", "gs", "pvc")


@dataclass(frozen=True)
class PackageAddress:
    """`place`: a bucket, or a PersistentVolumeClaim. `prefix`: of the names in it; ends with `/`."""

    scheme: str
    place: str
    prefix: str


def parse_uri(uri: str) -> PackageAddress:
    """Raises StepError for what is no address of a package."""
    scheme, found, rest = uri.partition("://")
    place, _, key = rest.partition("/")
    key = key.strip("/")
    # A claim is a folder, out of which no name may lead.
    leads_out = scheme == "pvc" and any(part in ("", ".", "..") for part in (place, *key.split("/")))
    if not uri.isprintable() or not found or scheme not in SCHEMES or not place or not key or leads_out:
        raise StepError(
            f"{uri!r} is not the address of a package: write s3://bucket/folder, gs://bucket/folder or "
            "pvc://claim/folder"
        )
    return PackageAddress(scheme, place, f"{key}/")


def package_uri(model_store: str, name: str, version: str) -> str:
    """Where a package belongs; raises StepError if `model_store` is no place for packages."""
    uri = f"{model_store.rstrip('/')}/{name}/{version}/"
    parse_uri(uri)
    return uri
