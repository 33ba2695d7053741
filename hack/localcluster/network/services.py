"""Service addresses and the names of Services, for clusters that are asked for them. Pure: command lines, objects
and files out.

kube-proxy leads what pods send to the address of a Service to one of its pods, and CoreDNS knows the addresses.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..api.jsontypes import Json
from ..api.manifests import account
from ..component import Component
from ..layout import (
    BRIDGE_ADDRESS,
    CLUSTER_DOMAIN,
    KUBE_PROXY_HEALTH_PORT,
    KUBE_PROXY_METRICS_PORT,
    NODE_NAME,
    Layout,
)

NAMESPACE = "kube-system"
ACCOUNT = "coredns"


def kube_proxy(layout: Layout, programs: Mapping[str, Path]) -> Component:
    """Leads the addresses of Services to their pods, by rules of nftables in the cluster's own network."""
    return Component(
        "kube-proxy",
        (
            str(programs["kube-proxy"]),
            f"--kubeconfig={layout.component_kubeconfig('kube-proxy')}",
            f"--hostname-override={NODE_NAME}",
            "--proxy-mode=nftables",
            # Pods are neighbours on the bridge: an answer would go straight to the one that has asked somebody else.
            "--masquerade-all",
            # They are of the whole machine, and none of a cluster's business.
            "--conntrack-max-per-core=0",
            "--conntrack-min=0",
            "--conntrack-tcp-timeout-established=0s",
            "--conntrack-tcp-timeout-close-wait=0s",
            f"--bind-address={BRIDGE_ADDRESS}",
            f"--healthz-bind-address=127.0.0.1:{KUBE_PROXY_HEALTH_PORT}",
            f"--metrics-bind-address=127.0.0.1:{KUBE_PROXY_METRICS_PORT}",
        ),
    )


def coredns(layout: Layout, programs: Mapping[str, Path]) -> Component:
    """The names of Services, at an address that pods reach without one of them."""
    return Component("coredns", (str(programs["coredns"]), "-conf", str(layout.configuration / "Corefile")))


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
    verbs = ["list", "watch"]
    rules: list[Json] = [
        {"apiGroups": [""], "resources": ["services", "namespaces"], "verbs": verbs},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": verbs},
    ]
    return account(ACCOUNT, NAMESPACE, rules)
