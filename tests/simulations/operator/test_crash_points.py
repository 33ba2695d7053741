"""An operator that dies before and after each of the writes of a rollout: the rollout ends as it does without.

The real reconciler and source on a virtual clock; the control plane and Prometheus are fakes, and so is the death:
what a process that is killed leaves behind is what it has written, and nothing of its memory.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from support.fake_control_plane import Body, FakeControlPlane
from support.fake_prometheus import FakePrometheus
from support.fake_world import EPOCH
from timoneiro_operator.api.kinds import Key, Kind
from timoneiro_operator.sources.allowed_urls import AllowedUrls
from timoneiro_operator.sources.prometheus import PrometheusSource
from timoneiro_operator.sources.prometheus_api import PrometheusApi

SCRAPE, REQUESTS = 10, 400
LONGEST = 900
ENDED, BEGUN = "timoneiro_requests_ended_total", "timoneiro_requests_begun_total"
ROLLOUT = {
    "canary": {"steps": [{"weight": 20, "for": "30s"}, {"weight": 50, "for": "30s"}]},
    "keepStable": "20s",
    "scaleDownDelay": "10s",
}


class Died(BaseException):
    """The process is gone: nothing in it hears of this."""


@dataclass
class MortalControlPlane(FakeControlPlane):
    """Its operator dies at the `dies_at`-th write: before it is done, or when it is done and not answered."""

    dies_at: int = 0
    after: bool = False
    written: list[str] = field(default_factory=list)

    async def apply(self, kind: Kind, body: Body, *, first: bool) -> Body:
        applied: Body = await self._write(
            f"apply {kind}", lambda: super(MortalControlPlane, self).apply(kind, body, first=first)
        )
        return applied

    async def delete(self, kind: Kind, key: Key) -> None:
        await self._write(f"delete {kind}", lambda: super(MortalControlPlane, self).delete(kind, key))

    async def write_status(self, body: Body, status: Body) -> Body:
        written: Body = await self._write("status", lambda: super(MortalControlPlane, self).write_status(body, status))
        return written

    async def record_event(self, body: Body, **event: Any) -> None:
        await self._write("event", lambda: super(MortalControlPlane, self).record_event(body, **event))

    async def _write(self, what: str, write: Callable[[], Awaitable[Any]]) -> Any:
        self.written.append(what)
        dies = len(self.written) == self.dies_at
        if dies and not self.after:
            raise Died
        result = await write()
        if dies:
            raise Died
        return result


async def no_secret(namespace: str, name: str) -> dict[str, bytes]:
    raise AssertionError("nobody asked for a Secret")


@dataclass
class Story:
    """A first model, then a second one that fails on a share of its requests, until nothing is left to do."""

    fake: FakePrometheus
    session: aiohttp.ClientSession
    url: str
    failing: float
    # It fails from its promotion on, and not before.
    late: bool = False
    plane: MortalControlPlane = field(init=False)
    counters: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        source = {"type": "Prometheus", "url": self.url, "selector": 'revision="{{revision}}"', "profile": "Timoneiro"}
        spec = {
            "model": {"format": {"name": "sklearn"}, "uri": "s3://models/fraud/1", "version": "1"},
            "route": {"hostnames": ["fraud.example.com"]},
            "rollout": {**ROLLOUT, "keepStable": "40s"} if self.late else ROLLOUT,
            "analysis": {
                "interval": "10s",
                "warmUp": "0s",
                "source": source,
                "minRequests": 20,
                "promotion": "NoHarm",
                "metrics": [{"name": "errors", "negligible": 0.01}],
            },
        }
        self.plane = MortalControlPlane(spec=spec, now=EPOCH)
        self.start_operator()

    def start_operator(self) -> None:
        source = PrometheusSource(PrometheusApi(self.session, no_secret, AllowedUrls([self.url])))
        self.look = self.plane.operator({"Prometheus": source})

    async def play(self, *, dies_at: int = 0, after: bool = False) -> None:
        """The first model is live; from the second one on the operator dies once."""
        for _ in range(2):
            await self.tick()
        self.plane.written.clear()
        self.plane.dies_at, self.plane.after = dies_at, after
        self.plane.publish(2)
        for _ in range(LONGEST // SCRAPE):
            await self.tick()
            if self.plane.status.get("history", [{}])[-1].get("version") == "2" and not self.plane.status.get(
                "retiring"
            ):
                return
        raise AssertionError(f"the rollout has not ended: {self.plane.status}")

    async def tick(self) -> None:
        """One scrape interval: requests are answered, pods are scraped, the operator has a look, or dies in it."""
        self.plane.now += SCRAPE
        parts = ("stable",) if self.late else ("stable", "candidate")
        versions = {
            self.plane.status[part]["revision"]: self.plane.status[part]["version"]
            for part in parts
            if part in self.plane.status
        }
        for revision, weight in self.plane.weights().items():
            requests = REQUESTS * weight // 100
            failures = round(requests * self.failing) if versions.get(revision) == "2" else 0
            self.counters[revision, "failed"] += failures
            self.counters[revision, "well"] += requests - failures
            labels = {"revision": revision, "pod": f"pod-{revision}"}
            well, failed = self.counters[revision, "well"], self.counters[revision, "failed"]
            self.fake.add(BEGUN, self.plane.now, well + failed, **labels)
            self.fake.add(ENDED, self.plane.now, well, **labels, outcome="well")
            self.fake.add(ENDED, self.plane.now, failed, **labels, outcome="failed")
            self.fake.add("process_start_time_seconds", self.plane.now, 0, **labels)
            self.fake.add("up", self.plane.now, 1.0, **labels)
        try:
            await self.look()
        except Died:
            self.start_operator()


@pytest.fixture
async def prometheus() -> AsyncIterator[tuple[FakePrometheus, aiohttp.ClientSession, str]]:
    async with FakePrometheus().running() as running:
        yield running


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("failing", "late", "outcomes"),
    [(0.0, False, ["Promoted"]), (0.5, False, ["RolledBack"]), (0.5, True, ["Promoted", "RolledBack"])],
)
async def test_a_rollout_ends_as_it_should_wherever_its_operator_dies(
    prometheus: tuple[FakePrometheus, aiohttp.ClientSession, str],
    failing: float,
    late: bool,
    outcomes: list[str],
    after: bool,
) -> None:
    undisturbed = Story(*prometheus, failing, late)
    await undisturbed.play()
    writes = list(undisturbed.plane.written)
    assert undisturbed.plane.status["history"][-1]["outcome"] == outcomes[-1]
    for number, what in enumerate(writes, start=1):
        prometheus[0].samples.clear()
        story = Story(*prometheus, failing, late)
        await story.play(dies_at=number, after=after)
        where = f"write {number} of {len(writes)} ({what})"
        ends = [entry["outcome"] for entry in story.plane.status["history"] if entry["version"] == "2"]
        assert ends == outcomes, where
        assert story.plane.weights() == undisturbed.plane.weights(), where
        services = {name for kind, name in story.plane.objects if kind == "InferenceService"}
        assert services == {name for kind, name in undisturbed.plane.objects if kind == "InferenceService"}, where
        assert len(story.plane.written) >= number, where
