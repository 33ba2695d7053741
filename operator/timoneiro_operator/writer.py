"""Carries out what a pass has decided: writes of the children of a ModelDeployment, and what comes back of them."""

import logging

from timoneiro_operator.api.kinds import Body, Key, Kind
from timoneiro_operator.drivers.driver import Apply, Patch, Write
from timoneiro_operator.kube.cache import Cache
from timoneiro_operator.kube.client import KubeClient, Refused, Unanswered

log = logging.getLogger(__name__)


class Writer:
    """The answer to each write goes into the cache at once."""

    def __init__(self, cache: Cache, client: KubeClient) -> None:
        self._cache = cache
        self._client = client

    async def carry_out(self, key: Key, writes: tuple[Write, ...]) -> tuple[str | None, bool]:
        """Everything that is due, in its order. Returns what was refused, in a sentence, and whether anything changed.

        One object that is refused keeps nothing else from being done: least of all traffic from going back.
        """
        refusals, changed = [], False
        for write in writes:
            try:
                changed = await self._one(key[0], write) or changed
            except Refused as error:
                log.warning("%s/%s: %s", *key, error)
                refusals.append(str(error))
        return refusals[0] if refusals else None, changed

    async def _one(self, namespace: str, write: Write) -> bool:
        """Returns whether the write has changed anything."""
        if isinstance(write, Apply):
            needed = write.before is not None and await self._put("ServingRuntime", write.before, first=write.first)
            try:
                return await self._put(write.kind, write.body, first=write.first) or needed
            except Refused as error:
                if write.plain is not None and not isinstance(error, Unanswered):
                    # Traffic must not wait for a field that the cluster does not know.
                    await self._put(write.kind, write.plain, first=write.first)
                raise
        if isinstance(write, Patch):
            patched = await self._client.patch_components((namespace, write.name), write.components)
            self._cache.put("InferenceService", patched)
        else:
            key = namespace, write.name
            gone = self._cache.get(write.kind, key)
            if gone is not None and gone["metadata"].get("deletionTimestamp"):
                # It is on its way, and what holds it up is not hastened by being asked again.
                return False
            await self._client.delete(write.kind, key)
            if gone is not None and not gone["metadata"].get("finalizers"):
                # Nothing holds it up: no pass before its watch event needs to ask again.
                self._cache.remove(write.kind, gone)
        return True

    async def _put(self, kind: Kind, body: Body, *, first: bool) -> bool:
        """Server-side apply; a write that leaves the generation as it was has changed nothing."""
        before = self._cache.get(kind, (body["metadata"]["namespace"], body["metadata"]["name"]))
        applied = await self._client.apply(kind, body, first=first)
        self._cache.put(kind, applied, written=body)
        return before is None or before["metadata"].get("generation") != applied["metadata"].get("generation")
