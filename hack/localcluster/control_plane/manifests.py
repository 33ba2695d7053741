"""Kubernetes objects that the cluster starts with. Pure: text of module files in, objects out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from ..api.jsontypes import Json
from ..layout import KSERVE_WEBHOOK_PORT

KNATIVE_NAMESPACE = "knative-serving"
GATEWAY_NAMESPACE = "kserve"
GATEWAY_NAME = "kserve-ingress-gateway"
_CRD_NAME = re.compile(r"^metadata:\n(?:[ ].*\n)*?[ ]{2}name:[ ](\S+)", re.MULTILINE)
_DOCUMENTS = re.compile(r"^---[ ]*$", re.MULTILINE)
_CLUSTER_SCOPED = {
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

# A tag other than latest, so that the pull policy is IfNotPresent as on a cluster with loaded images.
_STORAGE_INITIALIZER = {
    "image": "kserve/storage-initializer:v0.20.0",
    "memoryRequest": "100Mi",
    "memoryLimit": "1Gi",
    "cpuRequest": "100m",
    "cpuLimit": "1",
}


@dataclass(frozen=True)
class CustomResource:
    """A CRD as text: parsing the large ones here would take longer than applying them."""

    name: str
    text: str


def object_path(item: Json) -> str:
    """Where an object lives in the API."""
    kind, metadata = item["kind"], item["metadata"]
    if kind in _CLUSTER_SCOPED:
        return f"{_CLUSTER_SCOPED[kind]}/{metadata['name']}"
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


def kserve_access(rbac: Path) -> list[Json]:
    """KServe's service account and what it may do, from its own files."""
    items: list[Json] = []
    for name in (
        "service_account.yaml",
        "role.yaml",
        "role_binding.yaml",
        "leader_election_role.yaml",
        "leader_election_role_binding.yaml",
    ):
        items += load(rbac / name)
    return [_in_namespace(item, "kserve") for item in items]


def _in_namespace(item: Json, name: str) -> Json:
    """What kustomize does with `namespace:`."""
    metadata = item["metadata"] if item["kind"] in _CLUSTER_SCOPED else {**item["metadata"], "namespace": name}
    moved = {**item, "metadata": metadata}
    if "subjects" in item:
        moved["subjects"] = [{**subject, "namespace": name} for subject in item["subjects"]]
    return moved


def kserve_configuration(file: Path) -> Json:
    """KServe's ConfigMap: Standard deployments behind the gateway unless an annotation says otherwise."""
    configuration = next(item for item in load(file) if item["metadata"]["name"] == "inferenceservice-config")
    data = {key: value for key, value in configuration.get("data", {}).items() if not key.startswith("_")}
    ingress = json.loads(data.get("ingress") or "{}")
    ingress |= {
        "enableGatewayApi": True,
        "kserveIngressGateway": f"{GATEWAY_NAMESPACE}/{GATEWAY_NAME}",
        # Not used in this mode, but KServe refuses an empty one.
        "ingressGateway": ingress.get("ingressGateway") or "none/none",
        # For Knative Services only: without Istio's custom resources KServe complains at every pass over one.
        "disableIstioVirtualHost": True,
    }
    storage = json.loads(data.get("storageInitializer") or "{}") | _STORAGE_INITIALIZER
    data |= {
        "deploy": json.dumps({"defaultDeploymentMode": "Standard"}),
        "ingress": json.dumps(ingress),
        "storageInitializer": json.dumps(storage),
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "inferenceservice-config", "namespace": "kserve"},
        "data": data,
    }


def knative_configuration() -> Json:
    """The ConfigMap of Knative that KServe reads before it makes a Knative Service; empty means all defaults."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "config-autoscaler", "namespace": KNATIVE_NAMESPACE},
        "data": {},
    }


def kserve_webhooks(file: Path, authority: str) -> list[Json]:
    """KServe's webhook configurations, reached by address: there is no kube-proxy to reach its Service."""
    items = []
    for item in load(file):
        if item["kind"] not in _CLUSTER_SCOPED:
            continue
        webhooks = [
            {
                **webhook,
                "clientConfig": {
                    "url": f"https://127.0.0.1:{KSERVE_WEBHOOK_PORT}{webhook['clientConfig']['service']['path']}",
                    "caBundle": authority,
                },
            }
            for webhook in item["webhooks"]
        ]
        items.append({**item, "metadata": {"name": item["metadata"]["name"]}, "webhooks": webhooks})
    return items


def contour_access(folder: Path) -> list[Json]:
    """Contour's service account and what it may do, from its own files."""
    items = [*load(folder / "00-common.yaml"), *load(folder / "02-role-contour.yaml"), *load(folder / "02-rbac.yaml")]
    return [item for item in items if item["metadata"]["name"].startswith(("contour", "projectcontour"))]


def gateway() -> list[Json]:
    """The GatewayClass and the one Gateway, open to routes of all namespaces."""
    group = "gateway.networking.k8s.io/v1"
    return [
        {
            "apiVersion": group,
            "kind": "GatewayClass",
            "metadata": {"name": "contour"},
            "spec": {"controllerName": "projectcontour.io/gateway-controller"},
        },
        {
            "apiVersion": group,
            "kind": "Gateway",
            "metadata": {"name": GATEWAY_NAME, "namespace": GATEWAY_NAMESPACE},
            "spec": {
                "gatewayClassName": "contour",
                "listeners": [
                    {
                        "name": "http",
                        "protocol": "HTTP",
                        "port": 80,
                        "allowedRoutes": {"namespaces": {"from": "All"}},
                    }
                ],
            },
        },
    ]


def contour_configuration() -> str:
    """Contour's configuration file."""
    return json.dumps(
        {
            "gateway": {"gatewayRef": {"namespace": GATEWAY_NAMESPACE, "name": GATEWAY_NAME}},
            # A line for every request would fill the disk in load tests.
            "accesslog-level": "disabled",
        }
    )
