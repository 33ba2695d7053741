"""Which files a pod's volumes hold. Pure: objects of the API in, file names, bytes and modes out.

ConfigMap, Secret, downward API and projected volumes are rendered; emptyDir and hostPath are folders.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..api.jsontypes import Json
from ..container.environment import EnvSources, field_value, resource_value

_DEFAULT_MODE = 0o644
TOKEN_SECONDS = 3600
RENDERED = ("configMap", "secret", "downwardAPI", "projected")


class VolumeError(Exception):
    """A volume cannot be mounted (yet); the text is what the pod's FailedMount event says."""


@dataclass(frozen=True)
class VolumeFile:
    """One file of a volume."""

    content: bytes
    mode: int


@dataclass(frozen=True)
class TokenRequest:
    """A service-account token that a projected volume wants."""

    audience: str
    seconds: int


@dataclass(frozen=True)
class VolumeSources:
    """What volumes may refer to; keys of the object maps are names, absent objects are not in them."""

    env: EnvSources
    config_maps: Mapping[str, Json] = field(default_factory=dict)
    secrets: Mapping[str, Json] = field(default_factory=dict)
    tokens: Mapping[TokenRequest, str] = field(default_factory=dict)


@dataclass(frozen=True)
class VolumeNeeds:
    """What has to be fetched before the volumes can be rendered."""

    config_maps: frozenset[str]
    secrets: frozenset[str]
    tokens: frozenset[TokenRequest]


def volume_needs(pod: Json) -> VolumeNeeds:
    """Names of objects and tokens that the pod's volumes refer to."""
    config_maps: set[str] = set()
    secrets: set[str] = set()
    tokens: set[TokenRequest] = set()
    for volume in pod["spec"].get("volumes") or []:
        if "configMap" in volume:
            config_maps.add(volume["configMap"]["name"])
        if "secret" in volume:
            secrets.add(volume["secret"]["secretName"])
        for source in (volume.get("projected") or {}).get("sources") or []:
            if "configMap" in source:
                config_maps.add(source["configMap"]["name"])
            if "secret" in source:
                secrets.add(source["secret"]["name"])
            if "serviceAccountToken" in source:
                tokens.add(_token(source["serviceAccountToken"]))
    return VolumeNeeds(frozenset(config_maps), frozenset(secrets), frozenset(tokens))


def render_volume(volume: Json, sources: VolumeSources) -> dict[str, VolumeFile]:
    """The files of one volume by relative path; raises VolumeError for what is missing."""
    if "configMap" in volume:
        source = volume["configMap"]
        return _config_map(source, source["name"], _mode(source), sources)
    if "secret" in volume:
        source = volume["secret"]
        return _secret(source, source["secretName"], _mode(source), sources)
    if "downwardAPI" in volume:
        return _downward(volume["downwardAPI"], _mode(volume["downwardAPI"]), sources)
    files: dict[str, VolumeFile] = {}
    projected = volume["projected"]
    mode = _mode(projected)
    for source in projected.get("sources") or []:
        if "configMap" in source:
            files |= _config_map(source["configMap"], source["configMap"]["name"], mode, sources)
        elif "secret" in source:
            files |= _secret(source["secret"], source["secret"]["name"], mode, sources)
        elif "downwardAPI" in source:
            files |= _downward(source["downwardAPI"], mode, sources)
        elif "serviceAccountToken" in source:
            wanted = source["serviceAccountToken"]
            files[wanted["path"]] = VolumeFile(sources.tokens[_token(wanted)].encode(), mode)
        else:
            raise VolumeError(f"projected source {sorted(source)} is not supported by the local cluster")
    return files


def _token(source: Json) -> TokenRequest:
    return TokenRequest(source.get("audience", ""), int(source.get("expirationSeconds", TOKEN_SECONDS)))


def _mode(source: Json) -> int:
    mode = source.get("defaultMode")
    return _DEFAULT_MODE if mode is None else int(mode)


def _config_map(source: Json, name: str, mode: int, sources: VolumeSources) -> dict[str, VolumeFile]:
    found = sources.config_maps.get(name)
    if found is None:
        return _absent(source, f'configmap "{name}" not found')
    content = {key: value.encode() for key, value in (found.get("data") or {}).items()}
    content |= {key: base64.b64decode(value) for key, value in (found.get("binaryData") or {}).items()}
    return _select(source, content, mode, f'configmap "{name}"')


def _secret(source: Json, name: str, mode: int, sources: VolumeSources) -> dict[str, VolumeFile]:
    found = sources.secrets.get(name)
    if found is None:
        return _absent(source, f'secret "{name}" not found')
    content = {key: base64.b64decode(value) for key, value in (found.get("data") or {}).items()}
    return _select(source, content, mode, f'secret "{name}"')


def _absent(source: Json, message: str) -> dict[str, VolumeFile]:
    if source.get("optional"):
        return {}
    raise VolumeError(message)


def _select(source: Json, content: Mapping[str, bytes], mode: int, what: str) -> dict[str, VolumeFile]:
    items = source.get("items")
    if not items:
        return {key: VolumeFile(value, mode) for key, value in content.items()}
    files = {}
    for item in items:
        if item["key"] in content:
            item_mode = item.get("mode")
            files[item["path"]] = VolumeFile(content[item["key"]], mode if item_mode is None else item_mode)
        elif not source.get("optional"):
            raise VolumeError(f"{what} references non-existent key: {item['key']}")
    return files


def _downward(source: Json, mode: int, sources: VolumeSources) -> dict[str, VolumeFile]:
    files = {}
    for item in source.get("items") or []:
        if "fieldRef" in item:
            value = field_value(item["fieldRef"]["fieldPath"], sources.env)
        else:
            reference = item["resourceFieldRef"]
            containers = sources.env.pod["spec"]["containers"]
            container = next(entry for entry in containers if entry["name"] == reference["containerName"])
            value = resource_value(reference, container, sources.env.allocatable)
        item_mode = item.get("mode")
        files[item["path"]] = VolumeFile(value.encode(), mode if item_mode is None else item_mode)
    return files
