"""Step: put the package into the model store and point the ModelDeployment at it.

Guarantees: the ModelDeployment is changed only after the package is complete in the store, and names
the digest of exactly those bytes; doing it twice is the same as doing it once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from timoneiro_serving.digest import directory_digest, file_names

from .cluster import ModelDeployments
from .identity import check_identity
from .provenance import package_manifest, provenance
from .rollout import Publication
from .stores.address import package_uri
from .stores.store import ModelStore


@dataclass(frozen=True)
class Published:
    """Address and digest of the package; `uploaded` is False if it was in the store already. `publication`: by which
    its rollout is known again."""

    uri: str
    digest: str
    uploaded: bool
    publication: Publication


def publish(
    package: Path,
    *,
    model_store: str,
    namespace: str,
    run: str = "",
    commit: str = "",
    store: ModelStore | None = None,
    deployments: ModelDeployments | None = None,
) -> Published:
    """Uploads the folder `package` to `<model_store>/<name>/<version>/` and applies `spec.model`.

    Name and version are those of the package's manifest. `run` and `commit` say where it comes from, ""
    where that is not known. `store` and `deployments` default to those of the environment. Raises
    StepError if the ModelDeployment is not there (before anything is uploaded), if the version is taken
    by another package, or if someone else owns `spec.model`.
    """
    manifest = package_manifest(package, "name", "version", "format")
    name, version = str(manifest["name"]), str(manifest["version"])
    check_identity(name, version)
    uri = package_uri(model_store, name, version)
    deployments = deployments or ModelDeployments.connect(namespace)
    deployments.get(name)
    digest = directory_digest(package)
    uploaded = (store or ModelStore.connect()).upload(package, uri)
    files = frozenset(file_names(package))
    applied = deployments.apply_model(
        name,
        {"format": manifest["format"], "uri": uri, "digest": digest, "version": version},
        provenance(manifest, uri=uri, files=files, run=run, commit=commit),
    )
    told = {"namespace": namespace, "version": version, "uri": uri, "digest": digest}
    publication = Publication.of(applied, **told, now=datetime.now(UTC))
    return Published(uri=uri, digest=digest, uploaded=uploaded, publication=publication)
