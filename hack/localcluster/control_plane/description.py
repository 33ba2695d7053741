"""cluster.json: what users of a cluster need to know about it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..machine.process_identity import ProcessIdentity


@dataclass(frozen=True)
class S3Access:
    """The object store: its address on the host, the address that pods use, and the root account."""

    endpoint: str
    cluster_endpoint: str
    access_key: str
    secret_key: str


@dataclass(frozen=True)
class ClusterDescription:
    """A running cluster. All addresses are of the host's loopback interface unless they say cluster."""

    name: str
    process: ProcessIdentity
    kubeconfig: Path
    api_server: str
    gateway: str
    gateway_stats: str
    s3: S3Access
    programs: dict[str, Path]
    # None in a cluster that was started without Prometheus.
    prometheus: str | None = None
    cluster_prometheus: str | None = None
    # Whether Services have names and addresses that lead to their pods.
    services: bool = False

    def to_json(self) -> str:
        """The file's contents."""
        return json.dumps(
            {
                "name": self.name,
                "pid": self.process.pid,
                "pidStart": self.process.start,
                "kubeconfig": str(self.kubeconfig),
                "apiServer": self.api_server,
                "gateway": self.gateway,
                "gatewayStats": self.gateway_stats,
                "s3": {
                    "endpoint": self.s3.endpoint,
                    "clusterEndpoint": self.s3.cluster_endpoint,
                    "accessKey": self.s3.access_key,
                    "secretKey": self.s3.secret_key,
                },
                "prometheus": self.prometheus,
                "clusterPrometheus": self.cluster_prometheus,
                "services": self.services,
                "toolsBin": {name: str(path) for name, path in self.programs.items()},
            },
            indent=1,
        )

    @classmethod
    def of_json(cls, text: str) -> ClusterDescription:
        """The inverse of to_json."""
        content: dict[str, Any] = json.loads(text)
        s3 = content["s3"]
        return cls(
            name=content["name"],
            process=ProcessIdentity(content["pid"], content["pidStart"]),
            kubeconfig=Path(content["kubeconfig"]),
            api_server=content["apiServer"],
            gateway=content["gateway"],
            gateway_stats=content["gatewayStats"],
            s3=S3Access(s3["endpoint"], s3["clusterEndpoint"], s3["accessKey"], s3["secretKey"]),
            programs={name: Path(path) for name, path in content["toolsBin"].items()},
            # A cluster may be older than this code, and must still be found in order to be ended.
            prometheus=content.get("prometheus"),
            cluster_prometheus=content.get("clusterPrometheus"),
            services=content.get("services", False),
        )
