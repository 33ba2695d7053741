"""Names that end up in object keys, URLs and Kubernetes objects: checked before work is done."""

from __future__ import annotations

import re

from .errors import StepError

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


def check_identity(name: str, version: str) -> None:
    """Raises StepError unless `name` is a DNS label and `version` is safe in keys and label values."""
    if not _NAME.fullmatch(name):
        raise StepError(f"name {name!r} must be lower case letters, digits and '-', at most 63 of them")
    if not _VERSION.fullmatch(version):
        raise StepError(f"version {version!r} must be letters, digits, '.', '_' and '-', at most 63 of them")
