"""What a machine must offer before anything is started. Each finding is one sentence with its remedy."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from ..build.tools import SERVICES, TOOLS, Tool, go_version, is_recent, missing_tools

_PROGRAMS = {"ip": "iproute2", "unshare": "util-linux", "setsid": "util-linux"}
# With which kube-proxy makes its rules.
_PROGRAMS_OF_SERVICES = {"nft": "nftables"}
_PACKAGES = ("httpx", "yaml", "cryptography", "envoy", "uv")
_MINIMUM_KERNEL = (5, 12)
# What a cluster does first: its own namespaces, a network card in one, a file system in the other.
_TRIAL = "ip link add br0 type bridge && ip netns list && mount -t tmpfs tmpfs /run"


def namespace_command() -> list[str]:
    """`unshare` with the namespaces that a cluster lives in; an ordinary user becomes root inside only."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *user, "--mount", "--net", "--pid", "--fork", "--kill-child"]


def findings(tools: Sequence[Tool] = TOOLS) -> list[str]:
    """Everything that is missing; an empty list means that a cluster can be started."""
    if platform.system() != "Linux":
        return ["The local cluster is made of Linux namespaces; use a Linux machine or a Linux virtual machine."]
    return [*_kernel(), *missing_programs(tools), *_missing_packages(), *_go(tools), *_namespaces()]


def _kernel() -> list[str]:
    release = platform.release()
    numbers = tuple(int(part) for part in release.split("-")[0].split(".")[:2])
    if numbers >= _MINIMUM_KERNEL:
        return []
    return [f"Linux 5.12 or newer is needed to keep containers from writing to the host; this is {release}."]


def missing_programs(tools: Sequence[Tool]) -> list[str]:
    needed = _PROGRAMS | (_PROGRAMS_OF_SERVICES if set(SERVICES) & set(tools) else {})
    return [
        f"The program `{program}` is missing; install the package {package}."
        for program, package in needed.items()
        if shutil.which(program) is None
    ]


def _missing_packages() -> list[str]:
    missing = [package for package in _PACKAGES if find_spec(package) is None]
    if not missing:
        return []
    return [
        f"Python packages are missing from {sys.prefix} ({', '.join(missing)}); install requirements/dev.txt there."
    ]


def _go(tools: Sequence[Tool]) -> list[str]:
    missing = missing_tools(tools)
    if not missing:
        return []
    version = go_version()
    names = ", ".join(tool.name for tool in missing)
    if version is None:
        return [f"Go 1.26 or newer is needed to build {names}; install it from your distribution or go.dev."]
    if not is_recent(version):
        return [f"Go 1.26 or newer is needed to build {names}, but {version} was found; install a newer one."]
    return []


def _namespaces() -> list[str]:
    if any(shutil.which(program) is None for program in _PROGRAMS):
        return []
    result = subprocess.run(
        [*namespace_command(), "sh", "-c", _TRIAL], capture_output=True, text=True, check=False, timeout=20
    )
    if result.returncode == 0:
        return []
    reason = result.stderr.strip().replace("\n", "; ")
    if os.geteuid() == 0:
        return [
            f"Namespaces with a network of their own are not permitted here ({reason}); run on a machine or in a"
            " container that has the capability SYS_ADMIN and the kernel's bridge and veth support."
        ]
    return [
        f"Unprivileged user namespaces are not permitted here ({reason}); run as root, or enable them: sysctl"
        " user.max_user_namespaces above 0, and where they exist kernel.unprivileged_userns_clone=1 and"
        " kernel.apparmor_restrict_unprivileged_userns=0."
    ]
