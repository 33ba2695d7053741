"""The objects that KServe starts with. Pure: text of module files in, objects out."""

from __future__ import annotations

import json
from pathlib import Path

from ..api.jsontypes import Json
from ..api.manifests import CLUSTER_SCOPED, load
from ..layout import KSERVE_WEBHOOK_PORT
from ..network import gateway

KNATIVE_NAMESPACE = "knative-serving"
# A tag other than latest, so that the pull policy is IfNotPresent as on a cluster with loaded images.
_STORAGE_INITIALIZER = {
    "image": "kserve/storage-initializer:v0.20.0",
    "memoryRequest": "100Mi",
    "memoryLimit": "1Gi",
    "cpuRequest": "100m",
    "cpuLimit": "1",
}


def access(rbac: Path) -> list[Json]:
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
    metadata = item["metadata"] if item["kind"] in CLUSTER_SCOPED else {**item["metadata"], "namespace": name}
    moved = {**item, "metadata": metadata}
    if "subjects" in item:
        moved["subjects"] = [{**subject, "namespace": name} for subject in item["subjects"]]
    return moved


def configuration(file: Path) -> Json:
    """KServe's ConfigMap: Standard deployments behind the gateway unless an annotation says otherwise."""
    shipped = next(item for item in load(file) if item["metadata"]["name"] == "inferenceservice-config")
    data = {key: value for key, value in shipped.get("data", {}).items() if not key.startswith("_")}
    ingress = json.loads(data.get("ingress") or "{}")
    ingress |= {
        "enableGatewayApi": True,
        "kserveIngressGateway": f"{gateway.NAMESPACE}/{gateway.NAME}",
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


def webhooks(file: Path, authority: str) -> list[Json]:
    """KServe's webhook configurations, reached by address: there is no kube-proxy to reach its Service."""
    items = []
    for item in load(file):
        if item["kind"] not in CLUSTER_SCOPED:
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
