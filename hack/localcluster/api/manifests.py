"""Objects of Kubernetes in files, and where they live in the API. Pure: text of module files in, objects out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from .jsontypes import Json

_CRD_NAME = re.compile(r"^metadata:\n(?:[ ].*\n)*?[ ]{2}name:[ ](\S+)", re.MULTILINE)
_DOCUMENTS = re.compile(r"^---[ ]*$", re.MULTILINE)
CLUSTER_SCOPED = {
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "Namespace": "/api/v1/namespaces",
    "MutatingWebhookConfiguration": "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    "ValidatingWebhookConfiguration": "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    "GatewayClass": "/apis/gateway.networking.k8s.io/v1/gatewayclasses",
}
_NAMESPACED = {
    "Role": ("/apis/rbac.authorization.k8s.io/v1", "roles"),
    "RoleBinding": ("/apis/rbac.authorization.k8s.io/v1", "rolebindings"),
    "ServiceAccount": ("/api/v1", "serviceaccounts"),
    "ConfigMap": ("/api/v1", "configmaps"),
    "Gateway": ("/apis/gateway.networking.k8s.io/v1", "gateways"),
}


def account(name: str, namespace: str, rules: list[Json]) -> list[Json]:
    """A service account in a namespace that has to exist before, and what it may do in all namespaces."""
    group = "rbac.authorization.k8s.io"
    role = f"timoneiro-{name}"
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}},
        {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": role}, "rules": rules},
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": role},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        },
    ]


@dataclass(frozen=True)
class CustomResource:
    """A CRD as text: parsing the large ones here would take longer than applying them."""

    name: str
    text: str


def object_path(item: Json) -> str:
    """Where an object lives in the API."""
    kind, metadata = item["kind"], item["metadata"]
    if kind in CLUSTER_SCOPED:
        return f"{CLUSTER_SCOPED[kind]}/{metadata['name']}"
    group, plural = _NAMESPACED[kind]
    return f"{group}/namespaces/{metadata['namespace']}/{plural}/{metadata['name']}"


def custom_resources(*folders: Path) -> Iterator[CustomResource]:
    """All CRDs in the folders' own YAML files, the largest first: it takes the longest."""
    files = [file for folder in folders for file in folder.glob("*.yaml")]
    for file in sorted(files, key=lambda path: -path.stat().st_size):
        for document in _DOCUMENTS.split(file.read_text()):
            match = _CRD_NAME.search(document)
            if match and "kind: CustomResourceDefinition" in document:
                yield CustomResource(match.group(1).strip('"'), document)


def load(file: Path) -> list[Json]:
    """The objects of a YAML file."""
    return [item for item in yaml.safe_load_all(file.read_text()) if item]


def namespace(name: str, **labels: str) -> Json:
    """A Namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
