"""Cold starts, played through the Scrape source and the judge as the operator has them: marks, deltas, windows."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from timoneiro_operator.api.analysis_spec import Analysis
from timoneiro_operator.api.analysis_status import AnalysisStatus
from timoneiro_operator.api.duration import Duration
from timoneiro_operator.api.status import Status, Step
from timoneiro_operator.api.times import moment
from timoneiro_operator.decide.analysis import fold
from timoneiro_operator.decide.steps import Arms
from timoneiro_operator.metrics.look import ArmTargets, Look, Target
from timoneiro_operator.metrics.samples import Sample
from timoneiro_operator.sources.scrape import ScrapeSource

BEGIN, INTERVAL = 1_800_000_000.0, 30.0
RATE, SHARE, BASE = 100.0, 0.05, 0.002
ROLLOUTS = 30
STABLE, CANDIDATE = Target("a", "a", "10.0.0.1"), Target("b", "b", "10.0.0.2", ready_since=BEGIN - 20.0)


class FakeScrapes(ScrapeSource):
    """The source as it is, but for the way to the pods. `shown`: requests and failures by pod."""

    def __init__(self) -> None:
        super().__init__(pods=None)  # type: ignore[arg-type]
        self.shown = {"a": (0, 0), "b": (0, 0)}

    async def _read_one(self, look: Look, arm: ArmTargets, pod: Target) -> Sample:
        requests, failed = self.shown[pod.name]
        return Sample(requests=requests, failed=failed, begun=requests, started=1.0)


@dataclass
class Rollout:
    """A candidate that has 5 % of 100 requests a second, and fails by `cold` more often in its first `seconds`."""

    dice: np.random.Generator
    cold: float
    seconds: float
    warm_up: str = "60s"
    source: FakeScrapes = field(default_factory=FakeScrapes)
    kept: AnalysisStatus | None = None

    def asked(self, now: float) -> None:
        """Requests of five seconds that end at `now`."""
        cold = self.cold if now - BEGIN <= self.seconds else 0.0
        for pod, share, rate in (("a", 1.0 - SHARE, BASE), ("b", SHARE, BASE + cold)):
            requests, failed = self.source.shown[pod]
            more = int(self.dice.poisson(5.0 * RATE * share))
            self.source.shown[pod] = requests + more, failed + int(self.dice.binomial(more, min(rate, 1.0)))

    async def rolled_back_after(self, seconds: float) -> float | None:
        """Seconds after its first traffic until it is judged worse; None when it is not, by the end of `seconds`."""
        step = Step(kind="Weight", index=0, count=3, weight=5, started_at=moment(BEGIN))
        for now in np.arange(BEGIN + 5.0, BEGIN + seconds, 5.0).tolist():
            self.asked(now)
            look = self.look(now)
            if self.source.known(look) is not None:
                continue
            seen = await self.source.read(look)
            self.kept, verdict = fold(Status(analysis=self.kept, step=step), "b", "a", look.analysis, seen)
            if verdict == "Worse":
                return now - BEGIN
        return None

    def look(self, now: float) -> Look:
        def arm(pod: Target, **fields: Any) -> ArmTargets:
            return ArmTargets(revision=pod.name, inference_service="f", workload="f", pods=(pod,), **fields)

        return Look(
            key=("ns", "f"),
            arms=Arms("a", "b", 5, mirrored=False, accepted=True),
            analysis=Analysis(interval=Duration(f"{INTERVAL:.0f}s"), warm_up=Duration(self.warm_up)),
            stable=arm(STABLE),
            candidate=arm(CANDIDATE, traffic_since=BEGIN),
            now=now,
            recorded=self.kept.last_window_end if self.kept else None,
            since=BEGIN,
        )


async def played(rollouts: int = ROLLOUTS, *, until: float = 420.0, **how: Any) -> list[float | None]:
    return [
        await Rollout(np.random.default_rng([777, number]), **how).rolled_back_after(until)
        for number in range(rollouts)
    ]


@pytest.mark.parametrize(("cold", "seconds"), [(0.05, 30.0), (0.3, 20.0), (0.02, 60.0)])
async def test_a_harmless_candidate_with_a_cold_start_stays(cold: float, seconds: float) -> None:
    assert await played(cold=cold, seconds=seconds) == [None] * ROLLOUTS


async def test_without_a_warm_up_most_of_them_go_back() -> None:
    back = await played(cold=0.05, seconds=30.0, warm_up="0s")
    assert sum(after is not None for after in back) > ROLLOUTS / 2


async def test_a_candidate_that_fails_on_every_request_goes_back_with_the_first_window() -> None:
    back = await played(10, cold=1.0, seconds=600.0)
    assert back == [35.0] * 10


async def test_a_candidate_that_is_bad_after_its_warm_up_is_found_all_the_same() -> None:
    back = await played(10, cold=0.05, seconds=600.0)
    assert all(after is not None and 60.0 < after < 240.0 for after in back), back


async def test_half_of_all_failing_is_no_more_than_the_limit_allows() -> None:
    assert await played(cold=0.498, seconds=60.0) == [None] * ROLLOUTS
