"""One network namespace per pod on the cluster's bridge, made with `ip`.

Guarantees: no two pods hold one address at a time, and an address is not handed out again before all others were.
"""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Address
from pathlib import Path

from ..layout import BRIDGE, BRIDGE_ADDRESS, POD_NETWORK, SERVICE_NETWORK

# The first 256 addresses are for the cluster itself.
_FIRST_POD = IPv4Address("10.244.1.1")
_LAST_POD = IPv4Address("10.244.255.254")
_NAMESPACES = Path("/run/netns")


class NetworkError(Exception):
    """`ip` refused."""


class AddressPool:
    """Hands out pod addresses in turn."""

    def __init__(self) -> None:
        self._next = int(_FIRST_POD)
        self._used: set[str] = set()

    def take(self) -> str:
        """An address that nobody holds."""
        for _ in range(int(_LAST_POD) - int(_FIRST_POD) + 1):
            address = str(IPv4Address(self._next))
            self._next = self._next + 1 if self._next < int(_LAST_POD) else int(_FIRST_POD)
            if address not in self._used:
                self._used.add(address)
                return address
        raise NetworkError("all pod addresses are in use")

    def give_back(self, address: str) -> None:
        """Frees an address."""
        self._used.discard(address)


class PodNetworks:
    """The network namespaces of all pods on this node."""

    def __init__(self, *, services: bool = False) -> None:
        """`services`: whether the addresses of Services lead anywhere."""
        # No default route: whatever is outside the cluster is refused at once instead of timing out.
        self._routes = f"route add {SERVICE_NETWORK} via {BRIDGE_ADDRESS}\n" if services else ""
        self._pool = AddressPool()
        self._count = 0
        # `ip netns add` prepares /run/netns, which two of them must not do at once.
        self._lock = asyncio.Lock()

    async def remove_all(self) -> None:
        """Removes what an earlier node process left; its containers died with it."""
        for path in _NAMESPACES.iterdir():
            await _ip(["netns", "del", path.name])

    async def create(self) -> tuple[str, str]:
        """A new namespace with an address: (name, address)."""
        address = self._pool.take()
        self._count += 1
        name = f"pod{self._count}"
        async with self._lock:
            await _ip(["netns", "add", name])
            await _ip(
                ["-batch", "-"],
                f"link add veth{self._count} type veth peer name eth0 netns {name}\n"
                f"link set veth{self._count} master {BRIDGE} up\n",
            )
            await _ip(
                ["-n", name, "-batch", "-"],
                f"address add {address}/{POD_NETWORK.prefixlen} dev eth0\nlink set lo up\nlink set eth0 up\n"
                f"{self._routes}",
            )
        return name, address

    async def remove(self, name: str, address: str) -> None:
        """Removes a namespace and frees its address."""
        async with self._lock:
            await _ip(["netns", "del", name])
        self._pool.give_back(address)


def namespace_path(name: str) -> str:
    """The file that stands for a namespace."""
    return str(_NAMESPACES / name)


async def _ip(arguments: list[str], script: str = "") -> None:
    process = await asyncio.create_subprocess_exec(
        "ip",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, error = await process.communicate(script.encode())
    if process.returncode != 0:
        raise NetworkError(f"`ip {' '.join(arguments)}` failed: {error.decode().strip()}")
