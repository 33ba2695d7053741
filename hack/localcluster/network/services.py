"""Service addresses and the names of Services, for clusters that are asked for them. Pure: objects and files out.

kube-proxy leads what pods send to the address of a Service to one of its pods, and CoreDNS knows the addresses.
"""

from __future__ import annotations

from pathlib import Path

from ..api.jsontypes import Json
from ..layout import CLUSTER_DOMAIN

NAMESPACE = "kube-system"
ACCOUNT = "coredns"


def corefile(kubeconfig: Path, ready_port: int) -> str:
    """CoreDNS' configuration: names of the cluster, and a refusal at once for all others."""
    return (
        ".:53 {\n"
        "    errors\n"
        f"    ready 127.0.0.1:{ready_port}\n"
        f"    kubernetes {CLUSTER_DOMAIN} in-addr.arpa {{\n"
        f"        kubeconfig {kubeconfig}\n"
        "    }\n"
        "}\n"
    )


def access() -> list[Json]:
    """CoreDNS' service account and what it may do. The role of kube-proxy is one of Kubernetes' own."""
    group = "rbac.authorization.k8s.io"
    role = f"timoneiro-{ACCOUNT}"
    may_watch = ["list", "watch"]
    return [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": ACCOUNT, "namespace": NAMESPACE},
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": role},
            "rules": [
                {"apiGroups": [""], "resources": ["services", "namespaces"], "verbs": may_watch},
                {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": may_watch},
            ],
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": role},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}],
        },
    ]
