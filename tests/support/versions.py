"""Everything that the API server says of some kinds of objects, to the write.

All objects of a cluster share one order of versions, so that what several watches bring can be replayed in the order in
which it happened.
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from lightkube import AsyncClient
from lightkube.config.kubeconfig import KubeConfig
from lightkube.core.exceptions import ApiError

from support.background import Background

_RETRY_SECONDS = 0.1
_GONE = 410


@dataclass(frozen=True)
class Seen:
    """One version of one object. `gone`: it was deleted. `at`: when it was seen, by the monotonic clock."""

    version: int
    kind: str
    body: dict[str, Any]
    gone: bool
    at: float = 0.0


class Versions:
    """Watches all objects of `kinds` in a namespace until close().

    One event loop holds all the watches and ends them: a connection that one thread closes while another reads it goes
    on being read by its number, and whatever file gets that number next loses bytes to it.
    """

    def __init__(self, kubeconfig: Path, *, namespace: str, kinds: Mapping[str, Any]) -> None:
        self._namespace, self._kinds = namespace, kinds
        self._seen: dict[tuple[int, str], Seen] = {}
        self._latest: dict[str, dict[str, dict[str, Any]]] = {}
        self._background = Background()
        self._watches: asyncio.Task[None] = self._background.call(lambda: asyncio.create_task(self._run(kubeconfig)))

    def close(self) -> None:
        """Raises what a watch failed with."""
        self._background.run(self._end())
        self._background.close()

    def ordered(self) -> list[Seen]:
        """What was seen so far, in the order in which it happened."""
        seen = dict(self._seen)
        return [seen[key] for key in sorted(seen)]

    def latest(self, kind: str, name: str) -> dict[str, Any]:
        """What was seen last of an object; empty when there is none."""
        return self._latest.get(kind, {}).get(name, {})

    async def _run(self, kubeconfig: Path) -> None:
        client = AsyncClient(config=KubeConfig.from_file(kubeconfig), trust_env=False)
        try:
            async with asyncio.TaskGroup() as group:
                for kind, resource in self._kinds.items():
                    group.create_task(self._watch(client, kind, resource))
        finally:
            await client.close()

    async def _end(self) -> None:
        self._watches.cancel()
        with suppress(asyncio.CancelledError):
            await self._watches

    async def _watch(self, client: AsyncClient, kind: str, resource: Any) -> None:
        """Everything from the beginning on; a watch that ends goes on where it was, so that nothing between is lost.

        An API server that has started anew may not know the versions before: then a list says what is left.
        """
        seen: str | None = None
        while True:
            try:
                seen = seen or await self._list(client, kind, resource)
                async for event, item in client.watch(resource, namespace=self._namespace, resource_version=seen):
                    body = dict(item.to_dict())
                    seen = str(body["metadata"]["resourceVersion"])
                    self._take(kind, body, int(seen), gone=event == "DELETED")
            except ApiError as error:
                if error.status.code == _GONE:
                    seen = None
            except httpx2.HTTPError:
                pass
            await asyncio.sleep(_RETRY_SECONDS)

    async def _list(self, client: AsyncClient, kind: str, resource: Any) -> str:
        """What there is; what was there before and is not is gone. Returns the version of the list."""
        listing = client.list(resource, namespace=self._namespace)
        bodies = [dict(item.to_dict()) async for item in listing]
        for body in bodies:
            self._take(kind, body, int(body["metadata"]["resourceVersion"]), gone=False)
        version = str(listing.resourceVersion)
        present = {body["metadata"]["name"] for body in bodies}
        for body in [body for name, body in self._latest.get(kind, {}).items() if name not in present]:
            self._take(kind, body, int(version), gone=True)
        return version

    def _take(self, kind: str, body: dict[str, Any], version: int, *, gone: bool) -> None:
        name = body["metadata"]["name"]
        # Most of the memory, and nothing that anybody looks at.
        body["metadata"].pop("managedFields", None)
        self._seen.setdefault((version, kind + name), Seen(version, kind, body, gone, time.monotonic()))
        latest = self._latest.setdefault(kind, {})
        if gone:
            latest.pop(name, None)
        else:
            latest[name] = body
