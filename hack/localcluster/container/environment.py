"""The environment, command and arguments of a container, from its specification. Pure.

Rules: Kubernetes API reference, EnvVar and Container; ``$(NAME)`` is replaced where NAME is known, ``$$`` is a
literal ``$``, later entries see earlier ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..api.jsontypes import Json
from ..api.quantity import divide

_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")
_SUBSCRIPT = re.compile(r"^metadata\.(labels|annotations)\['(.+)'\]$")
_NODE_RESOURCES = {"cpu": "cpu", "memory": "memory"}


class MissingReferenceError(Exception):
    """A ConfigMap, Secret or key that the container needs does not exist (yet)."""


@dataclass(frozen=True)
class EnvSources:
    """What an environment may refer to. Secret values are already decoded; absent objects are not in the maps."""

    pod: Json
    pod_ip: str
    host_ip: str
    allocatable: Mapping[str, str]
    config_maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class ImageProcess:
    """What an image brings: Docker's ENTRYPOINT and CMD."""

    entrypoint: tuple[str, ...]
    command: tuple[str, ...] = ()


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replaces ``$(NAME)`` by its value; unknown names stay as they are."""

    def replace(match: re.Match[str]) -> str:
        name = match.group(1)
        if name is None:
            return "$"
        return variables.get(name, match.group(0))

    return _REFERENCE.sub(replace, text)


def references(container: Json) -> tuple[frozenset[str], frozenset[str]]:
    """Names of the ConfigMaps and of the Secrets that an environment needs."""
    config_maps: set[str] = set()
    secrets: set[str] = set()
    for source in container.get("envFrom") or []:
        if "configMapRef" in source:
            config_maps.add(source["configMapRef"]["name"])
        if "secretRef" in source:
            secrets.add(source["secretRef"]["name"])
    for variable in container.get("env") or []:
        source = variable.get("valueFrom") or {}
        if "configMapKeyRef" in source:
            config_maps.add(source["configMapKeyRef"]["name"])
        if "secretKeyRef" in source:
            secrets.add(source["secretKeyRef"]["name"])
    return frozenset(config_maps), frozenset(secrets)


def resolve_environment(container: Json, base: Mapping[str, str], sources: EnvSources) -> dict[str, str]:
    """All variables of a container; raises MissingReferenceError with a sentence for what is not there."""
    result = dict(base)
    for source in container.get("envFrom") or []:
        prefix = source.get("prefix", "")
        result |= {prefix + key: value for key, value in _whole_object(source, sources).items()}
    for variable in container.get("env") or []:
        if "valueFrom" in variable:
            value = _value_from(variable["valueFrom"], container, sources)
            if value is not None:
                result[variable["name"]] = value
        else:
            result[variable["name"]] = expand(variable.get("value", ""), result)
    return result


def resolve_argv(container: Json, image: ImageProcess, variables: Mapping[str, str]) -> list[str]:
    """What to execute: ``command`` replaces entrypoint and image command, ``args`` the image command alone."""
    command = container.get("command")
    arguments = container.get("args")
    defaults = [*image.entrypoint, *(arguments or image.command)]
    words = [*command, *(arguments or [])] if command else defaults
    return [expand(word, variables) for word in words]


def field_value(path: str, sources: EnvSources) -> str:
    """A field of the pod for the downward API; raises ValueError for a path it does not offer."""
    metadata = sources.pod["metadata"]
    spec = sources.pod["spec"]
    subscript = _SUBSCRIPT.match(path)
    if subscript:
        return str((metadata.get(subscript.group(1)) or {}).get(subscript.group(2), ""))
    simple = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
        "metadata.uid": metadata["uid"],
        "metadata.labels": _quoted(metadata.get("labels") or {}),
        "metadata.annotations": _quoted(metadata.get("annotations") or {}),
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", "default"),
        "status.podIP": sources.pod_ip,
        "status.podIPs": sources.pod_ip,
        "status.hostIP": sources.host_ip,
        "status.hostIPs": sources.host_ip,
    }
    if path not in simple:
        raise ValueError(f"the downward API has no field {path}")
    return str(simple[path])


def resource_value(reference: Json, container: Json, allocatable: Mapping[str, str]) -> str:
    """A limit or request of a container; a limit that is not set is what the node has."""
    kind, _, resource = reference["resource"].partition(".")
    resources = container.get("resources") or {}
    value = (resources.get(kind) or {}).get(resource)
    if value is None:
        value = allocatable.get(_NODE_RESOURCES.get(resource, ""), "0") if kind == "limits" else "0"
    return divide(str(value), str(reference.get("divisor") or "1"))


def _quoted(entries: Mapping[str, str]) -> str:
    lines = []
    for key in sorted(entries):
        escaped = entries[key].replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        lines.append(f'{key}="{escaped}"')
    return "\n".join(lines)


def _whole_object(source: Json, sources: EnvSources) -> Mapping[str, str]:
    for field_name, kind, objects in (
        ("configMapRef", "configmap", sources.config_maps),
        ("secretRef", "secret", sources.secrets),
    ):
        reference = source.get(field_name)
        if reference is None:
            continue
        found = objects.get(reference["name"])
        if found is not None:
            return found
        if not reference.get("optional"):
            raise MissingReferenceError(f'{kind} "{reference["name"]}" not found')
    return {}


def _value_from(source: Json, container: Json, sources: EnvSources) -> str | None:
    if "fieldRef" in source:
        return field_value(source["fieldRef"]["fieldPath"], sources)
    if "resourceFieldRef" in source:
        return resource_value(source["resourceFieldRef"], container, sources.allocatable)
    for field_name, kind, objects in (
        ("configMapKeyRef", "configmap", sources.config_maps),
        ("secretKeyRef", "secret", sources.secrets),
    ):
        reference = source.get(field_name)
        if reference is None:
            continue
        found = objects.get(reference["name"])
        if found is not None and reference["key"] in found:
            return found[reference["key"]]
        if reference.get("optional"):
            return None
        if found is None:
            raise MissingReferenceError(f'{kind} "{reference["name"]}" not found')
        raise MissingReferenceError(f"couldn't find key {reference['key']} in {kind} {reference['name']}")
    return None
