"""What a registry is told of one package, and what it made of it. Pure but for the manifest, which is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from timoneiro_serving.digest import directory_digest, file_names

from ..definition.training import Training
from ..errors import StepError
from ..provenance import CARD, package_manifest, provenance

VERSION, DIGEST = "timoneiro.dev/version", "timoneiro.dev/digest"


@dataclass(frozen=True)
class RegistryEntry:
    """One package. `title`: of the model; `description`: of this version. `format`: name and version. `origin`: where
    it comes from, by the names that the ModelDeployment has in its annotations. `metrics`: on the test rows."""

    version: str
    uri: str
    digest: str
    format: tuple[str, str]
    title: str
    description: str
    origin: Mapping[str, str]
    metrics: Mapping[str, float]

    @property
    def properties(self) -> dict[str, str]:
        """All that is told as text under names of its own."""
        return {VERSION: self.version, DIGEST: self.digest, **self.origin}


@dataclass(frozen=True)
class RegistryRecord:
    """A version as it is registered. `number`: that the registry gave it. `address`: where people see it, "" if that is
    not known. `new`: False if it was registered already."""

    registry: str
    model: str
    number: str
    address: str
    new: bool


def entry_of(training: Training, package: Path, *, uri: str, run: str, commit: str) -> RegistryEntry:
    """What is told of the folder `package`, which is published at `uri`. `run` and `commit`: "" where nobody knows.

    Raises StepError if it is no package.
    """
    manifest = package_manifest(package, "version", "format", "task", "training", "metrics")
    origin = provenance(manifest, uri=uri, files=frozenset(file_names(package)), run=run, commit=commit)
    made = f"{manifest['task']} by {manifest['training']['algorithm']}, from {manifest['training']['rows']:,} rows."
    return RegistryEntry(
        version=str(manifest["version"]),
        uri=uri,
        digest=directory_digest(package),
        format=(manifest["format"]["name"], manifest["format"]["version"]),
        title=training.title,
        description=f"{made} Model card: {origin[CARD]}" if CARD in origin else made,
        origin=origin,
        metrics=manifest["metrics"],
    )


def taken(who: str, model: str, version: str) -> StepError:
    """That a registry has the version already."""
    return StepError(f"{who} has version {version} of model {model!r} already: choose a version that is not taken")


def require_same(who: str, model: str, entry: RegistryEntry, digest: object) -> None:
    """Raises StepError if the version of that name is registered for other bytes, which have this `digest`."""
    if digest != entry.digest:
        raise StepError(
            f"{who} has version {entry.version} of model {model!r} already, for another package ({digest}): choose a "
            "version that is not taken"
        )
