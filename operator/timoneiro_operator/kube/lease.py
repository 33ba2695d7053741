"""Leadership by a Lease: one process acts, others stand by and take over when it is gone.

Guarantees: a leader stops acting `RENEW_SECONDS` after its last renewal, by its own monotonic clock, and a standby
takes over `DURATION_SECONDS` after it last saw a change, by its own; clocks of different machines are never compared.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from lightkube.core.async_client import AsyncClient
from lightkube.core.exceptions import ApiError

from timoneiro_operator.api.times import moment, text_of
from timoneiro_operator.kube.client import LIGHTKUBE

log = logging.getLogger(__name__)

DURATION_SECONDS = 13.0
RENEW_SECONDS = 10.0
RETRY_SECONDS = 2.0
# A standby takes over so much later than `DURATION_SECONDS` at most: within 17 s, requests included.
STANDBY_SECONDS = 3.0
# One connection that hangs must leave time for another attempt.
ATTEMPT_SECONDS = 3.0

LEASE = LIGHTKUBE["Lease"]


class LeaderLease:
    """One candidate for the leadership. `identity` has to be this process's alone; `clock` must never go back."""

    def __init__(
        self,
        client: AsyncClient,
        *,
        namespace: str,
        name: str,
        identity: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._clock = clock
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._seen: tuple[str, str] | None = None
        self._seen_at = 0.0
        self._renewed_at: float | None = None
        # The lease as this process wrote it last: nobody has to read what he would be told if it were no longer so.
        self._written: dict[str, Any] | None = None
        # What the API server says when it does not let this process have the lease at all.
        self.denied: str | None = None

    def held(self) -> bool:
        """Whether this process may act now."""
        return self._renewed_at is not None and self._clock() - self._renewed_at < RENEW_SECONDS

    async def acquire(self) -> None:
        """Returns when this process leads."""
        waiting = False
        while not await self.attempt():
            if not waiting:
                log.info("standing by: %s leads", self._seen[0] if self._seen else "nobody known")
                waiting = True
            await asyncio.sleep(self._pause())
        log.info("%s leads", self._identity)

    def _pause(self) -> float:
        """Seconds until the next attempt: no longer than until the lease is free if nobody renews it."""
        left = self._seen_at + DURATION_SECONDS - self._clock()
        return min(STANDBY_SECONDS, left) if left > 0 else RETRY_SECONDS

    async def keep(self) -> None:
        """Renews for as long as it can; returns when the leadership is lost."""
        while self.held():
            await asyncio.sleep(RETRY_SECONDS)
            await self.attempt()
        log.error("the leadership is lost")

    async def release(self) -> None:
        """Gives the leadership up at once, so that nobody has to wait for it."""
        if not self.held():
            return
        self._renewed_at = self._written = None
        try:
            lease = await self._client.get(LEASE, self._name, namespace=self._namespace)
            body = lease.to_dict()
            if body["spec"].get("holderIdentity") == self._identity:
                await self._write({**body, "spec": {**body["spec"], "holderIdentity": ""}})
        except Exception as error:
            # It runs out by itself; a stop goes on whatever the API server does.
            log.warning("the lease was not released: %s", type(error).__name__)

    async def attempt(self) -> bool:
        """One attempt to take or renew the lease. Whatever goes wrong, nothing is taken that is not given."""
        started = self._clock()
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                if not await self._take():
                    return False
        except ApiError as error:
            denied = error.status.message if error.status.code == 403 else None
            if error.status.code not in (404, 409) and (denied is None or denied != self.denied):
                log.warning("the lease could not be taken: %s", error.status.message)
            self.denied = denied
            return False
        except Exception as error:
            # The API server is away, in whatever way: the clock of the lease decides, not the kind of failure.
            log.warning("the lease could not be taken: %s", type(error).__name__)
            return False
        # By the time before the request: the lease is never believed for longer than others believe it.
        self._renewed_at = started
        self.denied = None
        return True

    async def _take(self) -> bool:
        if self._written is not None and await self._renew(self._written):
            return True
        body = await self._read()
        if body is None:
            await self._create()
        elif not self._free(body):
            # It may have been this one's until now.
            self._renewed_at = None
            return False
        else:
            await self._claim_it(body)
        return True

    async def _renew(self, body: dict[str, Any]) -> bool:
        """Whether the lease was as this process left it, and is renewed: then it has been nobody else's meanwhile."""
        try:
            await self._claim_it(body)
        except ApiError as error:
            if error.status.code not in (404, 409):
                raise
            self._written = None
            return False
        return True

    async def _claim_it(self, body: Mapping[str, Any]) -> None:
        self._written = await self._write({**body, "spec": {**body.get("spec", {}), **self._claim(body)}})

    def _free(self, body: Mapping[str, Any]) -> bool:
        spec = body.get("spec") or {}
        holder = spec.get("holderIdentity") or ""
        seen = (holder, str(spec.get("renewTime")))
        if seen != self._seen:
            self._seen, self._seen_at = seen, self._clock()
        return holder in ("", self._identity) or self._clock() - self._seen_at >= DURATION_SECONDS

    def _claim(self, body: Mapping[str, Any]) -> dict[str, Any]:
        spec, now = body.get("spec") or {}, text_of(moment(time.time()))
        mine = spec.get("holderIdentity") == self._identity
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(DURATION_SECONDS),
            "renewTime": now,
            "acquireTime": spec.get("acquireTime") if mine else now,
            "leaseTransitions": int(spec.get("leaseTransitions") or 0) + (0 if mine else 1),
        }

    async def _read(self) -> dict[str, Any] | None:
        try:
            lease = await self._client.get(LEASE, self._name, namespace=self._namespace)
        except ApiError as error:
            if error.status.code == 404:
                return None
            raise
        return dict(lease.to_dict())

    async def _create(self) -> None:
        body = {"metadata": {"name": self._name, "namespace": self._namespace}, "spec": self._claim({})}
        await self._client.create(LEASE.from_dict(body))

    async def _write(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Replaces the lease that is known; somebody who was faster makes it fail with 409. Returns it as it is now."""
        return dict((await self._client.replace(LEASE.from_dict(dict(body)))).to_dict())
