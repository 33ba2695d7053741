"""Reads beside the passes: begun when due, one at a time, handed out once, ended in time."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from timoneiro_operator.api.analysis_spec import Analysis, SourceSpec
from timoneiro_operator.api.duration import Duration
from timoneiro_operator.api.kinds import Key
from timoneiro_operator.decide.observation import Metrics
from timoneiro_operator.decide.steps import Arms
from timoneiro_operator.metrics.look import ArmTargets, Look
from timoneiro_operator.sources import reader as reader_module
from timoneiro_operator.sources.reader import Reader
from timoneiro_operator.sources.turns import SLOTS, SLOTS_OF_A_SOURCE

COUNTED = Metrics(window_end=7.0)


def look(name: str = "fraud", *, namespace: str = "ns", now: float = 1000.0, weight: int = 10) -> Look:
    def arm(revision: str) -> ArmTargets:
        return ArmTargets(revision=revision, inference_service=f"{name}-{revision}", workload=name)

    return Look(
        key=(namespace, name),
        arms=Arms("a", "b", weight, False, True),
        analysis=Analysis(),
        stable=arm("a"),
        candidate=arm("b"),
        now=now,
    )


class FakeSource:
    """Always due. Those of `hanging` answer never, the others at once, or when `go` says so."""

    def __init__(self) -> None:
        self.hanging: set[str] = set()
        self.broken = False
        self.go = asyncio.Event()
        self.go.set()
        self.asked: list[Look] = []
        self.ended: list[Key] = []
        self.told: Metrics | None = None
        self.questions: asyncio.Queue[Look] = asyncio.Queue()

    def known(self, look: Look) -> Metrics | None:
        self.questions.put_nowait(look)
        return self.told

    async def read(self, look: Look) -> Metrics:
        self.asked.append(look)
        try:
            if self.broken:
                raise KeyError("bucket")
            await (asyncio.Event() if look.key[1] in self.hanging else self.go).wait()
        finally:
            self.ended.append(look.key)
        return COUNTED

    def forget(self, key: Key) -> None: ...


class Bench:
    """A reader with a clock of its own, over a source that a test steers."""

    def __init__(self) -> None:
        self.source, self.now = FakeSource(), 1000.0
        self.woken: asyncio.Queue[Key] = asyncio.Queue()
        self.reader = Reader(
            {"Scrape": self.source, "Gateway": self.source}, wake=self.woken.put_nowait, clock=lambda: self.now
        )

    async def result(self, asked: Look) -> Metrics:
        """What a pass gets that comes after the read which it is woken for."""
        self.reader.measure(asked)
        async with asyncio.timeout(5):
            assert await self.woken.get() == asked.key
        return self.reader.measure(asked)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    await bench.reader.stop()


async def test_the_pass_that_begins_a_read_gets_nothing_of_it_and_the_one_that_is_woken_does(bench: Bench) -> None:
    assert bench.reader.measure(look()) == Metrics()
    await bench.woken.get()
    assert bench.reader.measure(look()) == COUNTED


async def test_a_result_is_handed_to_one_pass_only(bench: Bench) -> None:
    await bench.result(look())
    bench.source.go.clear()
    assert bench.reader.measure(look()) == Metrics()


def short(name: str = "fraud", **fields: Any) -> Look:
    """A look whose interval is over soon."""
    return replace(look(name, **fields), analysis=Analysis(interval=Duration("20ms")))


async def later(bench: Bench) -> None:
    """When another one, whose interval began after all before it, has been read by itself."""
    other = short(name="other")
    await bench.result(other)
    bench.reader.expect(other)
    async with asyncio.timeout(5):
        assert await bench.woken.get() == other.key


async def test_the_next_read_begins_by_itself_an_interval_after_its_counts_were_handed_out(bench: Bench) -> None:
    await bench.result(short())
    bench.reader.expect(short())
    assert len(bench.source.asked) == 1
    async with asyncio.timeout(5):
        assert await bench.woken.get() == short().key
    assert len(bench.source.asked) == 2
    assert bench.reader.measure(short()) == COUNTED


async def test_a_read_that_is_expected_and_not_due_begins_when_it_is(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "_NOT_DUE_SECONDS", 0.01)
    await bench.result(short())
    bench.source.told = Metrics(problem=("NoSeries", "there is none"))
    bench.source.questions = asyncio.Queue()
    bench.reader.expect(short())
    async with asyncio.timeout(5):
        for _ in range(3):
            await bench.source.questions.get()
    assert (len(bench.source.asked), bench.woken.empty()) == (1, True)
    bench.source.told = None
    async with asyncio.timeout(5):
        await bench.woken.get()


async def test_nothing_is_expected_before_the_first_counts_nor_after_the_end(bench: Bench) -> None:
    bench.reader.expect(short())
    await bench.result(short())
    bench.reader.expect(short())
    bench.reader.forget(short().key)
    await later(bench)
    assert [asked.key for asked in bench.source.asked].count(short().key) == 1


async def test_a_pass_that_comes_first_leaves_nothing_to_be_begun_by_itself(bench: Bench) -> None:
    await bench.result(short())
    bench.reader.expect(short())
    await bench.result(short(weight=50))
    await later(bench)
    assert [asked.arms.weight for asked in bench.source.asked if asked.key == short().key] == [10, 50]


async def test_what_a_pass_measures_ends_what_the_pass_before_it_expected(bench: Bench) -> None:
    await bench.result(short())
    bench.reader.expect(short())
    bench.source.told = Metrics(problem=("NoSeries", "there is none"))
    bench.reader.measure(short(weight=50))
    bench.source.told = None
    await later(bench)
    assert [asked.arms.weight for asked in bench.source.asked if asked.key == short().key] == [10]


async def test_nothing_is_read_while_the_source_knows_what_to_say(bench: Bench) -> None:
    bench.source.told = Metrics(problem=("NoSeries", "there is none"))
    assert bench.reader.measure(look()) == bench.source.told
    assert not len(bench.reader)


async def test_a_gateway_is_asked_by_a_few_rollouts_at_once_and_another_one_by_as_many(bench: Bench) -> None:
    bench.source.go.clear()
    counted = Analysis(source=SourceSpec(type="Gateway"))
    for gateway in ("one", "two"):
        for i in range(20):
            asked = look(f"{gateway}-{i}", namespace=f"ns-{i}")
            bench.reader.measure(replace(asked, analysis=counted, gateway=("kserve", gateway)))
    await asyncio.sleep(0)
    assert len(bench.source.asked) == 2 * SLOTS_OF_A_SOURCE


async def test_a_clock_that_is_set_back_keeps_nobody_waiting(bench: Bench) -> None:
    bench.source.broken = True
    await bench.result(look())
    bench.source.broken, bench.now = False, 1000.0 - 3600.0
    assert await bench.result(look(now=bench.now)) == COUNTED


async def test_passes_that_come_while_a_read_runs_begin_no_other(bench: Bench) -> None:
    bench.source.go.clear()
    for _ in range(5):
        bench.reader.measure(look())
        await asyncio.sleep(0)
    assert len(bench.source.asked) == 1


async def test_a_read_at_another_weight_is_given_up(bench: Bench) -> None:
    bench.source.go.clear()
    bench.reader.measure(look(weight=10))
    await asyncio.sleep(0)
    bench.reader.measure(look(weight=50))
    bench.source.go.set()
    await bench.woken.get()
    assert [asked.arms.weight for asked in bench.source.asked] == [10, 50]
    assert bench.reader.measure(look(weight=50)) == COUNTED


async def test_a_result_of_another_weight_is_handed_to_nobody(bench: Bench) -> None:
    bench.reader.measure(look(weight=10))
    await bench.woken.get()
    assert bench.reader.measure(look(weight=50)) == Metrics()


async def test_a_source_that_fails_in_an_unknown_way_is_a_problem_with_a_name(bench: Bench) -> None:
    bench.source.broken = True
    result = await bench.result(look())
    assert result.problem == ("SourceFailed", "the metrics cannot be read: KeyError")


async def test_a_source_that_fails_in_an_unknown_way_is_asked_again_after_an_interval_and_not_before(
    bench: Bench,
) -> None:
    bench.source.broken = True
    await bench.result(look())
    assert bench.reader.measure(look(now=1029.0)).problem is not None
    assert not len(bench.reader)
    bench.reader.measure(look(now=1030.0))
    assert len(bench.reader) == 1


async def test_a_source_that_never_answers_is_a_problem_with_a_name(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "LONGEST_READ_SECONDS", 0.05)
    bench.source.hanging = {"fraud"}
    result = await bench.result(look())
    assert result.problem is not None
    assert result.problem[0] == "SourceSlow"


async def test_a_problem_stands_while_the_next_read_runs(bench: Bench) -> None:
    bench.source.broken = True
    problem = (await bench.result(look())).problem
    bench.source.broken = False
    bench.source.go.clear()
    assert bench.reader.measure(look(now=1060.0)).problem == problem
    assert len(bench.reader) == 1


async def test_a_read_that_waits_for_too_long_says_that_others_hang(bench: Bench) -> None:
    bench.source.hanging = {f"md-{i}" for i in range(2 * SLOTS)}
    for i in range(2 * SLOTS):
        bench.reader.measure(look(f"md-{i}", namespace=f"ns-{i}"))
    bench.reader.measure(look())
    problem = bench.reader.measure(look(now=1046.0)).problem
    assert problem is not None
    assert problem[0] == "ReadsWaiting"


async def test_counts_are_dated_when_they_are_read_and_not_when_the_read_began_to_wait(bench: Bench) -> None:
    bench.now = 1012.5
    await bench.result(look(now=1000.0))
    assert bench.source.asked[0].now == 1012.5


@pytest.mark.parametrize("hanging", [40, 400])
async def test_once_they_are_known_as_slow_sources_that_hang_never_keep_one_that_answers_waiting(
    bench: Bench, hanging: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "LONGEST_READ_SECONDS", 0.02)
    monkeypatch.setattr(reader_module, "_SLOW_SECONDS", 0.01)
    silent = [look(f"md-{i}") for i in range(hanging)]
    bench.source.hanging = {one.key[1] for one in silent}
    for one in silent:
        bench.reader.measure(one)
    async with asyncio.timeout(30):
        for _ in silent:
            await bench.woken.get()
    monkeypatch.setattr(reader_module, "LONGEST_READ_SECONDS", 60.0)
    later = [replace(one, now=2000.0) for one in silent]
    for one in (*later, *later):
        bench.reader.measure(one)
    assert await bench.result(look("healthy", now=2000.0)) == COUNTED


async def test_a_deployment_that_is_forgotten_is_read_no_more(bench: Bench) -> None:
    bench.source.go.clear()
    bench.reader.measure(look())
    await asyncio.sleep(0)
    bench.reader.forget(look().key)
    await asyncio.sleep(0)
    assert bench.source.ended == [look().key]
    assert not len(bench.reader)
