"""Small rules about containers: when they restart, what they leave behind, where volumes go. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path, PurePosixPath

from ..api.jsontypes import Json
from .environment import expand
from .run import VolumeMount

_MESSAGE_BYTES = 4096
_LOG_BYTES = 2048
_LOG_LINES = 80


class ContainerRole(Enum):
    """What a container is to its pod."""

    INIT = "init"
    SIDECAR = "sidecar"
    MAIN = "main"


def role_of(container: Json, *, is_init: bool) -> ContainerRole:
    """An init container that restarts always is a sidecar."""
    if not is_init:
        return ContainerRole.MAIN
    return ContainerRole.SIDECAR if container.get("restartPolicy") == "Always" else ContainerRole.INIT


def restarts_after(exit_code: int, role: ContainerRole, policy: str) -> bool:
    """Whether a container that ended is started again under the pod's restartPolicy."""
    if role is ContainerRole.SIDECAR:
        return True
    if role is ContainerRole.INIT:
        return exit_code != 0 and policy != "Never"
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)


def termination_message(written: bytes, log: bytes, policy: str, exit_code: int) -> str:
    """What the container wrote as its last word, or the end of its log when it asked for that."""
    if written.strip() or policy != "FallbackToLogsOnError" or exit_code == 0:
        return written[:_MESSAGE_BYTES].decode(errors="replace")
    lines = log[-_LOG_BYTES:].splitlines(keepends=True)[-_LOG_LINES:]
    return b"".join(lines).decode(errors="replace")


def volume_mounts(
    container: Json, volumes: Mapping[str, Path], read_only: frozenset[str], variables: Mapping[str, str]
) -> list[VolumeMount]:
    """The container's mounts; a subPath stays inside its volume. Raises ValueError for one that does not."""
    mounts = []
    for mount in container.get("volumeMounts") or []:
        source = volumes[mount["name"]]
        path = mount.get("subPath") or expand(mount.get("subPathExpr") or "", variables)
        if path:
            if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
                raise ValueError(f"subPath {path} leads out of the volume {mount['name']}")
            source = source / path
        mounts.append(
            VolumeMount(source, mount["mountPath"], bool(mount.get("readOnly")) or mount["name"] in read_only)
        )
    return mounts


def named_ports(containers: Sequence[Json]) -> dict[str, int]:
    """Container ports by name, which probes may use instead of numbers."""
    return {
        port["name"]: int(port["containerPort"])
        for container in containers
        for port in container.get("ports") or []
        if port.get("name")
    }
