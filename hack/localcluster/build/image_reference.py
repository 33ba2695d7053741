"""Names of container images. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_DOCKER_PREFIXES = ("docker.io/library/", "docker.io/", "index.docker.io/")
_REFERENCE = re.compile(
    r"^(?P<repository>[a-z0-9.-]+(?::[0-9]+)?(?:/[a-z0-9._-]+)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(?P<digest>[a-z0-9]+:[0-9a-f]{32,}))?$"
)


@dataclass(frozen=True)
class ImageReference:
    """A repository without Docker's implied registry, and the version that was asked for."""

    repository: str
    version: str


def parse_image(text: str) -> ImageReference | None:
    """The parts of a reference; None for one that is malformed or names neither a tag nor a digest."""
    match = _REFERENCE.match(text)
    if match is None:
        return None
    version = match.group("digest") or match.group("tag")
    if version is None:
        return None
    repository = match.group("repository")
    for prefix in _DOCKER_PREFIXES:
        if repository.startswith(prefix):
            repository = repository.removeprefix(prefix)
            break
    return ImageReference(repository, version)
