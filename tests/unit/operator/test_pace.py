"""Watches of kopf against an API server that does not let them last; fake: the API server, and the time."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import kopf
import pytest
from aiohttp import ClientMiddlewareType, ClientSession, web

from timoneiro_operator import handlers
from timoneiro_operator.handlers import build_registry, build_settings, until_a_watch_fails
from timoneiro_operator.kube.pace import FIRST_SECONDS, LASTING_SECONDS, LONGEST_SECONDS, Again, Pace

_DEADLINE_SECONDS = 10.0
Watch = Callable[[web.Request], Any]


class FakeTime:
    """Goes on by what is slept alone."""

    def __init__(self) -> None:
        self.now, self.slept = 0.0, list[float]()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    def pace(self) -> Pace:
        return Pace(clock=lambda: self.now, sleep=self.sleep)


async def _dropped(request: web.Request) -> web.StreamResponse:
    """Answered, and then the connection ends."""
    response = web.StreamResponse()
    await response.prepare(request)
    assert request.transport is not None
    request.transport.abort()
    return response


async def _expired(_: web.Request) -> web.StreamResponse:
    """The version is too old, each time."""
    return web.Response(text=json.dumps({"type": "ERROR", "object": {"kind": "Status", "code": 410}}) + "\n")


async def _over(_: web.Request) -> web.StreamResponse:
    """A watch without an event."""
    return web.Response(text="")


async def _broken(_: web.Request) -> web.StreamResponse:
    """The connection ends within a line."""
    return web.Response(text='{"type": "ADDED", "object": {"metadata": {"na')


async def _failed(_: web.Request) -> web.StreamResponse:
    """The API server has an error of its own, and says so within the stream."""
    return web.Response(text=json.dumps({"type": "ERROR", "object": {"kind": "Status", "code": 500}}) + "\n")


# What kopf wants an API server to know, whatever it watches.
_KNOWN = {
    ("", "v1"): ("Namespace", "namespaces"),
    ("apiextensions.k8s.io", "v1"): ("CustomResourceDefinition", "customresourcedefinitions"),
    ("timoneiro.dev", "v1alpha1"): ("ModelDeployment", "modeldeployments"),
}


def _fake_api_server(watch: Watch) -> web.Application:
    """It knows ModelDeployments, and there are none."""

    def says(body: Any) -> Watch:
        async def answer(_: web.Request) -> web.Response:
            return web.json_response(body)

        return answer

    async def objects(request: web.Request) -> web.StreamResponse:
        if "watch" in request.query:
            answer: web.StreamResponse = await watch(request)
            return answer
        return web.json_response({"items": [], "metadata": {"resourceVersion": "1"}})

    app = web.Application()
    groups = []
    for (group, version), (kind, plural) in _KNOWN.items():
        resource = {"name": plural, "singularName": "", "kind": kind, "namespaced": True}
        path = f"/apis/{group}/{version}" if group else f"/api/{version}"
        app.router.add_get(path, says({"resources": [{**resource, "verbs": ["list", "watch", "patch"]}]}))
        app.router.add_get(f"{path}/{plural}", objects)
        if group:
            groups.append({"name": group, "versions": [{"version": version}], "preferredVersion": {"version": version}})
    app.router.add_get("/api", says({"versions": ["v1"]}))
    app.router.add_get("/apis", says({"groups": groups}))
    return app


@asynccontextmanager
async def _served(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _watch_until(enough: asyncio.Event, *middlewares: ClientMiddlewareType) -> None:
    """Raises TimeoutError where the watches neither begin often enough nor end."""
    operator = kopf.operator(
        registry=build_registry(lambda *_, **__: None, ["ModelDeployment"], *middlewares),
        settings=build_settings(),
        clusterwide=True,
        standalone=True,
    )
    task = asyncio.create_task(until_a_watch_fails(operator))
    task.add_done_callback(lambda _: enough.set())
    try:
        async with asyncio.timeout(_DEADLINE_SECONDS):
            await enough.wait()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _kubeconfig(server: str) -> str:
    return json.dumps(
        {
            "current-context": "fake",
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
            "clusters": [{"name": "fake", "cluster": {"server": server}}],
            "users": [{"name": "fake", "user": {"token": "fake"}}],
        }
    )


Play = Callable[..., None]


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Eight watches that all end in one way."""

    async def scenario(ends: Watch, middlewares: tuple[ClientMiddlewareType, ...]) -> None:
        enough, begun = asyncio.Event(), 0

        async def watch(request: web.Request) -> web.StreamResponse:
            nonlocal begun
            begun += 1
            if begun == 8:
                enough.set()
            answer: web.StreamResponse = await ends(request)
            return answer

        async with _served(_fake_api_server(watch)) as server:
            (tmp_path / "config").write_text(_kubeconfig(server))
            await _watch_until(enough, *middlewares)

    def played(ends: Watch, *middlewares: ClientMiddlewareType) -> None:
        asyncio.run(scenario(ends, middlewares))

    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    return played


@pytest.mark.parametrize(("ends", "anew"), [(_dropped, False), (_expired, True), (_over, False)])
def test_only_a_watch_that_begins_with_another_list_has_lost_track(ends: Watch, anew: bool, play: Play) -> None:
    told: list[None] = []
    play(ends, FakeTime().pace(), Again(lambda: told.append(None)))
    assert bool(told) is anew


@pytest.mark.parametrize(("ends", "words"), [(_broken, "Unterminated string"), (_failed, "Error in the watch-stream")])
def test_a_watch_that_has_failed_ends_all_of_them(ends: Watch, words: str, play: Play) -> None:
    begun = 0

    async def counted(request: web.Request) -> web.StreamResponse:
        nonlocal begun
        begun += 1
        return await ends(request)  # type: ignore[no-any-return]

    with pytest.raises(Exception, match=words):
        play(counted, FakeTime().pace())
    assert begun == 1


async def _stuck() -> None:
    """An operator of which a watch has failed, and whose end waits for what never comes."""

    async def failing() -> None:
        await asyncio.sleep(0.1)
        raise ValueError("no JSON")

    watch = asyncio.create_task(failing(), name="watcher for pods")
    watch.add_done_callback(lambda task: task.exception())
    while True:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


def test_an_operator_whose_end_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(handlers, "_END_SECONDS", 0.01)
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(asyncio.wait_for(until_a_watch_fails(_stuck()), _DEADLINE_SECONDS))
    finally:
        for task in asyncio.all_tasks(loop):
            # Or it would be told of as one that was forgotten.
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        loop.close()


def test_a_watch_waits_no_longer_for_an_api_server_that_was_away_than_for_one_that_drops_it() -> None:
    backoffs = build_settings().networking.error_backoffs
    assert isinstance(backoffs, tuple)
    assert max(backoffs) <= LONGEST_SECONDS


@pytest.mark.parametrize("ends", [_dropped, _expired, _over])
def test_a_watch_that_ends_as_soon_as_it_begins_waits_longer_each_time(ends: Watch, play: Play) -> None:
    time = FakeTime()
    play(ends, time.pace())
    assert time.slept[:6] == [FIRST_SECONDS, 1.0, 2.0, 4.0, LONGEST_SECONDS, LONGEST_SECONDS]


def _asked(time: FakeTime, *moments: float, path: str = "/apis/x?watch=true") -> list[float]:
    """What was slept when a watch was begun, or something else asked, at these moments."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response()

    async def scenario() -> None:
        app = web.Application()
        app.router.add_get("/apis/x", answer)
        async with _served(app) as server, ClientSession(middlewares=[time.pace()]) as session:
            for moment in moments:
                time.now = moment
                await (await session.get(f"{server}{path}")).read()

    asyncio.run(scenario())
    return time.slept


def test_a_single_watch_that_is_dropped_goes_on_at_once() -> None:
    assert _asked(FakeTime(), 0.0, 3.0) == []


def test_a_watch_that_has_lasted_begins_anew_without_a_pause() -> None:
    lasted = [3.0 + LASTING_SECONDS * n for n in (1, 2, 3)]
    assert _asked(FakeTime(), 0.0, 1.0, 2.0, *lasted) == [FIRST_SECONDS]


def test_only_watches_are_held_back() -> None:
    assert _asked(FakeTime(), 0.0, 0.0, 0.0, path="/apis/x") == []
