"""Which names a pod can look up, and where: its resolv.conf, as a kubelet makes it. Pure."""

from __future__ import annotations

from ..api.jsontypes import Json
from ..layout import CLUSTER_DOMAIN

# An address where nobody listens makes look-ups fail at once.
_NOBODY = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"


def resolv_conf(pod: Json, nameserver: str | None) -> str:
    """By dnsPolicy and dnsConfig. `nameserver`: of the cluster; None in one without, and then nobody finds a name."""
    spec = pod["spec"]
    policy, config = spec.get("dnsPolicy", "ClusterFirst"), spec.get("dnsConfig") or {}
    servers, searches, options = list[str](), list[str](), list[str]()
    # Default is what the node itself asks, and that is nobody.
    if nameserver is not None and policy.startswith("ClusterFirst"):
        services = f"svc.{CLUSTER_DOMAIN}"
        servers = [nameserver]
        searches = [f"{pod['metadata']['namespace']}.{services}", services, CLUSTER_DOMAIN]
        options = ["ndots:5"]
    servers += config.get("nameservers") or []
    searches += config.get("searches") or []
    options += [
        f"{option['name']}:{option['value']}" if "value" in option else option["name"]
        for option in config.get("options") or []
    ]
    if not servers:
        return _NOBODY
    lines = [f"nameserver {server}" for server in servers]
    lines += [f"search {' '.join(searches)}"] if searches else []
    lines += [f"options {' '.join(options)}"] if options else []
    return "\n".join([*lines, ""])
