"""Workers around the reconciler: the queue, retries, the first list of everything and the regular ones after it.

What is listed and watched is known also to a process that stands by; only the workers wait for the leadership.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterable

from timoneiro_operator.api.deployment import is_asked
from timoneiro_operator.api.kinds import RESOURCES, WATCHED, Body, Key, Kind
from timoneiro_operator.drivers.available import needed_kinds
from timoneiro_operator.kube.cache import Cache
from timoneiro_operator.kube.client import Conflict, Forbidden, KubeClient, NotInstalled, NotLeading
from timoneiro_operator.kube.workqueue import WorkQueue
from timoneiro_operator.reconciler import Reconciler
from timoneiro_operator.telemetry import Telemetry

log = logging.getLogger(__name__)

WORKERS = 8
# A watch that had to start anew does not tell what was deleted meanwhile; a list does.
RESYNC_SECONDS = 600.0
# And no more often than this when watches have started anew: an API server may let none of them last.
_TRACK_SECONDS = 30.0
_RETRY_SECONDS = 2.0

_ABSENT_SECONDS = 30.0
# What may be listed and not watched.
_POLL_SECONDS = 5.0


class Controller:
    """Owns the tasks of the operator, watches aside. Everything runs in one event loop."""

    def __init__(
        self,
        *,
        cache: Cache,
        client: KubeClient,
        queue: WorkQueue[Key],
        reconciler: Reconciler,
        telemetry: Telemetry,
    ) -> None:
        self._cache = cache
        self._client = client
        self._reconciler = reconciler
        self._telemetry = telemetry
        self._queue = queue
        self._permissions = reconciler.permissions
        # A kind that was there is gone.
        self._removed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._known = asyncio.Event()
        # All that was deleted since the last list of everything is known.
        self._on_track = False

    @property
    def synced(self) -> bool:
        """Everything was listed once, and is watched since."""
        return self._known.is_set()

    def notice(self, kind: Kind, body: Body, *, gone: bool) -> None:
        """A watch has something to tell. Never fails: an event that cannot be read is made up for by the next list."""
        owner = self._cache.remove(kind, body) if gone else self._cache.put(kind, body)
        if owner is not None:
            self._wake(self._cache.concerned(owner), urgent=kind == "ModelDeployment" and not gone and is_asked(body))

    def lose_track(self) -> None:
        """A watch has started anew: what was deleted meanwhile, only a list can tell."""
        self._on_track = False

    def wake_all(self) -> None:
        """Something has changed that concerns every ModelDeployment."""
        keys = self._cache.deployments() if self._tasks else []
        asked = [key for key in keys if is_asked(self._cache.get("ModelDeployment", key) or {"metadata": {}})]
        self._wake(asked, urgent=True)
        self._wake(keys)

    def _wake(self, keys: Iterable[Key], *, urgent: bool = False) -> None:
        """What people ask for waits for nobody. While another process leads there is nothing to do."""
        for key in keys if self._tasks else ():
            self._queue.add(key, urgent=urgent)

    async def sync(self) -> None:
        """Lists everything once, so that no pass ever decides on half of the cluster. Waits for our own CRD."""
        self._on_track = False
        await self._permissions.review()
        absent: set[Kind] = set()
        for kind in WATCHED:
            if not await self._list(kind):
                absent.add(kind)
        self._cache.absent = frozenset(absent)
        self._removed.clear()
        self._on_track = True
        self._known.set()
        self.wake_all()

    async def _list(self, kind: Kind) -> bool:
        """Takes in all objects of `kind`; False when the cluster may lack the kind, and does.

        What may not be listed stays what it was; without ModelDeployments there is nothing to do but to wait.
        """
        while True:
            try:
                await self._take_in(kind)
            except NotInstalled:
                if RESOURCES[kind].optional:
                    log.warning("the API server does not know %s; is it installed?", kind)
                    return False
                log.warning("the API server does not know %s yet; is the CRD installed? Trying again", kind)
            except Forbidden:
                self._permissions.refused_to_list(kind)
                if kind != "ModelDeployment" or self.synced:
                    return True
            else:
                self._permissions.granted_to_list(kind)
                return True
            await asyncio.sleep(_RETRY_SECONDS)

    async def _take_in(self, kind: Kind) -> set[Key]:
        listing = self._cache.list_anew(kind)
        return listing.end(await self._client.list_all(kind, listing.take))

    def watched(self) -> tuple[Kind, ...]:
        """Kinds that can be watched."""
        return tuple(kind for kind in self._listed() if self._permissions.may("watch", kind))

    def _listed(self) -> tuple[Kind, ...]:
        return tuple(kind for kind in WATCHED if kind not in self._cache.absent and self._permissions.may("list", kind))

    async def until_changed(self) -> None:
        """Returns when other kinds are to be watched than now: installed or removed, allowed or forbidden."""
        before = self.watched()
        while self.watched() == before:
            missing = self._permissions.missing
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ABSENT_SECONDS):
                    await self._removed.wait()
                    return
            deployments = (self._cache.get("ModelDeployment", key) or {} for key in self._cache.deployments())
            for kind in self._cache.absent & needed_kinds(deployments):
                if await self._is_installed(kind):
                    log.info("%s is installed now", kind)
                    return
            if missing or self._client.forbidden:
                self._client.forbidden = False
                await self._permissions.review()
                for kind in WATCHED:
                    if kind not in self._cache.absent and not self._permissions.may("list", kind):
                        await self._relist(kind)
            if self._permissions.missing != missing:
                self.wake_all()

    async def _is_installed(self, kind: Kind) -> bool:
        try:
            await self._client.list_all(kind, lambda _: None)
        except NotInstalled:
            return False
        except Exception as error:
            log.warning("the list of %s failed: %s", kind, _sentence(error))
            return False
        return True

    async def take_over(self) -> None:
        """Begins to work, as soon as everything is known.

        What another process has decided meanwhile is read anew, and not only as far as a watch has told of it. All else
        is as late as in every pass; it is listed where watches have not told all, if that can be done at all.
        """
        known = self.synced
        await self._known.wait()
        if not self._on_track:
            self._on_track = True
            await asyncio.gather(*(self._relist(kind) for kind in self._listed()))
        while known:
            try:
                await self._list("ModelDeployment")
                break
            except Exception as error:
                log.warning("the list of ModelDeployment failed: %s", _sentence(error))
                await asyncio.sleep(_RETRY_SECONDS)
        self.start()

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self.work(), name=f"worker-{i}") for i in range(WORKERS)]
        self.wake_all()

    async def until_ended(self) -> None:
        """Returns, or raises, when a worker has ended: none of them is meant to."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def stop(self) -> None:
        """Ends the workers. What they were doing is taken up again at the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    def alive(self) -> bool:
        """No worker has ended."""
        return not any(task.done() for task in self._tasks)

    async def work(self) -> None:
        while True:
            key = await self._queue.get()
            self._telemetry.queue_length.set(len(self._queue))
            started, result = time.perf_counter(), "ok"
            try:
                after = await self._reconciler.reconcile(key)
                self._queue.succeeded(key)
                if after is not None:
                    self._queue.add_after(key, after)
                elif self._cache.get("ModelDeployment", key) is None:
                    self._queue.forget(key)
            except Conflict:
                # Somebody has changed it meanwhile; the watch brings what it is now.
                result = "conflict"
                self._queue.add_failed(key)
            except NotLeading:
                raise
            except Exception as error:
                result = "error"
                delay = self._queue.add_failed(key)
                log.warning("%s/%s: %s; again in %.1f s", *key, _sentence(error), delay)
            finally:
                self._queue.done(key)
                self._telemetry.count_pass(result, time.perf_counter() - started)

    async def resync(self) -> None:
        """Lists everything from time to time, and what may not be watched all the time. Never ends by itself."""
        listed_at = time.monotonic()
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            if time.monotonic() - listed_at >= (RESYNC_SECONDS if self._on_track else _TRACK_SECONDS):
                listed_at, kinds, self._on_track = time.monotonic(), self._listed(), True
            else:
                watched = self.watched()
                kinds = tuple(kind for kind in self._listed() if kind not in watched)
            for kind in kinds:
                await self._relist(kind)

    async def _relist(self, kind: Kind) -> None:
        try:
            concerned = await self._take_in(kind)
        except NotInstalled:
            log.error("%s is not installed any more", kind)
            self._removed.set()
        except Forbidden:
            self._permissions.refused_to_list(kind)
        except Exception as error:
            log.warning("the regular list of %s failed: %s", kind, _sentence(error))
            self._on_track = False
        else:
            self._permissions.granted_to_list(kind)
            for owner in concerned:
                self._wake(self._cache.concerned(owner))


def _sentence(error: Exception) -> str:
    """What went wrong, without bodies of requests: they may hold what is nobody's business."""
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
