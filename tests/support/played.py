"""Rollouts of the deployment `fraud` in namespace `ns`, played through `decide`: what reports are about."""

from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import msgspec

from support.fake_world import SPEC, FakeWorld
from timoneiro_judge.counts import Counts, Window
from timoneiro_operator.api import names
from timoneiro_operator.decide.observation import Observation

SOURCE = {"type": "Prometheus", "url": "http://prometheus.example.com"}
ONE, TWO = "s3://models/fraud/1", "s3://models/fraud/2"

METRICS: list[dict[str, Any]] = [
    {"name": "errors", "negligible": 0.001},
    {"name": "slow", "type": "Latency", "threshold": "250ms", "negligible": 0.01},
    {
        "name": "declines",
        "type": "Ratio",
        "role": "Inform",
        "events": 'declines_total{pod=~"{{workload}}-.+"}',
        "total": 'requests_total{pod=~"{{workload}}-.+"}',
    },
    {"name": "contract", "type": "Guard", "of": "errors", "max": 0.05},
]


@dataclass
class WorldOfMetrics(FakeWorld):
    """Counts of several metrics. `rates`: events per request, by metric and model uri."""

    rates: dict[str, dict[str, float]] = field(default_factory=dict)
    more_dice: Random = field(default_factory=lambda: Random(11))

    def observe(self) -> Observation:
        seen = super().observe()
        counted = seen.metrics.windows.get("errors")
        if counted is None:
            return seen
        arms = (self.status.stable, self.status.candidate)
        uris = [self.uris[arm.revision] if arm else "" for arm in arms]
        more = {
            name: Window(
                stable=self.again(counted.stable, rates.get(uris[0], 0.0)),
                candidate=self.again(counted.candidate, rates.get(uris[1], 0.0)),
            )
            for name, rates in self.rates.items()
        }
        windows = {**seen.metrics.windows, **more}
        return replace(seen, metrics=replace(seen.metrics, windows=windows, bounds={"slow>250ms": (0.25,)}))

    def again(self, counts: Counts, rate: float) -> Counts:
        events = sum(self.more_dice.random() < rate for _ in range(counts.requests))
        return Counts(requests=counts.requests, events=events)

    def body(self) -> dict[str, Any]:
        """The object as the API server has it."""
        return {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "metadata": {"name": "fraud", "namespace": "ns", "uid": "u", "generation": self.generation},
            "spec": self.spec,
            "status": msgspec.json.decode(msgspec.json.encode(self.status)),
        }


def world(errors: tuple[float, float], *, rollout: dict[str, Any] | None = None, **analysis: Any) -> WorldOfMetrics:
    """Version 1 serves. `errors`: rates of versions 1 and 2."""
    made = WorldOfMetrics(
        rate={ONE: errors[0], TWO: errors[1]},
        rates={"slow": {ONE: 0.03, TWO: 0.031}, "declines": {ONE: 0.2, TWO: 0.26}},
    )
    made.spec["model"] |= {"digest": f"sha256:{'1a' * 32}"}
    made.spec["rollout"] = rollout or SPEC["rollout"]
    made.spec["analysis"] = {
        "interval": "10s",
        "warmUp": "0s",
        "minRequests": 50,
        "source": SOURCE,
        "metrics": METRICS,
        **analysis,
    }
    made.healthy()
    return made


def promoted() -> WorldOfMetrics:
    """A canary that is as good as the model before it, paused by a person on its way."""
    played = world((0.01, 0.01))
    played.requests_per_second = 40.0
    played.model(2)
    played.until("Progressing 1/2")
    played.trace(10, 3)
    played.ask("pause", by="ana@example.com")
    played.trace(10, 4)
    played.ask("resume", by="ana@example.com")
    played.until("Healthy", seconds=10)
    return played


def rolled_back() -> WorldOfMetrics:
    """A canary that fails twice as often: the evidence takes it back."""
    played = world((0.01, 0.035))
    played.requests_per_second = 60.0
    played.model(2)
    played.until("RolledBack", seconds=10)
    return played


def in_holdback() -> WorldOfMetrics:
    """A canary that was promoted, while the old model keeps a tenth of the traffic."""
    played = world((0.01, 0.01), rollout={**SPEC["rollout"], "holdback": 10, "keepStable": "10m"})
    played.requests_per_second = 40.0
    played.model(2)
    played.until("Healthy holdback", seconds=10)
    played.trace(10, 6)
    return played


def rolled_back_from_holdback() -> WorldOfMetrics:
    """A canary that fails under full load, and not before."""
    played = in_holdback()
    played.rate[TWO] = 0.1
    played.until("RolledBack", seconds=10)
    return played


def blue_green() -> WorldOfMetrics:
    """A blue-green rollout, in the bake after the promotion."""
    played = world((0.01, 0.009), rollout={"strategy": "BlueGreen", "blueGreen": {"mirror": "2m", "bake": "5m"}})
    played.requests_per_second = 60.0
    played.model(2)
    played.until("Healthy bake", seconds=10)
    played.trace(10, 6)
    return played


def holding() -> WorldOfMetrics:
    """A canary with too little traffic to know: done with its steps, it waits for evidence."""
    played = world((0.01, 0.012))
    played.requests_per_second = 3.0
    played.model(2)
    played.until("Holding 2/2", seconds=10)
    played.ask("promote", by="ben", revision="00000000")
    played.trace(10, 60)
    return played


def no_harm() -> WorldOfMetrics:
    """A canary that is promoted because there was no evidence against it."""
    played = world((0.01, 0.012), promotion="NoHarm")
    played.requests_per_second = 3.0
    played.model(2)
    played.until("Healthy", seconds=10)
    return played


def first() -> WorldOfMetrics:
    """The first model of all."""
    return world((0.0, 0.0))


def rolled_back_at_once() -> WorldOfMetrics:
    """One metric, and a candidate that is so bad that the first windows tell."""
    played = world((0.01, 0.2), metrics=METRICS[:1], source={"type": "Scrape"})
    played.requests_per_second = 20.0
    played.model(2)
    played.until("RolledBack", seconds=10)
    return played
