"""Reads what a ModelDeployment has adopted, or is to adopt: by name, in its passes.

What was made by somebody else carries no label by which a watch could tell of it, and can get none without a restart
of the model. Only those that have adopted something cost these reads, until their next model is promoted.
"""

import logging
from dataclasses import dataclass

import httpx2
from lightkube.core.exceptions import ApiError

from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.kinds import Body, Key
from timoneiro_operator.api.status import Snapshot
from timoneiro_operator.kube.cache import Cache
from timoneiro_operator.kube.client import KubeClient
from timoneiro_operator.serving.adopted import Adopted, adoption_of
from timoneiro_operator.serving.runtime import named_runtime

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """What serves and was adopted; and what is `wanted` to be, or a sentence why it cannot be."""

    adopted: tuple[Adopted, ...] = ()
    wanted: Snapshot | str = ""


class AdoptionReader:
    """Remembers what it has read last: neither an abort nor a rollback may wait for a read that fails."""

    def __init__(self, cache: Cache, client: KubeClient) -> None:
        self._cache = cache
        self._client = client
        self._last: dict[Key, dict[str, tuple[Body | None, list[Body]]]] = {}

    async def read(self, deployment: ModelDeployment) -> Adoption:
        """What there is to know now. Raises ApiError, or an error of HTTP, for what was never read before."""
        status = deployment.status
        parts = [part for part in (status.stable, status.candidate, *status.retiring) if part is not None]
        serving = {part.revision for part in parts}
        known = [known for known in status.revisions if known.adopted is not None and known.revision in serving]
        adopted = []
        for snapshot in known:
            read = await self._read(deployment.key, snapshot.adopted or "")
            if read is not None:
                adopted.append(Adopted(snapshot, *read, self._runtime(deployment, read[0])))
        if deployment.spec.adopt is None or status.stable is not None or status.candidate is not None:
            if not known:
                self.forget(deployment.key)
            return Adoption(adopted=tuple(adopted))
        read = await self._read(deployment.key, deployment.spec.adopt)
        if read is None:
            return Adoption(wanted=f"the operator may not read InferenceService {deployment.spec.adopt} and its pods")
        found = adoption_of(deployment, *read, self._runtime(deployment, read[0]))
        return Adoption(wanted=found) if isinstance(found, str) else Adoption(adopted=(found,), wanted=found.snapshot)

    def forget(self, key: Key) -> None:
        self._last.pop(key, None)

    async def _read(self, key: Key, name: str) -> tuple[Body | None, list[Body]] | None:
        """An InferenceService and its pods, as they are or were last; None where they may not be read."""
        service, last = (key[0], name), self._last.setdefault(key, {})
        try:
            body = await self._client.named("InferenceService", service)
            last[name] = body, await self._client.pods_of(service) if body is not None else []
        except (ApiError, httpx2.HTTPError) as error:
            if name not in last and isinstance(error, ApiError) and error.status.code == 403:
                return None
            if name not in last:
                raise
            log.warning("%s/%s: InferenceService %s cannot be read: %s", *key, name, type(error).__name__)
        return last[name]

    def _runtime(self, deployment: ModelDeployment, body: Body | None) -> Body | None:
        name = named_runtime(body) if body is not None else None
        return self._cache.runtime(deployment.namespace, name) if name is not None else None
