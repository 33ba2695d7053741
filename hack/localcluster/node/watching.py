"""A collection of the API as a stream of changes that never ends.

Guarantees: every object that exists when the stream starts, or again after an interruption, appears in it; an object
that went away unseen appears as gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import httpx

from ..api.client import ApiError, KubeApi
from ..api.jsontypes import Json

_log = logging.getLogger(__name__)
_RETRY_SECONDS = 1.0


async def follow(api: KubeApi, path: str, **parameters: str) -> AsyncIterator[tuple[str, Json | None]]:
    """Yields (uid, object), with None for an object that is gone."""
    known: set[str] = set()
    while True:
        try:
            listed = await api.get(path, **parameters)
            present = {item["metadata"]["uid"]: item for item in listed.get("items") or []}
            for uid in known - present.keys():
                yield uid, None
            known = set(present)
            for uid, item in present.items():
                yield uid, item
            version = listed["metadata"]["resourceVersion"]
            async for kind, item in api.watch(path, version, **parameters):
                uid = item["metadata"]["uid"]
                if kind == "DELETED":
                    known.discard(uid)
                    yield uid, None
                else:
                    known.add(uid)
                    yield uid, item
        except (ApiError, httpx.TransportError) as failure:
            _log.warning("watching %s: %s; listing again", path, failure)
            await asyncio.sleep(_RETRY_SECONDS)
