"""What a process does with the leadership: it operates while it has it, and stands by again when it has lost it."""

import asyncio

import pytest

from timoneiro_operator import __main__ as main_module
from timoneiro_operator.__main__ import follow, lead


class FakeLease:
    """Is had at once each time, and lost when a test says so."""

    def __init__(self) -> None:
        self.acquired = 0
        self.lost = asyncio.Event()

    def held(self) -> bool:
        return not self.lost.is_set()

    async def acquire(self) -> None:
        self.acquired += 1
        self.lost.clear()

    async def keep(self) -> None:
        await self.lost.wait()


class FakeController:
    """Counts how often it was stopped."""

    def __init__(self) -> None:
        self.stopped = 0

    async def stop(self) -> None:
        self.stopped += 1


async def test_a_process_that_loses_the_leadership_stands_by_again(monkeypatch: pytest.MonkeyPatch) -> None:
    lease, controller, began = FakeLease(), FakeController(), asyncio.Queue[int]()

    async def operate(_: FakeController) -> None:
        began.put_nowait(lease.acquired)
        await asyncio.Event().wait()

    monkeypatch.setattr(main_module, "operate", operate)
    leading = asyncio.create_task(lead(lease, controller))  # type: ignore[arg-type]
    async with asyncio.timeout(10):
        assert await began.get() == 1
        lease.lost.set()
        assert await began.get() == 2
    assert controller.stopped == 1
    leading.cancel()
    await asyncio.gather(leading, return_exceptions=True)


async def test_a_process_whose_worker_has_ended_ends_while_it_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    async def operate(_: FakeController) -> None:
        raise RuntimeError("a worker has ended")

    monkeypatch.setattr(main_module, "operate", operate)
    lease = FakeLease()
    async with asyncio.timeout(10):
        await lead(lease, FakeController())  # type: ignore[arg-type]
    assert lease.acquired == 1


class FakeCluster:
    """A controller of a cluster that cannot be listed the first time."""

    def __init__(self) -> None:
        self.lists, self.synced = 0, False
        self.watching = asyncio.Event()

    async def sync(self) -> None:
        self.lists += 1
        if self.lists == 1:
            raise OSError("connection refused")
        self.synced = True

    def watched(self) -> tuple[str, ...]:
        return ()

    async def until_changed(self) -> None:
        self.watching.set()
        await asyncio.Event().wait()

    async def resync(self) -> None:
        await asyncio.Event().wait()


async def test_a_cluster_that_cannot_be_listed_is_watched_as_soon_as_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    async def watch(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(main_module, "watch", watch)
    monkeypatch.setattr(main_module, "_AGAIN_SECONDS", 0.0)
    cluster = FakeCluster()
    following = asyncio.create_task(follow(cluster))  # type: ignore[arg-type]
    async with asyncio.timeout(10):
        await cluster.watching.wait()
    assert cluster.lists == 2
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
