"""Names that the parts of one cluster agree on: files in its folder, addresses and ports in its network."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

NODE_NAME = "local-node"
API_PORT = 6443
ETCD_PORT = 2379
ETCD_PEER_PORT = 2380
S3_PORT = 9000
PROMETHEUS_PORT = 9090
COREDNS_READY_PORT = 8181
KUBE_PROXY_HEALTH_PORT = 10256
KUBE_PROXY_METRICS_PORT = 10249
GATEWAY_PORT = 8080
GATEWAY_STATS_PORT = 8002
XDS_PORT = 8001
CONTOUR_HEALTH_PORT = 8000
KSERVE_HEALTH_PORT = 8081
KSERVE_WEBHOOK_PORT = 9443
S3_REGION = "us-east-1"
BRIDGE = "br0"
BRIDGE_ADDRESS = "10.244.0.1"
POD_NETWORK = IPv4Network("10.244.0.0/16")
SERVICE_NETWORK = IPv4Network("10.96.0.0/16")
CLUSTER_DOMAIN = "cluster.local"


@dataclass(frozen=True)
class Layout:
    """Files of one cluster."""

    folder: Path

    @property
    def keys(self) -> Path:
        """Certificates and private keys."""
        return self.folder / "keys"

    @property
    def authority(self) -> Path:
        """The certificate that signs all others."""
        return self.keys / "ca.crt"

    @property
    def configuration(self) -> Path:
        """Files that the components are started with."""
        return self.folder / "configuration"

    @property
    def logs(self) -> Path:
        """One file for each component."""
        return self.folder / "logs"

    @property
    def images(self) -> Path:
        """The table of images."""
        return self.folder / "images.json"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig for use on the host."""
        return self.folder / "kubeconfig"

    @property
    def description(self) -> Path:
        """cluster.json: written when the cluster is ready."""
        return self.folder / "cluster.json"

    @property
    def process(self) -> Path:
        """Which process is the supervisor: written when it starts."""
        return self.folder / "supervisor.json"

    def pair(self, name: str) -> tuple[Path, Path]:
        """Certificate and private key of an identity."""
        return self.keys / f"{name}.crt", self.keys / f"{name}.key"

    def component_kubeconfig(self, name: str) -> Path:
        """The kubeconfig of a component inside the cluster's network."""
        return self.configuration / f"{name}.kubeconfig"
