"""A rollout of version 2 over version 1, played by the real reconciler on a fake control plane that has its faults."""

import copy
from typing import Any

from support.fake_control_plane import FakeControlPlane
from support.fake_world import EPOCH, SPEC
from timoneiro_judge.counts import Counts, Window
from timoneiro_operator.decide.observation import Metrics
from timoneiro_operator.metrics.look import Look

INTERVAL = 10.0


class FakeSource:
    """Thousand requests in each interval, split as the gateway does; `failing` is the share of the candidate's."""

    def __init__(self) -> None:
        self.share, self.failing = 0, 0.005

    def forget(self, key: tuple[str, str]) -> None: ...

    def known(self, look: Look) -> Metrics | None:
        begun = look.recorded.timestamp() if look.recorded else EPOCH
        due = look.since is not None and look.now - max(begun, look.since) >= INTERVAL
        return None if due else Metrics()

    async def read(self, look: Look) -> Metrics:
        requests = 10 * self.share
        window = Window(
            candidate=Counts(requests=requests, events=round(requests * self.failing)),
            stable=Counts(requests=1000 - requests, events=round((1000 - requests) * 0.005)),
        )
        return Metrics(windows={"errors": window}, window_end=look.now, seconds=INTERVAL)


class FaultyRollout:
    """One rollout. `faults` are fields of the FakeControlPlane; others may come while it goes on."""

    def __init__(self, **faults: Any) -> None:
        self.source = FakeSource()
        self.plane = FakeControlPlane(spec=copy.deepcopy(SPEC), now=EPOCH, **faults)
        self.start()

    def start(self) -> None:
        """Another process: what the one before had in memory is gone."""
        self.look = self.plane.operator({"Scrape": self.source})

    async def go_on(self, seconds: int) -> list[int]:
        """Percent of the traffic of what is not the first model, as it was over time."""
        shares = []
        for _ in range(seconds // 5):
            self.plane.now += 5
            self.source.share = self.share()
            await self.look()
            shares.append(self.share())
        return shares

    def share(self) -> int:
        return 100 - self.plane.weights().get(self.first, 0)

    async def until_it_has_traffic(self) -> None:
        await self.look()
        (self.first,) = self.plane.weights()
        self.plane.publish(2)
        await self.go_on(25)
        assert self.share() == 10, self.plane.status
