"""What the controller lists and watches, when it may not, and when kinds come and go."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from timoneiro_operator import controller as controller_module
from timoneiro_operator.controller import KINDS, Controller
from timoneiro_operator.kube.cache import Cache, Key, Kind
from timoneiro_operator.kube.client import Forbidden, NotInstalled
from timoneiro_operator.kube.permissions import PERMISSIONS
from timoneiro_operator.kube.workqueue import WorkQueue
from timoneiro_operator.reconciler import Reconciler
from timoneiro_operator.telemetry import Telemetry

KEY = ("ns", "fraud")
LISTED = {known.kind: known for known in PERMISSIONS if known.verb == "list"}


def deployment() -> dict[str, Any]:
    metadata = {"name": "fraud", "namespace": "ns", "uid": "u", "generation": 1, "resourceVersion": "10"}
    return {"metadata": metadata, "spec": {"route": {}}}


class FakeApiServer:
    """One ModelDeployment; refuses what a test says, and counts the lists of each kind."""

    def __init__(self) -> None:
        self.denied: set[str] = set()
        self.absent: set[Kind] = set()
        self.forbidden = False
        self.lists: dict[Kind, int] = dict.fromkeys(KINDS, 0)
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
        if kind in self.absent:
            raise NotInstalled(kind)
        if f"list {LISTED[kind].resource}" in self.denied:
            self.forbidden = True
            raise Forbidden(kind)
        if kind == "ModelDeployment":
            take(deployment())
        return 20


@pytest.fixture
def server() -> FakeApiServer:
    return FakeApiServer()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_RETRY_SECONDS", "_ABSENT_SECONDS", "_POLL_SECONDS"):
        monkeypatch.setattr(controller_module, name, 0.01)


@pytest.fixture
def made(server: FakeApiServer) -> Controller:
    cache, queue, telemetry = Cache(), WorkQueue[Key](), Telemetry()
    reconciler = Reconciler(cache=cache, client=server, reader=None, telemetry=telemetry)  # type: ignore[arg-type]
    return Controller(cache=cache, client=server, queue=queue, reconciler=reconciler, telemetry=telemetry)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"ModelDeployment"}))
async def test_a_kind_that_may_not_be_listed_keeps_nothing_else_from_being_watched(
    server: FakeApiServer, made: Controller, kind: Kind
) -> None:
    server.denied = {f"list {LISTED[kind].resource}"}
    await made.sync()
    assert set(made.watched()) == set(KINDS) - {kind}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_kind_that_may_not_be_watched_is_listed_again_and_again(
    server: FakeApiServer, made: Controller, kind: Kind
) -> None:
    server.denied = {f"watch {LISTED[kind].resource}"}
    await made.sync()
    assert kind not in made.watched()
    made.start()
    await server.until_listed(kind, 4)
    await made.stop()
    assert sum(server.lists.values()) - server.lists[kind] == len(KINDS) - 1


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
@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"ModelDeployment"}))
async def test_what_is_allowed_again_is_watched_again(
    server: FakeApiServer, made: Controller, kind: Kind, verb: str
) -> None:
    server.denied = {f"{verb} {LISTED[kind].resource}"}
    await made.sync()
    server.denied = set()
    async with asyncio.timeout(10):
        await made.until_changed()
    assert set(made.watched()) == set(KINDS)


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
    assert set(made.watched()) == set(KINDS)


async def test_a_kind_that_is_removed_is_no_reason_to_end(
    server: FakeApiServer, made: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controller_module, "RESYNC_SECONDS", 0.0)
    monkeypatch.setattr(controller_module, "_ABSENT_SECONDS", 10.0)
    await made.sync()
    made.start()
    server.absent = {"HTTPRoute"}
    async with asyncio.timeout(10):
        await made.until_changed()
    assert made.alive()
    await made.stop()
    await made.sync()
    assert set(made.watched()) == set(KINDS) - {"HTTPRoute"}
