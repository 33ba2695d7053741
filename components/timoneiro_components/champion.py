"""Step: which package serves now?"""

from __future__ import annotations

from .cluster import ModelDeployments
from .identity import check_identity


def champion_uri(name: str, version: str, *, namespace: str) -> str:
    """Address of the package that serves all users of ModelDeployment `name`, "" if none does yet.

    Also the place to fail early, before hours of training: raises StepError if `name` or `version`
    (of the candidate) is no usable name, or if there is no such ModelDeployment to publish to.
    """
    check_identity(name, version)
    deployment = ModelDeployments.connect(namespace).get(name)
    stable = deployment.get("status", {}).get("stable") or {}
    return str(stable.get("uri", ""))
