"""Addresses of the names in source.url, where an alias of a service is no service.

A Service of type ExternalName has a name of its namespace and leads wherever its writer likes, such as the metadata
service of a cloud. DNS tells, in the same answer, which name an address belongs to: it has to be the service's own. (A
read of the Service would need the right to read all of them, and could be out of date a moment later.)
"""

import asyncio
import socket
from collections.abc import Iterable

from aiohttp.abc import AbstractResolver, ResolveResult

from timoneiro_operator.metrics.problem import ProblemError
from timoneiro_operator.sources.allowed_urls import AllowedUrls

_CLUSTER = "svc.cluster.local"


class ServiceResolver(AbstractResolver):
    """Looks names up as every program of the pod does; follows aliases for what the administrator has named only."""

    def __init__(self, allowed: AllowedUrls, resolv_conf: str) -> None:
        """`resolv_conf`: of the pod; where the cluster has another domain it says so."""
        self._allowed = allowed
        self._domains = {_CLUSTER, *_searched(resolv_conf)}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises ProblemError for an alias, and OSError."""
        loop = asyncio.get_running_loop()
        flags = socket.AI_ADDRCONFIG | socket.AI_CANONNAME
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family, flags=flags)
        name = found[0][3].lower()
        if name not in self._own(host) and not self._allowed.names(host):
            raise ProblemError(
                "UrlNotAllowed",
                f"spec.analysis.source.url: {host} leads to {ascii(name)[1:-1]}: a Service of type ExternalName is "
                "asked only if the administrator names it in the chart's analysis.prometheusUrls",
            )
        return [
            ResolveResult(
                hostname=host, host=str(address[0]), port=port, family=kind, proto=protocol, flags=socket.AI_NUMERICHOST
            )
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """There is nothing to close."""

    def _own(self, host: str) -> set[str]:
        service = host.removesuffix(f".{_CLUSTER}").removesuffix(".svc")
        return {host, *(f"{service}.{domain}" for domain in self._domains)}


def _searched(resolv_conf: str) -> Iterable[str]:
    """The domains in which services are, of `search models.svc.corp.example svc.corp.example corp.example`."""
    lines = (line.split() for line in resolv_conf.splitlines() if line.startswith("search"))
    return [word for line in lines for word in line[1:] if word.startswith("svc.")]
