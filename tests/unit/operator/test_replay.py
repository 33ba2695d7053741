"""Whole rollouts by the real reconciler over Prometheus' HTTP API, against the judge alone on the same counts.

Bit for bit: the evidence in the status is the one that the judge has after the same windows, and the rollout ends in
the pass in which it reaches its bound; whenever the operator is restarted.
"""

import copy
from collections import Counter
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import aiohttp
import numpy as np
import pytest

from support.fake_control_plane import FakeControlPlane
from support.fake_prometheus import FakePrometheus
from support.fake_world import EPOCH, SPEC
from timoneiro_judge.comparison import Comparison
from timoneiro_judge.counts import Counts, Limits, Window
from timoneiro_judge.text import decode, encode
from timoneiro_judge.verdict import Part, judge
from timoneiro_operator.api.times import read_moment
from timoneiro_operator.sources.allowed_urls import AllowedUrls
from timoneiro_operator.sources.prometheus import PrometheusSource
from timoneiro_operator.sources.prometheus_api import PrometheusApi

# End of a window, and the state of the judge after it.
Recorded = tuple[float, str]
SCRAPE, INTERVAL = 10, 30
LIMITS = Limits(tolerance=0.25, margin=1.0, negligible=0.01)
ENDED, BEGUN = "timoneiro_requests_ended_total", "timoneiro_requests_begun_total"


async def no_secret(namespace: str, name: str) -> dict[str, bytes]:
    raise AssertionError("nobody asked for a Secret")


class Replay:
    """Traffic of 50 requests a second, `rates` of failures by version; scraped every 10 s; looked at every 30 s."""

    def __init__(self, fake: FakePrometheus, session: aiohttp.ClientSession, url: str) -> None:
        self.fake, self._session, self._url = fake, session, url
        self.plane = FakeControlPlane(spec={**copy.deepcopy(SPEC), **self._spec(url)}, now=EPOCH)
        self.dice = np.random.default_rng(20261125)
        self.rates: dict[str, float] = {}
        self.bursts: set[int] = set()
        self.reset_at: set[int] = set()
        # Since their beginning, and since the last restart of their pod: requests and failures by revision.
        self.ever: dict[tuple[float, str], tuple[int, int]] = {}
        self.total: Counter[tuple[str, str]] = Counter()
        self.shown: Counter[tuple[str, str]] = Counter()
        self.versions: dict[str, str] = {}
        # When the gateway accepted each weight: a window begins there or where the one before ended.
        self.accepted: set[float] = set()
        self.start_operator()

    def _spec(self, url: str) -> dict[str, Any]:
        source = {"type": "Prometheus", "url": url, "selector": 'revision="{{revision}}"', "profile": "Timoneiro"}
        return {
            "rollout": {
                "canary": {"steps": [{"weight": 10, "for": "10m"}, {"weight": 50, "for": "10m"}]},
                "deadline": "2h",
            },
            "analysis": {
                "interval": "30s",
                "warmUp": "0s",
                "source": source,
                "minRequests": 50,
                "metrics": [{"name": "errors", "negligible": LIMITS.negligible}],
            },
        }

    def start_operator(self) -> None:
        """Another process: what the one before had in memory is gone."""
        source = PrometheusSource(PrometheusApi(self._session, no_secret, AllowedUrls([self._url])))
        self.look = self.plane.operator({"Prometheus": source})

    async def second(self) -> None:
        """One scrape interval goes by: requests are answered, pods are scraped, the operator has a look."""
        self.plane.now += SCRAPE
        at = self.plane.now
        tick = round(at - EPOCH)
        status = self.plane.status
        for part in ("stable", "candidate"):
            if part in status:
                self.versions[status[part]["revision"]] = status[part]["version"]
        for revision, weight in self.plane.weights().items():
            requests = int(self.dice.poisson(50 * SCRAPE * weight / 100))
            rate = self.rates.get(self.versions.get(revision, ""), 0.0) + (0.2 if tick in self.bursts else 0.0)
            failures = int(self.dice.binomial(requests, rate))
            if tick in self.reset_at:
                self.shown[revision, "requests"] = self.shown[revision, "failures"] = 0
            for counts in (self.total, self.shown):
                counts[revision, "requests"] += requests
                counts[revision, "failures"] += failures
            self.ever[at, revision] = (self.total[revision, "requests"], self.total[revision, "failures"])
            shown, failed = self.shown[revision, "requests"], self.shown[revision, "failures"]
            labels = {"revision": revision, "pod": f"pod-{revision}"}
            self.fake.add(BEGUN, at, shown, **labels)
            self.fake.add(ENDED, at, shown - failed, **labels, outcome="well")
            self.fake.add(ENDED, at, failed, **labels, outcome="failed")
            self.fake.add(
                "process_start_time_seconds", at, max((0, *(r for r in self.reset_at if r <= tick))), **labels
            )
            self.fake.add("up", at, 1.0, **labels)
        await self.look()
        step = self.plane.status.get("step") or {}
        if "startedAt" in step:
            self.accepted.add(read_moment(step["startedAt"]).timestamp())

    async def play(
        self, seconds: int, *, restart_every: int | None = None
    ) -> tuple[list[tuple[float, str]], str | None]:
        """Windows as the status has recorded them, as (end, state of the judge), and how the rollout ended."""
        recorded: list[Recorded] = []
        for number in range(seconds // SCRAPE):
            if restart_every and number % restart_every == 0:
                self.start_operator()
            await self.second()
            analysis = self.plane.status.get("analysis") or {}
            end = analysis.get("lastWindowEnd")
            if end and (not recorded or recorded[-1][0] != read_moment(end).timestamp()):
                recorded.append((read_moment(end).timestamp(), analysis["metrics"][0]["state"]))
            if "candidate" not in self.plane.status:
                return recorded, self.plane.status["history"][-1]["outcome"]
        return recorded, None

    async def rolling(self) -> tuple[str, str]:
        """Version 1 is live, and version 2 is what the spec wants; their revisions."""
        for _ in range(3):
            await self.second()
        self.plane.publish(2)
        await self.second()
        status = self.plane.status
        return status["stable"]["revision"], status["candidate"]["revision"]

    def shown_until(self, at: float, revision: str) -> tuple[int, int]:
        """True requests and failures of a revision at its last scrape until `at`."""
        return self.ever.get((at - (at - EPOCH) % SCRAPE, revision), (0, 0))

    def offline(self, stable: str, candidate: str, starts: list[float], ends: list[float]) -> list[Comparison]:
        """What the judge alone makes of the true counts of the same windows."""
        comparison, found = Comparison.begun(LIMITS), []
        for start, end in zip(starts, ends, strict=True):
            arms = []
            for revision in (candidate, stable):
                before, after = self.shown_until(start, revision), self.shown_until(end, revision)
                arms.append(Counts(requests=after[0] - before[0], events=after[1] - before[1]))
            comparison = comparison.observe(Window(candidate=arms[0], stable=arms[1], aligned=False))
            found.append(comparison)
        return found


@pytest.fixture
async def replay() -> AsyncIterator[Replay]:
    async with FakePrometheus().running() as (fake, session, url):
        yield Replay(fake, session, url)


def agrees(replay: Replay, arms: tuple[str, str], recorded: list[Recorded]) -> None:
    ends = [end for end, _ in recorded]
    begins = [*ends, *replay.accepted]
    starts = [max(begin for begin in begins if begin < end) for end in ends]
    offline = replay.offline(*arms, starts, ends)
    assert [state for _, state in recorded] == [f"Errors {encode(comparison)}" for comparison in offline]
    worse = [judge({"errors": Part(evidence=c)}, false_rollback=0.01, false_promotion=0.05).verdict for c in offline]
    assert "Worse" not in worse[:-1]


@pytest.mark.parametrize("restart_every", [None, 1, 7])
async def test_a_bad_candidate_goes_in_the_pass_in_which_the_judge_alone_has_seen_enough(
    replay: Replay, restart_every: int | None
) -> None:
    replay.rates = {"1": 0.02, "2": 0.04}
    arms = await replay.rolling()
    recorded, outcome = await replay.play(1800, restart_every=restart_every)
    assert outcome == "RolledBack"
    assert len(recorded) > 4
    agrees(replay, arms, recorded)


@pytest.mark.parametrize("restart_every", [None, 5])
async def test_a_good_candidate_is_promoted_and_no_window_is_lost_or_counted_twice(
    replay: Replay, restart_every: int | None
) -> None:
    replay.rates = {"1": 0.02, "2": 0.02}
    replay.bursts = {300, 310, 900}
    arms = await replay.rolling()
    recorded, outcome = await replay.play(3600, restart_every=restart_every)
    assert outcome == "Promoted"
    counted = decode(recorded[-1][1].removeprefix("Errors "))
    ends = [end for end, _ in recorded]
    assert all(later - earlier >= INTERVAL for earlier, later in pairwise(ends))
    asked = replay.shown_until(ends[-1], arms[1])[0]
    assert 0.95 * asked < counted.candidate.requests <= asked


async def test_counters_that_start_anew_change_no_count(replay: Replay) -> None:
    replay.rates = {"1": 0.02, "2": 0.05}
    replay.reset_at = {200, 330}
    arms = await replay.rolling()
    recorded, outcome = await replay.play(1800)
    assert outcome == "RolledBack"
    agrees(replay, arms, recorded)


async def test_while_prometheus_is_away_nothing_moves_and_afterwards_nothing_is_missing(replay: Replay) -> None:
    replay.rates = {"1": 0.02, "2": 0.02}
    await replay.rolling()
    await replay.play(120)
    before = replay.plane.status
    replay.fake.answer = (503, "", {"Retry-After": "1"})
    await replay.play(3600)
    during = replay.plane.status
    assert during["step"] == before["step"]
    assert during["analysis"] == before["analysis"]
    conditions = {c["type"]: (c["status"], c["reason"]) for c in during["conditions"]}
    assert conditions["MetricsAvailable"] == ("False", "ProviderUnavailable")
    since = {c["type"]: read_moment(c["lastTransitionTime"]).timestamp() for c in during["conditions"]}[
        "MetricsAvailable"
    ]
    assert since - EPOCH < 240
    replay.fake.answer = None
    recorded, _ = await replay.play(60)
    after = replay.plane.status["analysis"]["lastWindow"]
    assert recorded
    assert after["seconds"] <= 3600
