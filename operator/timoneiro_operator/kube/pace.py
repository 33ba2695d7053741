"""How soon a watch may begin again, and when it has begun anew with a list.

One that lasted a while does so at once: API servers end watches all the time. One that ends as soon as it has begun
waits longer each time, up to a limit: an API server, or a proxy before it, that answers and then drops the connection,
or says each time that the version is too old, would otherwise be asked hundreds of times a second.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from aiohttp import ClientHandlerType, ClientRequest, ClientResponse

LASTING_SECONDS = 15.0
FIRST_SECONDS = 0.5
# For as long nobody hears what has changed in a cluster that is well again.
LONGEST_SECONDS = 5.0


class Pace:
    """Watches by their path; a client middleware of aiohttp. `clock` in seconds, must never go back."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock, self._sleep = clock, sleep
        # When the latest one began, and how many before it in a row did not last.
        self._watches: dict[str, tuple[float, int]] = {}

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Holds a request back for as long as it has to wait; only watches have to."""
        if "watch" in request.url.query:
            await self._wait(request.url.path)
        return await handler(request)

    async def _wait(self, path: str) -> None:
        began, short = self._watches.get(path, (float("-inf"), 0))
        short = short + 1 if self._clock() - began < LASTING_SECONDS else 0
        # The first one that did not last may have been bad luck.
        if short > 1:
            await self._sleep(min(FIRST_SECONDS * 2.0 ** min(short - 2, 10), LONGEST_SECONDS))
        self._watches[path] = self._clock(), short


class Again:
    """Tells when a kind is listed that was watched before: its watch had ended for good. A middleware of aiohttp.

    Such a watch does not tell what was deleted in between.
    """

    def __init__(self, lost_track: Callable[[], None]) -> None:
        self._lost_track = lost_track
        self._watched: set[str] = set()

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        if "watch" in request.url.query:
            self._watched.add(request.url.path)
        elif request.url.path in self._watched:
            self._watched.discard(request.url.path)
            self._lost_track()
        return await handler(request)
