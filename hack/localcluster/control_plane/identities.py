"""Who is who in a cluster: certificates for each component, and the kubeconfigs made of them.

Each component is known by the name that Kubernetes' own roles expect, so that no component is an administrator.
"""

from __future__ import annotations

from ..layout import API_PORT, BRIDGE_ADDRESS, NODE_NAME, Layout
from ..network import gateway
from .certificates import CertificateAuthority
from .kubeconfig import certificate_user, kubeconfig

_API_NAMES = (
    "kubernetes.default.svc",
    "kubernetes.default",
    "kubernetes",
    "localhost",
    "127.0.0.1",
    BRIDGE_ADDRESS,
)


def write_identities(layout: Layout, host_server: str) -> None:
    """All keys, certificates and configuration files that components need before anything has started."""
    layout.configuration.mkdir(mode=0o700)
    authority = CertificateAuthority(layout.keys)
    layout.keys.chmod(0o700)
    authority.key_pair("service-account")
    authority.server("kube-apiserver", _API_NAMES)
    authority.client("admin", "admin", "system:masters")
    authority.client("controller-manager", "system:kube-controller-manager")
    authority.client("scheduler", "system:kube-scheduler")
    authority.client("kube-proxy", "system:kube-proxy")
    authority.client("node", f"system:node:{NODE_NAME}", "system:nodes")
    authority.server("tls", ["127.0.0.1"])

    # Where controller-runtime looks for the certificate of its webhook server.
    webhook = layout.configuration / "kserve" / "k8s-webhook-server" / "serving-certs"
    webhook.mkdir(parents=True)
    for path in layout.pair("tls"):
        path.rename(webhook / path.name)

    (layout.configuration / "contour.yaml").write_text(gateway.configuration())
    inner_server = f"https://127.0.0.1:{API_PORT}"
    for file, server, identity in (
        (layout.component_kubeconfig("controller-manager"), inner_server, "controller-manager"),
        (layout.component_kubeconfig("kube-proxy"), inner_server, "kube-proxy"),
        (layout.kubeconfig, host_server, "admin"),
    ):
        file.touch(mode=0o600)
        file.write_text(kubeconfig(server, layout.authority, certificate_user(*layout.pair(identity))))
