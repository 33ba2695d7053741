"""Everything that the API server says of some kinds of objects, to the write.

All objects of a cluster share one order of versions, so that what several watches bring can be replayed in the order in
which it happened.
"""

import asyncio
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


@dataclass(frozen=True)
class Seen:
    """One version of one object. `gone`: it was deleted."""

    version: int
    kind: str
    body: dict[str, Any]
    gone: bool


class Versions:
    """Watches all objects of `kinds` in a namespace until close().

    One event loop holds all the watches and ends them: a connection that one thread closes while another reads it goes
    on being read by its number, and whatever file gets that number next loses bytes to it.
    """

    def __init__(self, kubeconfig: Path, *, namespace: str, kinds: Mapping[str, Any]) -> None:
        self._namespace, self._kinds = namespace, kinds
        self._seen: dict[tuple[int, str], Seen] = {}
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
        """Everything from the beginning on; a watch that ends goes on where it was, so that nothing between is lost."""
        seen: str | None = None
        while True:
            with suppress(ApiError, httpx2.HTTPError):
                async for event, item in client.watch(resource, namespace=self._namespace, resource_version=seen):
                    body = dict(item.to_dict())
                    seen = str(body["metadata"]["resourceVersion"])
                    known = int(seen), kind + body["metadata"]["name"]
                    self._seen[known] = Seen(int(seen), kind, body, event == "DELETED")
            await asyncio.sleep(_RETRY_SECONDS)
