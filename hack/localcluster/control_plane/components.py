"""Command lines of the cluster's programs. Pure: a layout and paths in, what to run out."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..layout import (
    API_PORT,
    BRIDGE_ADDRESS,
    CONTOUR_HEALTH_PORT,
    ETCD_PEER_PORT,
    ETCD_PORT,
    GATEWAY_STATS_PORT,
    KSERVE_HEALTH_PORT,
    KSERVE_WEBHOOK_PORT,
    KUBE_PROXY_HEALTH_PORT,
    KUBE_PROXY_METRICS_PORT,
    NODE_NAME,
    PROMETHEUS_PORT,
    S3_PORT,
    S3_REGION,
    SERVICE_NETWORK,
    XDS_PORT,
    Layout,
)

_XDS = f"--xds-address=127.0.0.1 --xds-port={XDS_PORT}".split()
# Contour 1.33 refuses to start when the CRD of a feature is missing; these are not in the standard channel as it
# knows them. It answers only for Gateway API routes of kind HTTPRoute then, which is all that is needed.
_UNUSED_FEATURES = ("tlsroutes", "tcproutes", "backendtlspolicies", "grpcroutes", "extensionservices")


@dataclass(frozen=True)
class Component:
    """A program that the supervisor keeps running."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


def etcd(layout: Layout, programs: Mapping[str, Path]) -> Component:
    """The store of the API server."""
    client = f"http://127.0.0.1:{ETCD_PORT}"
    peer = f"http://127.0.0.1:{ETCD_PEER_PORT}"
    return Component(
        "etcd",
        (
            str(programs["etcd"]),
            f"--data-dir={layout.folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            # A cluster that crashed is started anew, so nothing is lost by not waiting for the disk.
            "--unsafe-no-fsync",
            "--log-level=warn",
        ),
    )


def api_server(layout: Layout, programs: Mapping[str, Path]) -> Component:
    """kube-apiserver on all addresses of the cluster's network."""
    certificate, key = layout.pair("kube-apiserver")
    return Component(
        "kube-apiserver",
        (
            str(programs["kube-apiserver"]),
            f"--etcd-servers=http://127.0.0.1:{ETCD_PORT}",
            "--bind-address=0.0.0.0",
            f"--secure-port={API_PORT}",
            f"--advertise-address={BRIDGE_ADDRESS}",
            f"--tls-cert-file={certificate}",
            f"--tls-private-key-file={key}",
            f"--client-ca-file={layout.authority}",
            "--anonymous-auth=false",
            "--authorization-mode=Node,RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={layout.keys / 'service-account.pub'}",
            f"--service-account-signing-key-file={layout.keys / 'service-account.key'}",
            f"--service-cluster-ip-range={SERVICE_NETWORK}",
            # Most clusters have no kube-proxy, and pods reach the API server at its own address in all of them.
            "--endpoint-reconciler-type=none",
            "--allow-privileged=true",
        ),
    )


def controller_manager(layout: Layout, programs: Mapping[str, Path]) -> Component:
    """kube-controller-manager; each controller under its own service account, as on a real cluster."""
    return Component(
        "kube-controller-manager",
        (
            str(programs["kube-controller-manager"]),
            f"--kubeconfig={layout.component_kubeconfig('controller-manager')}",
            f"--service-account-private-key-file={layout.keys / 'service-account.key'}",
            f"--root-ca-file={layout.authority}",
            "--use-service-account-credentials=true",
            "--leader-elect=false",
            "--secure-port=0",
            # Seconds instead of a minute until a lost node's pods are given up.
            "--node-monitor-grace-period=60s",
            # And instead of minutes until an autoscaler sees a load, and that it is over.
            "--horizontal-pod-autoscaler-sync-period=2s",
            "--horizontal-pod-autoscaler-downscale-stabilization=5s",
        ),
    )


def s3(layout: Layout, programs: Mapping[str, Path], access_key: str, secret_key: str) -> Component:
    """An S3 server over a folder; metadata beside it, so that the file system needs no extended attributes."""
    return Component(
        "s3",
        (
            str(programs["versitygw"]),
            f"--port={BRIDGE_ADDRESS}:{S3_PORT}",
            f"--region={S3_REGION}",
            "--keep-alive",
            "--quiet",
            "posix",
            f"--sidecar={layout.folder / 'object-metadata'}",
            str(layout.folder / "buckets"),
        ),
        {"ROOT_ACCESS_KEY": access_key, "ROOT_SECRET_KEY": secret_key},
    )


def kserve(layout: Layout, programs: Mapping[str, Path]) -> Component:
    """The KServe controller with its webhook server."""
    return Component(
        "kserve-controller",
        (
            str(programs["kserve-controller"]),
            "--metrics-addr=0",
            f"--health-probe-addr=127.0.0.1:{KSERVE_HEALTH_PORT}",
            f"--webhook-port={KSERVE_WEBHOOK_PORT}",
        ),
        {
            "KUBECONFIG": str(layout.component_kubeconfig("kserve")),
            "POD_NAMESPACE": "kserve",
            # controller-runtime looks for the webhook's certificate in a fixed folder below this one.
            "TMPDIR": str(layout.configuration / "kserve"),
        },
    )


def contour(layout: Layout, programs: Mapping[str, Path]) -> Component:
    """The control plane of the gateway."""
    return Component(
        "contour",
        (
            str(programs["contour"]),
            "serve",
            "--no-incluster",
            f"--kubeconfig={layout.component_kubeconfig('contour')}",
            f"--config-path={layout.configuration / 'contour.yaml'}",
            "--insecure",
            "--disable-leader-election",
            *_XDS,
            "--http-address=127.0.0.1",
            "--health-address=127.0.0.1",
            f"--health-port={CONTOUR_HEALTH_PORT}",
            f"--stats-port={GATEWAY_STATS_PORT}",
            *(f"--disable-feature={feature}" for feature in _UNUSED_FEATURES),
        ),
    )


def envoy_bootstrap(layout: Layout, programs: Mapping[str, Path]) -> tuple[str, ...]:
    """The command that writes Envoy's configuration."""
    return (
        str(programs["contour"]),
        "bootstrap",
        *_XDS,
        f"--admin-address={layout.configuration / 'envoy.sock'}",
        "--xds-resource-version=v3",
        str(layout.configuration / "envoy.json"),
    )


def envoy(layout: Layout, programs: Mapping[str, Path]) -> Component:
    """The data plane of the gateway."""
    return Component(
        "envoy",
        (
            str(programs["envoy"]),
            "--config-path",
            str(layout.configuration / "envoy.json"),
            "--service-cluster",
            "contour",
            "--service-node",
            "envoy",
            "--log-level",
            "warn",
            # Hot restart would use shared memory whose name all clusters of this machine share.
            "--disable-hot-restart",
        ),
    )


def prometheus(layout: Layout, programs: Mapping[str, Path]) -> Component:
    """Prometheus on the address that pods reach; nobody logs in, as at the other sources of metrics."""
    return Component(
        "prometheus",
        (
            str(programs["prometheus"]),
            f"--config.file={layout.configuration / 'prometheus.yaml'}",
            f"--storage.tsdb.path={layout.folder / 'prometheus'}",
            f"--web.listen-address={BRIDGE_ADDRESS}:{PROMETHEUS_PORT}",
            "--log.level=warn",
        ),
    )


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


def node(layout: Layout, *, services: bool) -> Component:
    """The node that runs pods as processes."""
    options = ("--services",) if services else ()
    return Component("node", (sys.executable, "-m", "localcluster.node", str(layout.folder), *options))


def forwarder(routes: Mapping[int, tuple[str, int]]) -> Component:
    """Carries connections from listening sockets of the host, given by descriptor, into the cluster's network."""
    arguments = (f"{descriptor}={host}:{port}" for descriptor, (host, port) in routes.items())
    return Component("forwarder", (sys.executable, "-m", "localcluster.network.forwarder", *arguments))
