"""Command lines of the cluster's programs. Pure: a layout and paths in, what to run out."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from ..component import Component
from ..layout import (
    API_PORT,
    BRIDGE_ADDRESS,
    ETCD_PEER_PORT,
    ETCD_PORT,
    KSERVE_HEALTH_PORT,
    KSERVE_WEBHOOK_PORT,
    PROMETHEUS_PORT,
    S3_PORT,
    S3_REGION,
    SERVICE_NETWORK,
    Layout,
)


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


def node(layout: Layout, *, services: bool) -> Component:
    """The node that runs pods as processes."""
    options = ("--services",) if services else ()
    return Component("node", (sys.executable, "-m", "localcluster.node", str(layout.folder), *options))


def forwarder(routes: Mapping[int, tuple[str, int]]) -> Component:
    """Carries connections from listening sockets of the host, given by descriptor, into the cluster's network."""
    arguments = (f"{descriptor}={host}:{port}" for descriptor, (host, port) in routes.items())
    return Component("forwarder", (sys.executable, "-m", "localcluster.network.forwarder", *arguments))
