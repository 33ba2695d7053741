"""Addresses of services: which are usable, and which are near enough for a secret in plain text."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def host_of(address: str) -> tuple[str, str] | None:
    """Protocol and name of the host; None for what is no address of a service, or says more than where it is."""
    try:
        parts = urlsplit(address)
        name, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if not name or parts.scheme not in ("http", "https") or parts.query or parts.fragment or "@" in parts.netloc:
        return None
    return parts.scheme, name


def is_near(name: str) -> bool:
    """Whether it is this machine, or the name of a Service, which no network outside the cluster knows."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return "." not in name or name.endswith((".svc", ".svc.cluster.local"))
