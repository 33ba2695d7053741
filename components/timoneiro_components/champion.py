"""Step: which package serves now? And whether there is anywhere to publish to, before hours of training."""

from __future__ import annotations

from .cluster import ModelDeployments
from .identity import check_identity
from .stores.address import package_uri
from .stores.store import ModelStore


def champion_uri(name: str, version: str, *, namespace: str, model_store: str, store: ModelStore | None = None) -> str:
    """Address of the package that serves all users of ModelDeployment `name`, "" if none does yet.

    Raises StepError if `name` or `version` (of the candidate) is no usable name, if there is no such ModelDeployment to
    publish to, and if the store cannot be asked or has that version already. `store` defaults to that of the
    environment.
    """
    check_identity(name, version)
    uri = package_uri(model_store, name, version)
    deployment = ModelDeployments.connect(namespace).get(name)
    (store or ModelStore.connect()).require_free(uri)
    stable = deployment.get("status", {}).get("stable") or {}
    return str(stable.get("uri", ""))
