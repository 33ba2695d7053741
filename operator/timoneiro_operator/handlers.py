"""kopf: login, and watches that put what they see into the cache and a key into the queue. Nothing else.

Only `on.event` is used: it keeps no state, writes no annotations and adds no finalizer.
"""

import asyncio
import contextlib
import functools
import logging
import os
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import kopf
from aiohttp import ClientMiddlewareType

from timoneiro_operator.api.kinds import RESOURCES, WATCHED, Kind
from timoneiro_operator.controller import Controller
from timoneiro_operator.kube.client import LISTED_AT_ONCE
from timoneiro_operator.kube.pace import LONGEST_SECONDS, Again, Pace

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

_END_SECONDS = 10.0
_LOOK_SECONDS = 1.0
# How kopf calls the tasks of its watches.
_WATCHES = "watcher for "
log = logging.getLogger(__name__)


class _NoDiffBase(kopf.DiffBaseStorage):
    """Nobody asks what an object was like before, and copying each of them cost a fourteenth of all CPU time."""

    def build(self, *, body: kopf.Body, extra_fields: Any = None) -> kopf.BodyEssence:
        return kopf.BodyEssence({})

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Nothing is kept."""


async def watch(controller: Controller, kinds: Collection[Kind]) -> None:
    """Watches `kinds` until a watch ends by itself: returns, or raises what has ended it.

    In a thread and an event loop of its own: at its end kopf cancels every task that was begun after it.
    """
    outer, inner = asyncio.get_running_loop(), asyncio.new_event_loop()

    def notice(kind: Kind, body: Any, *, gone: bool) -> None:
        outer.call_soon_threadsafe(functools.partial(controller.notice, kind, body, gone=gone))

    def lost_track() -> None:
        outer.call_soon_threadsafe(controller.lose_track)

    registry = build_registry(notice, kinds, Pace(), Again(lost_track))
    operator = kopf.operator(registry=registry, settings=build_settings(), clusterwide=True, standalone=True)
    task = inner.create_task(until_a_watch_fails(operator))

    def run() -> None:
        try:
            with contextlib.suppress(asyncio.CancelledError):
                inner.run_until_complete(task)
        finally:
            inner.run_until_complete(inner.shutdown_default_executor())
            inner.close()

    thread = outer.run_in_executor(None, run)
    try:
        await asyncio.shield(thread)
    except asyncio.CancelledError:
        if not thread.done():
            inner.call_soon_threadsafe(task.cancel)
            await asyncio.wait([thread], timeout=_END_SECONDS)
        raise


async def until_a_watch_fails(operator: Coroutine[Any, Any, None]) -> None:
    """Runs kopf's operator until it ends, or one of its watches has: returns, or raises what has ended it.

    When a watch fails (an answer that is no JSON, an error of the API server within the stream) kopf ends all of them,
    and then itself; but where another one waits for an answer just then its end hangs, and nothing is heard any more.
    """
    running, watches = asyncio.create_task(operator), set[asyncio.Task[Any]]()
    try:
        while not running.done() and not any(task.done() for task in watches):
            await asyncio.wait([running], timeout=_LOOK_SECONDS)
            watches |= {task for task in asyncio.all_tasks() if task.get_name().startswith(_WATCHES)}
        if not running.done():
            log.warning("a watch has ended; everything is listed and watched anew")
            await asyncio.wait([running], timeout=_LOOK_SECONDS)
    finally:
        running.cancel()
        await asyncio.wait([running], timeout=_END_SECONDS)
    if running.done() and not running.cancelled():
        running.result()


def build_registry(
    notice: Callable[..., None], kinds: Collection[Kind], *middlewares: ClientMiddlewareType
) -> kopf.OperatorRegistry:
    """Handlers of one operator for `kinds`, in a registry of their own. All its requests go by `middlewares`."""
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(_login(middlewares))
    for kind in WATCHED:
        if kind in kinds:
            group, version, plural = RESOURCES[kind].group, RESOURCES[kind].version, RESOURCES[kind].plural
            kopf.on.event(group, version, plural, id=f"watch-{plural}", registry=registry)(_watcher(kind, notice))
    return registry


def build_settings() -> kopf.OperatorSettings:
    """No peering, no Kubernetes events by kopf, no scanning for CRDs; children are selected by the API server."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    # kopf's own would leave a watch waiting long after the API server is back. After the last one it ends, and begins
    # with everything listed.
    settings.networking.error_backoffs = (1, 2, *(LONGEST_SECONDS,) * 5)
    settings.watching.connect_timeout = 5
    settings.watching.chunk_size = LISTED_AT_ONCE
    # A task for each object that was seen within this time: the first list is of thousands.
    settings.queueing.idle_timeout = 0.1
    settings.persistence.diffbase_storage = _NoDiffBase()
    for kind in WATCHED:
        resource = RESOURCES[kind]
        if resource.label is not None:
            settings.watching.label_selectors[resource.group, resource.plural] = resource.label
    return settings


def _login(middlewares: Sequence[ClientMiddlewareType]) -> Callable[..., Awaitable[kopf.AiohttpSession | None]]:
    """What kopf calls at its start, and again when the API server answers 401.

    Said explicitly: kopf would otherwise prefer whatever client library happens to be installed. With a session of our
    own: kopf's begins a watch that was dropped again at once, however often.
    """
    last: tuple[kopf.ConnectionInfo, kopf.AiohttpSession] | None = None

    async def login(**kwargs: Any) -> kopf.AiohttpSession | None:
        nonlocal last
        info = _credentials(**kwargs)
        if info is None:
            return None
        # By the same object kopf knows that these credentials have been refused before, and ends.
        if last is None or last[0] != info:
            connector = aiohttp.TCPConnector(limit=0, ssl=info.as_ssl_context())
            session = aiohttp.ClientSession(
                connector=connector,
                headers=info.as_http_headers(),
                proxy=info.proxy_url,
                trust_env=info.trust_env,
                middlewares=middlewares,
            )
            last = info, kopf.AiohttpSession(server=info.server, aiohttp_session=session)
        return last[1]

    return login


def _credentials(**kwargs: Any) -> kopf.ConnectionInfo | None:
    """By address, as the other client does: kopf's own login wants to resolve a name, and a cluster DNS for nothing."""
    host = os.environ.get("KUBERNETES_SERVICE_HOST")
    if host is None:
        return kopf.login_with_kubeconfig(**kwargs)
    port = os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    return kopf.ConnectionInfo(
        server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        ca_path=str(_ACCOUNT / "ca.crt"),
        scheme="Bearer",
        token=(_ACCOUNT / "token").read_text().strip(),
    )


def _watcher(kind: Kind, notice: Callable[..., None]) -> Any:
    async def watched(event: kopf.RawEvent, **_: Any) -> None:
        notice(kind, event["object"], gone=event["type"] == "DELETED")

    return watched
