"""What the controller lists and watches, when it may not, and when kinds come and go."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from timoneiro_operator import controller as controller_module
from timoneiro_operator.api.kinds import WATCHED, Key, Kind
from timoneiro_operator.api.names import ANNOTATION_COMMAND
from timoneiro_operator.controller import Controller
from timoneiro_operator.kube.cache import Cache
from timoneiro_operator.kube.client import Forbidden, NotInstalled
from timoneiro_operator.kube.permissions import PERMISSIONS
from timoneiro_operator.kube.workqueue import WorkQueue
from timoneiro_operator.reconciler import Reconciler
from timoneiro_operator.telemetry import Telemetry

KEY = ("ns", "fraud")
LISTED = {known.kind: known for known in PERMISSIONS if known.verb == "list"}


def deployment(name: str = "fraud", *, version: int = 10, command: str | None = None) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "ns", "uid": name, "generation": 1, "resourceVersion": str(version)}
    annotations = {} if command is None else {ANNOTATION_COMMAND: command}
    return {"metadata": {**metadata, "annotations": annotations}, "spec": {"route": {}}}


class FakeApiServer:
    """One ModelDeployment, or more; refuses what a test says, and counts the lists of each kind."""

    def __init__(self) -> None:
        self.deployments = [deployment()]
        self.denied: set[str] = set()
        self.absent: set[Kind] = set()
        self.forbidden = False
        # Kinds of which every list fails.
        self.broken: set[Kind] = set()
        # How many lists fail from now on.
        self.failing = 0
        self.lists: dict[Kind, int] = dict.fromkeys(WATCHED, 0)
        self.listed = asyncio.Event()

    async def until_listed(self, kind: Kind, times: int) -> None:
        async with asyncio.timeout(10):
            while self.lists[kind] < times:
                self.listed.clear()
                await self.listed.wait()

    async def may(self, verb: str, group: str, resource: str, name: str) -> bool:
        return f"{verb} {resource}" not in self.denied

    async def list_all(self, kind: Kind, take: Callable[[dict[str, Any]], None]) -> int:
        self.lists[kind] += 1
        self.listed.set()
        if self.failing:
            self.failing -= 1
            raise OSError("connection refused")
        if kind in self.broken:
            raise OSError("the conversion webhook does not answer")
        if kind in self.absent:
            raise NotInstalled(kind)
        if f"list {LISTED[kind].resource}" in self.denied:
            self.forbidden = True
            raise Forbidden(kind)
        if kind == "ModelDeployment":
            for body in self.deployments:
                take(body)
        return 20


@pytest.fixture
def server() -> FakeApiServer:
    return FakeApiServer()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_RETRY_SECONDS", "_ABSENT_SECONDS", "_POLL_SECONDS"):
        monkeypatch.setattr(controller_module, name, 0.01)


@pytest.fixture
def cache() -> Cache:
    return Cache()


@pytest.fixture
def queue() -> WorkQueue[Key]:
    return WorkQueue()


@pytest.fixture
def made(server: FakeApiServer, cache: Cache, queue: WorkQueue[Key]) -> Controller:
    telemetry = Telemetry()
    reconciler = Reconciler(cache=cache, client=server, reader=None, telemetry=telemetry)  # type: ignore[arg-type]
    return Controller(cache=cache, client=server, queue=queue, reconciler=reconciler, telemetry=telemetry)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", sorted(set(WATCHED) - {"ModelDeployment"}))
async def test_a_kind_that_may_not_be_listed_keeps_nothing_else_from_being_watched(
    server: FakeApiServer, made: Controller, kind: Kind
) -> None:
    server.denied = {f"list {LISTED[kind].resource}"}
    await made.sync()
    assert set(made.watched()) == set(WATCHED) - {kind}


@pytest.mark.parametrize("kind", WATCHED)
async def test_a_kind_that_may_not_be_watched_is_listed_again_and_again(
    server: FakeApiServer, made: Controller, kind: Kind
) -> None:
    server.denied = {f"watch {LISTED[kind].resource}"}
    await made.sync()
    assert kind not in made.watched()
    listing = asyncio.create_task(made.resync())
    await server.until_listed(kind, 4)
    listing.cancel()
    assert sum(server.lists.values()) - server.lists[kind] == len(WATCHED) - 1


async def test_without_deployments_it_waits_until_they_may_be_listed(server: FakeApiServer, made: Controller) -> None:
    server.denied = {"list modeldeployments"}
    syncing = asyncio.create_task(made.sync())
    await server.until_listed("ModelDeployment", 3)
    assert not made.synced
    server.denied = set()
    async with asyncio.timeout(10):
        await syncing
    assert made.synced


@pytest.mark.parametrize("verb", ["list", "watch"])
@pytest.mark.parametrize("kind", sorted(set(WATCHED) - {"ModelDeployment"}))
async def test_what_is_allowed_again_is_watched_again(
    server: FakeApiServer, made: Controller, kind: Kind, verb: str
) -> None:
    server.denied = {f"{verb} {LISTED[kind].resource}"}
    await made.sync()
    server.denied = set()
    async with asyncio.timeout(10):
        await made.until_changed()
    assert set(made.watched()) == set(WATCHED)


async def test_a_refusal_makes_it_look_what_it_may(server: FakeApiServer, made: Controller) -> None:
    await made.sync()
    server.denied, server.forbidden = {"watch pods"}, True
    async with asyncio.timeout(10):
        await made.until_changed()
    assert "Pod" not in made.watched()


async def test_a_kind_that_is_installed_later_is_watched_then(server: FakeApiServer, made: Controller) -> None:
    server.absent = {"InferenceService"}
    await made.sync()
    assert "InferenceService" not in made.watched()
    server.absent = set()
    async with asyncio.timeout(10):
        await made.until_changed()
    await made.sync()
    assert set(made.watched()) == set(WATCHED)


async def test_a_kind_that_is_removed_is_no_reason_to_end(
    server: FakeApiServer, made: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controller_module, "RESYNC_SECONDS", 0.0)
    monkeypatch.setattr(controller_module, "_ABSENT_SECONDS", 10.0)
    await made.sync()
    listing = asyncio.create_task(made.resync())
    server.absent = {"HTTPRoute"}
    async with asyncio.timeout(10):
        await made.until_changed()
    assert not listing.done()
    listing.cancel()
    await made.sync()
    assert set(made.watched()) == set(WATCHED) - {"HTTPRoute"}


async def test_who_stands_by_knows_the_cluster_and_has_nothing_to_do(
    made: Controller, cache: Cache, queue: WorkQueue[Key]
) -> None:
    await made.sync()
    made.notice("ModelDeployment", deployment(version=30), gone=False)
    body = cache.get("ModelDeployment", KEY)
    assert body is not None
    assert body["metadata"]["resourceVersion"] == "30"
    assert len(queue) == 0


async def test_who_takes_over_has_read_what_was_decided_meanwhile_and_lists_nothing_else(
    server: FakeApiServer, made: Controller, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle(monkeypatch)
    await made.sync()
    server.deployments = [deployment(version=30)]
    await made.take_over()
    body = cache.get("ModelDeployment", KEY)
    assert body is not None
    assert body["metadata"]["resourceVersion"] == "30"
    assert {kind for kind, times in server.lists.items() if times > 1} == {"ModelDeployment"}
    await made.stop()


async def test_who_takes_over_lists_everything_when_watches_have_not_told_all(
    server: FakeApiServer, made: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle(monkeypatch)
    await made.sync()
    made.lose_track()
    await made.take_over()
    assert min(server.lists.values()) == 2
    await made.stop()


async def test_a_kind_that_cannot_be_listed_now_keeps_nobody_from_taking_over(
    server: FakeApiServer, made: Controller, queue: WorkQueue[Key], monkeypatch: pytest.MonkeyPatch
) -> None:
    idle(monkeypatch)
    await made.sync()
    server.broken = {"Pod"}
    with pytest.raises(OSError, match="conversion"):
        await made.sync()
    async with asyncio.timeout(10):
        await made.take_over()
        assert await queue.get() == KEY
    await made.stop()


@pytest.mark.parametrize("lost", ["a watch has started anew", "the list has failed"])
async def test_what_was_deleted_while_nobody_watched_is_known_soon(
    server: FakeApiServer, made: Controller, cache: Cache, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controller_module, "_TRACK_SECONDS", 0.0)
    await made.sync()
    server.deployments = []
    if lost == "the list has failed":
        server.failing = 1
        with pytest.raises(OSError, match="refused"):
            await made.sync()
    else:
        made.lose_track()
    listing = asyncio.create_task(made.resync())
    await server.until_listed("ModelDeployment", 2)
    listing.cancel()
    await asyncio.gather(listing, return_exceptions=True)
    assert cache.get("ModelDeployment", KEY) is None


async def test_a_regular_list_that_fails_is_tried_again_soon(
    server: FakeApiServer, made: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controller_module, "_TRACK_SECONDS", 0.0)
    await made.sync()
    made.lose_track()
    server.failing = 1
    listing = asyncio.create_task(made.resync())
    await server.until_listed("ModelDeployment", 3)
    listing.cancel()


async def test_who_takes_over_from_an_api_server_that_does_not_answer_yet_tries_again(
    server: FakeApiServer, made: Controller, queue: WorkQueue[Key], monkeypatch: pytest.MonkeyPatch
) -> None:
    idle(monkeypatch)
    await made.sync()
    server.failing = 2
    async with asyncio.timeout(10):
        await made.take_over()
        assert await queue.get() == KEY
    await made.stop()


async def test_who_leads_before_everything_is_known_waits_for_that(
    server: FakeApiServer, made: Controller, queue: WorkQueue[Key], monkeypatch: pytest.MonkeyPatch
) -> None:
    idle(monkeypatch)
    leading = asyncio.create_task(made.take_over())
    await asyncio.sleep(0)
    assert not leading.done()
    await made.sync()
    async with asyncio.timeout(10):
        await leading
        assert await queue.get() == KEY
    assert set(server.lists.values()) == {1}
    await made.stop()


async def test_commands_that_wait_come_first_when_another_process_takes_over(
    server: FakeApiServer, made: Controller, queue: WorkQueue[Key], monkeypatch: pytest.MonkeyPatch
) -> None:
    idle(monkeypatch)
    server.deployments = [deployment("a"), deployment("b"), deployment("c", command="abort")]
    await made.sync()
    await made.take_over()
    async with asyncio.timeout(10):
        assert [(await queue.get())[1] for _ in range(3)] == ["c", "a", "b"]
    await made.stop()


async def test_a_command_comes_before_all_that_waits(
    server: FakeApiServer, made: Controller, queue: WorkQueue[Key], monkeypatch: pytest.MonkeyPatch
) -> None:
    idle(monkeypatch)
    server.deployments = [deployment("a"), deployment("b")]
    await made.sync()
    await made.take_over()
    made.notice("ModelDeployment", deployment("b", version=30, command="abort"), gone=False)
    async with asyncio.timeout(10):
        assert [(await queue.get())[1] for _ in range(2)] == ["b", "a"]
    await made.stop()


def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that leave everything in the queue."""

    async def wait(_: Controller) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Controller, "work", wait)
