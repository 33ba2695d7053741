"""Leadership: one acts at a time, by clocks that are never compared."""

import asyncio
from typing import Any

import pytest
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import Status as ApiStatus

from timoneiro_operator.kube import lease as module
from timoneiro_operator.kube.lease import DURATION_SECONDS, RENEW_SECONDS, LeaderLease


class FakeLeases:
    """One Lease in memory, with the API server's rule for writes that come too late."""

    def __init__(self) -> None:
        self.body: dict[str, Any] | None = None
        self.away = False
        self.denied: str | None = None
        self.version = 0
        self.asked: list[str] = []
        # What was asked while it was away.
        self.refused: asyncio.Queue[str] = asyncio.Queue()

    def _answer(self, verb: str) -> None:
        self.asked.append(verb)
        if self.away:
            self.refused.put_nowait(verb)
            raise OSError("connection refused")
        if verb == self.denied:
            raise ApiError(status=ApiStatus(code=403, message=f"cannot {verb} leases"))

    async def get(self, resource: Any, name: str, *, namespace: str) -> Any:
        self._answer("get")
        if self.body is None:
            raise ApiError(status=ApiStatus(code=404, message="not found"))
        return module.LEASE.from_dict(self.body)

    async def create(self, lease: Any) -> None:
        self._answer("create")
        if self.body is not None:
            raise ApiError(status=ApiStatus(code=409, message="exists"))
        self.store(lease.to_dict())

    async def replace(self, lease: Any) -> Any:
        self._answer("update")
        body = lease.to_dict()
        if self.body is None or body["metadata"]["resourceVersion"] != self.body["metadata"]["resourceVersion"]:
            raise ApiError(status=ApiStatus(code=409, message="changed"))
        return self.store(body)

    def store(self, body: dict[str, Any]) -> Any:
        self.version += 1
        self.body = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
        return module.LEASE.from_dict(self.body)

    @property
    def holder(self) -> str:
        return self.body["spec"]["holderIdentity"] if self.body else ""


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def leases() -> FakeLeases:
    return FakeLeases()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def candidate(leases: FakeLeases, clock: Clock, name: str) -> LeaderLease:
    return LeaderLease(leases, namespace="ns", name="l", identity=name, clock=clock)  # type: ignore[arg-type]


async def test_the_first_one_leads_and_the_second_stands_by(leases: FakeLeases, clock: Clock) -> None:
    first, second = candidate(leases, clock, "a"), candidate(leases, clock, "b")
    assert await first.attempt()
    assert not await second.attempt()
    assert (first.held(), second.held(), leases.holder) == (True, False, "a")


async def test_a_standby_takes_over_only_after_it_has_seen_no_renewal_for_the_whole_duration(
    leases: FakeLeases, clock: Clock
) -> None:
    first, second = candidate(leases, clock, "a"), candidate(leases, clock, "b")
    await first.attempt()
    await second.attempt()
    clock.now += DURATION_SECONDS - 1
    assert not await second.attempt()
    clock.now += 1
    assert await second.attempt()
    assert leases.holder == "b"


async def test_a_leader_renews_without_reading_what_it_has_written_itself(leases: FakeLeases, clock: Clock) -> None:
    first = candidate(leases, clock, "a")
    await first.attempt()
    await first.attempt()
    leases.asked.clear()
    assert await first.attempt()
    assert leases.asked == ["update"]


async def test_a_leader_whose_lease_somebody_has_touched_reads_it_and_goes_on(leases: FakeLeases, clock: Clock) -> None:
    first = candidate(leases, clock, "a")
    await first.attempt()
    await first.attempt()
    assert leases.body is not None
    leases.store(leases.body)
    assert await first.attempt()
    assert leases.holder == "a"


async def test_a_leader_whose_lease_was_deleted_makes_it_again(leases: FakeLeases, clock: Clock) -> None:
    first = candidate(leases, clock, "a")
    await first.attempt()
    await first.attempt()
    leases.body = None
    assert await first.attempt()
    assert leases.holder == "a"


async def test_a_leader_that_was_taken_over_gets_nothing_by_renewing(leases: FakeLeases, clock: Clock) -> None:
    first, second = candidate(leases, clock, "a"), candidate(leases, clock, "b")
    await first.attempt()
    await first.attempt()
    await second.attempt()
    clock.now += DURATION_SECONDS
    assert await second.attempt()
    assert not await first.attempt()
    assert (first.held(), leases.holder) == (False, "b")


async def test_a_renewal_starts_the_wait_of_a_standby_anew(leases: FakeLeases, clock: Clock) -> None:
    first, second = candidate(leases, clock, "a"), candidate(leases, clock, "b")
    await first.attempt()
    await second.attempt()
    clock.now += 9
    # Two renewals within one tick of a coarse clock would look alike; the time in the lease is the wall clock's.
    await asyncio.sleep(0)
    assert await first.attempt()
    clock.now += 9
    assert not await second.attempt()


async def test_a_leader_that_was_asleep_may_not_act_before_others_may_take_over(
    leases: FakeLeases, clock: Clock
) -> None:
    first = candidate(leases, clock, "a")
    await first.attempt()
    clock.now += RENEW_SECONDS
    assert not first.held()
    assert RENEW_SECONDS < DURATION_SECONDS


async def test_two_who_try_at_once_do_not_both_win(leases: FakeLeases, clock: Clock) -> None:
    first, second = candidate(leases, clock, "a"), candidate(leases, clock, "b")
    assert sorted(await asyncio.gather(first.attempt(), second.attempt())) == [False, True]


async def test_a_leader_whose_api_server_is_away_loses_the_leadership_by_its_own_clock(
    leases: FakeLeases, clock: Clock
) -> None:
    first = candidate(leases, clock, "a")
    await first.attempt()
    leases.away = True
    assert not await first.attempt()
    assert first.held()
    clock.now += RENEW_SECONDS
    assert not first.held()


async def test_a_lease_that_is_released_is_free_at_once(leases: FakeLeases, clock: Clock) -> None:
    first, second = candidate(leases, clock, "a"), candidate(leases, clock, "b")
    await first.attempt()
    await first.release()
    assert not first.held()
    assert await second.attempt()


async def test_a_lease_of_somebody_else_is_not_released(leases: FakeLeases, clock: Clock) -> None:
    first, second = candidate(leases, clock, "a"), candidate(leases, clock, "b")
    await first.attempt()
    await second.release()
    assert leases.holder == "a"


async def test_a_release_that_the_api_server_does_not_hear_stops_nobody(leases: FakeLeases, clock: Clock) -> None:
    first = candidate(leases, clock, "a")
    await first.attempt()
    leases.away = True
    await first.release()
    assert not first.held()


async def test_keeping_ends_when_somebody_else_has_taken_the_lease(
    leases: FakeLeases, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.0)
    first = candidate(leases, clock, "a")
    await first.acquire()
    assert leases.body is not None
    leases.store({**leases.body, "spec": {**leases.body["spec"], "holderIdentity": "b", "renewTime": "later"}})
    await asyncio.wait_for(first.keep(), timeout=5)
    assert not first.held()


@pytest.mark.parametrize("before", ["another one", ""])
async def test_a_leader_that_has_taken_over_survives_a_renewal_that_fails(
    leases: FakeLeases, clock: Clock, before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.0)
    spec = {"holderIdentity": before, "renewTime": "then"}
    leases.store({"metadata": {"name": "lease", "namespace": "ns"}, "spec": spec})
    first = candidate(leases, clock, "a")
    await first.attempt()
    clock.now += DURATION_SECONDS
    await first.acquire()
    leases.away = True
    keeping = asyncio.create_task(first.keep())
    async with asyncio.timeout(5):
        for _ in range(2):
            await leases.refused.get()
    leases.away = False
    assert (keeping.done(), first.held()) == (False, True)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


async def test_standing_by_ends_when_the_lease_is_free(
    leases: FakeLeases, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.0)
    first, second = candidate(leases, clock, "a"), candidate(leases, clock, "b")
    await first.attempt()
    waiting = asyncio.create_task(second.acquire())
    await asyncio.sleep(0)
    await first.release()
    await asyncio.wait_for(waiting, timeout=5)
    assert leases.holder == "b"


async def test_a_standby_is_there_at_the_moment_at_which_the_lease_is_free(
    leases: FakeLeases, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def sleep(seconds: float) -> None:
        clock.now += seconds

    monkeypatch.setattr(module.asyncio, "sleep", sleep)
    await candidate(leases, clock, "a").attempt()
    began = clock.now
    await candidate(leases, clock, "b").acquire()
    assert leases.holder == "b"
    assert clock.now - began == DURATION_SECONDS


async def test_transitions_are_counted_and_renewals_are_not(leases: FakeLeases, clock: Clock) -> None:
    first, second = candidate(leases, clock, "a"), candidate(leases, clock, "b")
    await first.attempt()
    await first.attempt()
    await first.release()
    await second.attempt()
    assert leases.body is not None
    assert leases.body["spec"]["leaseTransitions"] == 2


@pytest.mark.parametrize(("verb", "there"), [("get", False), ("create", False), ("update", True)])
async def test_a_lease_that_is_denied_leads_nobody_says_so_and_is_taken_when_it_is_allowed(
    leases: FakeLeases, clock: Clock, verb: str, there: bool
) -> None:
    if there:
        other = candidate(leases, clock, "b")
        await other.attempt()
        await other.release()
    first, leases.denied = candidate(leases, clock, "a"), verb
    assert not await first.attempt()
    assert first.denied == f"cannot {verb} leases"
    leases.denied = None
    assert await first.attempt()
    assert first.denied is None
