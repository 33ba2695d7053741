"""Fetches what a pod's volumes and environments refer to and keeps the volume folders up to date.

Guarantees: a token is renewed before it has used up four fifths of its life; a missing object is reported as
VolumeError and never leaves a half-written volume.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ..api.client import ApiError, KubeApi
from ..api.jsontypes import Json
from ..container.environment import EnvSources, references
from .volume_writer import write_volume
from .volumes import RENDERED, TokenRequest, VolumeError, VolumeSources, render_volume, volume_needs

_RENEW_AT = 0.8
_NOT_FOUND = 404


@dataclass(frozen=True)
class _Token:
    value: str
    renew_at: float


class VolumeManager:
    """The volumes of one pod."""

    def __init__(self, api: KubeApi, pod: Json, folder: Path) -> None:
        self._api = api
        self._pod = pod
        self._namespace = pod["metadata"]["namespace"]
        self._folder = folder
        self._tokens: dict[TokenRequest, _Token] = {}

    async def mount(self, env: EnvSources) -> dict[str, Path]:
        """Brings all volumes up to date and returns their folders by name. Raises VolumeError."""
        needs = volume_needs(self._pod)
        config_maps = await self._fetch("configmaps", needs.config_maps)
        secrets = await self._fetch("secrets", needs.secrets)
        tokens = {request: await self._token(request) for request in needs.tokens}
        sources = VolumeSources(env=env, config_maps=config_maps, secrets=secrets, tokens=tokens)
        return {volume["name"]: self._mount_one(volume, sources) for volume in self._pod["spec"].get("volumes") or []}

    async def env_sources(self, env: EnvSources, container: Json) -> EnvSources:
        """The given sources with the ConfigMaps and Secrets that a container's environment refers to."""
        config_names, secret_names = references(container)
        config_maps = await self._fetch("configmaps", config_names)
        secrets = await self._fetch("secrets", secret_names)
        return replace(
            env,
            config_maps={name: found.get("data") or {} for name, found in config_maps.items()},
            secrets={
                name: {
                    key: base64.b64decode(value).decode(errors="replace")
                    for key, value in (found.get("data") or {}).items()
                }
                for name, found in secrets.items()
            },
        )

    def _mount_one(self, volume: Json, sources: VolumeSources) -> Path:
        name = str(volume["name"])
        folder = self._folder / name
        if "emptyDir" in volume:
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o777)
            return folder
        if "hostPath" in volume:
            path = Path(volume["hostPath"]["path"])
            if not path.exists():
                raise VolumeError(f'MountVolume.SetUp failed for volume "{name}": hostPath {path} does not exist')
            return path
        if not any(kind in volume for kind in RENDERED):
            kind = next(key for key in volume if key != "name")
            raise VolumeError(f'MountVolume.SetUp failed for volume "{name}": {kind} is not offered by this node')
        try:
            write_volume(folder, render_volume(volume, sources))
        except VolumeError as failure:
            raise VolumeError(f'MountVolume.SetUp failed for volume "{name}" : {failure}') from failure
        return folder

    async def _fetch(self, collection: str, names: Iterable[str]) -> dict[str, Json]:
        wanted = sorted(names)
        found = await asyncio.gather(*(self._get(collection, name) for name in wanted))
        return {name: entry for name, entry in zip(wanted, found, strict=True) if entry is not None}

    async def _get(self, collection: str, name: str) -> Json | None:
        try:
            return await self._api.get(f"/api/v1/namespaces/{self._namespace}/{collection}/{name}")
        except ApiError as failure:
            if failure.status == _NOT_FOUND:
                return None
            # A node may read what its pods refer to, which its authorizer learns a moment after the binding.
            raise VolumeError(str(failure)) from failure

    async def _token(self, request: TokenRequest) -> str:
        kept = self._tokens.get(request)
        if kept is not None and time.monotonic() < kept.renew_at:
            return kept.value
        metadata = self._pod["metadata"]
        account = self._pod["spec"].get("serviceAccountName", "default")
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {
                "audiences": [request.audience] if request.audience else None,
                "expirationSeconds": request.seconds,
                "boundObjectRef": {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                },
            },
        }
        try:
            answer = await self._api.create(
                f"/api/v1/namespaces/{self._namespace}/serviceaccounts/{account}/token", body
            )
        except ApiError as failure:
            raise VolumeError(f"failed to fetch token: {failure}") from failure
        value = str(answer["status"]["token"])
        self._tokens[request] = _Token(value, time.monotonic() + request.seconds * _RENEW_AT)
        return value
