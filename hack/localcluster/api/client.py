"""The Kubernetes API over HTTP, as much as the cluster's own processes need.

Guarantees: every answer that is not a success raises ApiError with the server's reason; a watch that breaks raises
instead of ending quietly, so that the caller lists again.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from .jsontypes import Json

_MERGE = "application/strategic-merge-patch+json"
_JSON_MERGE = "application/merge-patch+json"
_APPLY = "application/apply-patch+yaml"
_WATCH_SECONDS = 300
# What a server says that has too much to do, and how long it is left alone then.
_BUSY = frozenset({httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT})
_WAITS = (1.0, 3.0)
FIELD_MANAGER = "localcluster"


class ApiError(Exception):
    """The API server said no."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason


@dataclass(frozen=True)
class Credentials:
    """Where the API server is and who the caller is: a client certificate and its key."""

    server: str
    authority: Path
    certificate: Path
    key: Path


class KubeApi:
    """One identity's connection to the API server."""

    def __init__(self, credentials: Credentials) -> None:
        context = ssl.create_default_context(cafile=str(credentials.authority))
        context.load_cert_chain(credentials.certificate, credentials.key)
        self._client = httpx.AsyncClient(
            base_url=credentials.server,
            verify=context,
            timeout=httpx.Timeout(30.0, pool=None),
            limits=httpx.Limits(max_connections=None),
            # Proxies of the host cannot reach into the cluster's network.
            trust_env=False,
        )

    async def close(self) -> None:
        """Ends all connections."""
        await self._client.aclose()

    async def get(self, path: str, **parameters: str) -> Json:
        """One object or one list."""
        return _answer(await self._client.get(path, params=parameters))

    async def ready(self) -> bool:
        """Whether the server says that it is ready."""
        try:
            return (await self._client.get("/readyz")).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    async def create(self, path: str, body: Json) -> Json:
        """Creates an object in a collection (or a subresource)."""
        return _answer(await self._client.post(path, json=body))

    async def patch(self, path: str, body: Json) -> Json:
        """Strategic merge patch."""
        return _answer(await self._client.patch(path, content=json.dumps(body), headers={"Content-Type": _MERGE}))

    async def merge(self, path: str, body: Json) -> Json:
        """JSON merge patch, which custom resources take too."""
        return _answer(await self._client.patch(path, content=json.dumps(body), headers={"Content-Type": _JSON_MERGE}))

    async def apply(self, path: str, body: str | Json) -> Json:
        """Server-side apply of one object, given as JSON or as YAML text (which is not parsed here)."""
        content = body if isinstance(body, str) else json.dumps(body)
        parameters = {"fieldManager": FIELD_MANAGER, "force": "true"}
        headers = {"Content-Type": _APPLY}
        for wait in (*_WAITS, None):
            response = await self._client.patch(path, content=content, params=parameters, headers=headers, timeout=90.0)
            # Applied twice is the same as applied once.
            if wait is None or response.status_code not in _BUSY:
                break
            await asyncio.sleep(wait)
        return _answer(response)

    async def delete(self, path: str, options: Json) -> None:
        """Deletes an object; one that is gone already is fine."""
        response = await self._client.request("DELETE", path, json=options)
        if response.status_code not in {httpx.codes.NOT_FOUND, httpx.codes.CONFLICT}:
            _answer(response)

    async def watch(self, path: str, version: str, **parameters: str) -> AsyncIterator[tuple[str, Json]]:
        """Changes after a resource version, as (type, object)."""
        query = parameters | {"watch": "true", "resourceVersion": version, "timeoutSeconds": str(_WATCH_SECONDS)}
        timeout = httpx.Timeout(30.0, read=_WATCH_SECONDS + 30.0, pool=None)
        async with self._client.stream("GET", path, params=query, timeout=timeout) as response:
            if response.status_code != httpx.codes.OK:
                await response.aread()
                _answer(response)
            async for line in response.aiter_lines():
                event: dict[str, Any] = json.loads(line)
                if event["type"] == "ERROR":
                    status = event["object"]
                    raise ApiError(status.get("code", 500), status.get("reason", ""), status.get("message", ""))
                yield event["type"], event["object"]


def _answer(response: httpx.Response) -> Json:
    if response.is_success:
        body: Json = response.json()
        return body
    try:
        status = response.json()
    except ValueError:
        status = {"message": response.text[:500]}
    raise ApiError(response.status_code, status.get("reason") or "", status.get("message") or "")
