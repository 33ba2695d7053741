"""kopf: login, and watches that put what they see into the cache and a key into the queue. Nothing else.

Only `on.event` is used: it keeps no state, writes no annotations and adds no finalizer.
"""

import os
from pathlib import Path
from typing import Any

import kopf

from timoneiro_operator.api import names
from timoneiro_operator.controller import Controller
from timoneiro_operator.kube.cache import SHARED, Kind

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

_WATCHED: tuple[tuple[Kind, str, str, str], ...] = (
    ("ModelDeployment", names.GROUP, names.VERSION, names.PLURAL),
    ("InferenceService", "serving.kserve.io", "v1beta1", "inferenceservices"),
    ("ServingRuntime", "serving.kserve.io", "v1alpha1", "servingruntimes"),
    ("ClusterServingRuntime", "serving.kserve.io", "v1alpha1", "clusterservingruntimes"),
    ("HTTPRoute", "gateway.networking.k8s.io", "v1", "httproutes"),
    ("KnativeService", "serving.knative.dev", "v1", "services"),
    ("Pod", "", "v1", "pods"),
)


class _NoDiffBase(kopf.DiffBaseStorage):
    """Nobody asks what an object was like before, and copying each of them cost a fourteenth of all CPU time."""

    def build(self, *, body: kopf.Body, extra_fields: Any = None) -> kopf.BodyEssence:
        return kopf.BodyEssence({})

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Nothing is kept."""


def build_registry(controller: Controller) -> kopf.OperatorRegistry:
    """Handlers of one operator, in a registry of their own."""
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(_login)
    for kind, group, version, plural in _WATCHED:
        kopf.on.event(group, version, plural, id=f"watch-{plural}", registry=registry)(_watcher(kind, controller))
    return registry


def build_settings() -> kopf.OperatorSettings:
    """No peering, no Kubernetes events by kopf, no scanning for CRDs; children are selected by the API server."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    settings.watching.connect_timeout = 5
    settings.watching.chunk_size = 500
    settings.persistence.diffbase_storage = _NoDiffBase()
    for kind, group, _, plural in _WATCHED:
        if kind != "ModelDeployment" and kind not in SHARED:
            settings.watching.label_selectors[group, plural] = names.LABEL_DEPLOYMENT
    return settings


def _login(**kwargs: Any) -> Any:
    """In a pod its ServiceAccount, elsewhere the kubeconfig. Called again when the API server answers 401.

    Said explicitly: kopf would otherwise prefer whatever client library happens to be installed. And by address, as
    the other client does: kopf's own login wants to resolve a name, which needs a cluster DNS for nothing.
    """
    host = os.environ.get("KUBERNETES_SERVICE_HOST")
    if host is None:
        return kopf.login_with_kubeconfig(**kwargs)
    port = os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    return kopf.ConnectionInfo(
        server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        ca_path=str(_ACCOUNT / "ca.crt"),
        scheme="Bearer",
        token=(_ACCOUNT / "token").read_text().strip(),
    )


def _watcher(kind: Kind, controller: Controller) -> Any:
    async def watch(event: kopf.RawEvent, **_: Any) -> None:
        controller.notice(kind, event["object"], gone=event["type"] == "DELETED")

    return watch
