"""Which counts of which pods are compared: those of windows that began when the pod had warmed up."""

import asyncio
import math
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from support.fake_pods import FakePods
from support.fake_prometheus import FakePrometheus
from support.fake_world import FakeWorld
from support.pods import pod_of
from timoneiro_judge import Counts, Window
from timoneiro_operator.api.analysis_spec import Analysis, SourceSpec
from timoneiro_operator.api.duration import Duration
from timoneiro_operator.api.status import Candidate, Stable, Status
from timoneiro_operator.api.times import moment
from timoneiro_operator.decide.observation import Metrics
from timoneiro_operator.decide.steps import Arms
from timoneiro_operator.drivers.driver import Children
from timoneiro_operator.metrics.look import ArmTargets, Look, Target
from timoneiro_operator.metrics.profiles import PROFILES
from timoneiro_operator.metrics.samples import PodCounts, Sample
from timoneiro_operator.metrics.windows import ArmCounts
from timoneiro_operator.sources.allowed_urls import AllowedUrls
from timoneiro_operator.sources.gateway import GatewayPods, GatewaySource
from timoneiro_operator.sources.prometheus import SETTLE_SECONDS, PrometheusSource
from timoneiro_operator.sources.prometheus_api import PrometheusApi
from timoneiro_operator.sources.scrape import ScrapeSource
from timoneiro_operator.targets.arms import arm_targets

ARMS = Arms("a", "b", 10, False, True)
A, B, C = (Target(f"uid-{name}", name, f"10.0.0.{number}") for number, name in enumerate("abc"))
NOW = 1_800_000_000.0


def look(now: float, **fields: Any) -> Look:
    """Both models have served for long, with a pod each: `a` and `b`."""
    arms = {
        name: ArmTargets(revision=name, inference_service=f"f-{name}", workload=f"f-{name}", pods=(pod,))
        for name, pod in (("a", A), ("b", B))
    }
    settings = {"key": ("ns", "f"), "arms": ARMS, "analysis": Analysis(interval=Duration("10s")), "since": 900.0}
    return Look(**{**settings, "stable": arms["a"], "candidate": arms["b"], "now": now, **fields})


class FakeScrapes(ScrapeSource):
    """The source as it is, but for the way to the pods: `shown` has requests and failures of each, by name."""

    def __init__(self) -> None:
        super().__init__(pods=None)  # type: ignore[arg-type]
        self.shown: dict[str, tuple[int, int]] = {}

    async def _read_one(self, look: Look, arm: ArmTargets, pod: Target) -> Sample:
        requests, failed = self.shown.get(pod.name, (0, 0))
        return Sample(requests=requests, failed=failed, begun=requests, started=1.0)


@dataclass
class Looks:
    """Looks of one operator, ten seconds apart, of pods that answer ten requests meanwhile and fail one of them."""

    source: FakeScrapes = field(default_factory=FakeScrapes)
    recorded: str | None = None

    async def at(self, now: float, **fields: Any) -> Metrics:
        self.source.shown = {name: (round(now), round(now) // 10) for name in "abc"}
        metrics = await self.source.read(look(now, recorded=self.recorded, **fields))
        if metrics.window_end is not None:
            self.recorded = moment(metrics.window_end)
        return metrics


def errors(metrics: Metrics) -> tuple[int, int]:
    """Requests of candidate and stable model that are compared."""
    window = metrics.windows["errors"]
    return window.candidate.requests, window.stable.requests


def candidate(*pods: Target, since: float = -math.inf) -> ArmTargets:
    return replace(look(0).candidate, pods=pods or (B,), traffic_since=since)


async def test_nothing_is_counted_before_the_routing_has_settled() -> None:
    looks = Looks()
    assert looks.source.known(look(1004, since=1000.0)) == Metrics()
    assert looks.source.known(look(1005, since=1000.0)) is None
    await looks.at(1005, since=1000.0)
    assert errors(await looks.at(1015, since=1000.0)) == (10, 10)


async def test_a_routing_that_is_not_accepted_settles_from_when_it_was_seen_first() -> None:
    looks = Looks()
    assert looks.source.known(look(1000, since=None)) == Metrics()
    assert looks.source.known(look(1004, since=None)) == Metrics()
    assert looks.source.known(look(1005, since=None)) is None


async def test_the_candidates_pods_warm_up_from_its_first_traffic() -> None:
    looks, arm = Looks(), candidate(since=1000.0)
    await looks.at(1050, candidate=arm)
    metrics = await looks.at(1060, candidate=arm)
    assert errors(metrics) == (0, 10)
    assert metrics.warm_up == Window(candidate=Counts(requests=10, events=1), stable=Counts())
    metrics = await looks.at(1070, candidate=arm)
    assert (errors(metrics), metrics.warm_up) == ((10, 10), None)


async def test_before_its_traffic_is_accepted_nothing_of_the_candidate_counts() -> None:
    looks, arm = Looks(), candidate(since=math.inf)
    await looks.at(1050, candidate=arm)
    assert errors(await looks.at(1060, candidate=arm)) == (0, 10)


@pytest.mark.parametrize("arm", ["candidate", "stable"])
async def test_a_pod_of_either_model_that_comes_later_warms_up_from_when_it_is_ready(arm: str) -> None:
    looks = Looks()
    before = getattr(look(0), arm)
    later = {arm: replace(before, pods=(*before.pods, C._replace(ready_since=1000.0)))}
    await looks.at(1040, **later)
    assert errors(await looks.at(1050, **later)) == (10, 10)
    await looks.at(1060, **later)
    metrics = await looks.at(1070, **later)
    assert (errors(metrics), metrics.warm_up) == ((20, 10) if arm == "candidate" else (10, 20), None)


async def test_all_pods_have_a_say_in_who_answers_at_all() -> None:
    looks, arm = Looks(), candidate(since=1000.0)
    await looks.at(1040, candidate=arm)
    answers = (await looks.at(1050, candidate=arm)).answers
    assert answers is not None
    assert (answers.candidate, answers.begun) == (9, (10, 10))


async def test_a_pod_whose_node_is_ahead_is_counted_all_the_same() -> None:
    looks, arm = Looks(), candidate(B._replace(ready_since=5000.0))
    await looks.at(1040, candidate=arm)
    assert errors(await looks.at(1050, candidate=arm)) == (10, 10)


async def test_without_a_warm_up_everything_counts() -> None:
    looks = Looks()
    fields = {
        "candidate": candidate(since=math.inf),
        "analysis": Analysis(interval=Duration("10s"), warm_up=Duration("0s")),
    }
    await looks.at(1040, since=1040.0, **fields)
    assert errors(await looks.at(1050, since=1040.0, **fields)) == (10, 10)


class TestAtTheGateway:
    """Counts of a backend, which do not tell pods apart."""

    def counted(self, arm: ArmTargets, pod: Target = A) -> Metrics:
        """The second of two looks, one of which is at 1040 and the other one at 1050."""

        async def pods_of(gateway: tuple[str, str]) -> GatewayPods:
            return GatewayPods([pod], 8002, "/stats/prometheus")

        envoys = FakePods()
        source = GatewaySource(envoys, pods_of)  # type: ignore[arg-type]
        for now in (1040, 1050):
            lines = [
                f'envoy_cluster_upstream_rq_{kind}{{envoy_cluster_name="ns_f-{name}_80"{more}}} {now}'
                for name in "ab"
                for kind, more in (("total", ""), ("xx", ',envoy_response_code_class="2"'))
            ]
            envoys.expositions[pod.address] = "\n".join([*lines, ""])
            metrics = asyncio.run(source.read(look(now, candidate=arm, gateway=("kserve", "gateway"))))
        return metrics

    def test_the_candidate_counts_from_its_first_traffic_on(self) -> None:
        assert errors(self.counted(candidate(since=1000.0))) == (0, 10)
        assert errors(self.counted(candidate(since=980.0))) == (10, 10)

    def test_neither_a_pod_of_the_model_nor_one_of_the_gateway_that_comes_later_warms_up(self) -> None:
        late = candidate(B._replace(ready_since=1030.0))
        assert errors(self.counted(late, A._replace(ready_since=1030.0))) == (10, 10)


class TestInPrometheus:
    """Series by pod."""

    async def counted(self, *, arm: ArmTargets) -> Metrics:
        """The window of the minute until NOW. Each pod answers a request a second."""
        async with FakePrometheus().running() as (fake, session, url):
            for at in range(-200, 1, 10):
                for revision, pod in (("a", "a"), ("b", "b"), ("b", "c")):
                    labels = {"pod": pod, "revision": revision}
                    fake.add("up", NOW + at, 1, **labels)
                    fake.add("timoneiro_requests_begun_total", NOW + at, 1000 + at, **labels)
                    fake.add("timoneiro_requests_ended_total", NOW + at, 1000 + at, outcome="well", **labels)
            source = SourceSpec(type="Prometheus", url=url, selector='revision="{{revision}}"')
            asked = look(
                NOW + SETTLE_SECONDS,
                since=NOW - 65,
                analysis=Analysis(interval=Duration("30s"), source=source),
                stable=replace(look(0).stable, profile=PROFILES["Timoneiro"]),
                candidate=replace(arm, profile=PROFILES["Timoneiro"]),
            )
            return await PrometheusSource(PrometheusApi(session, no_secret, AllowedUrls([url]))).read(asked)

    async def test_a_window_begins_when_the_routing_has_settled(self) -> None:
        metrics = await self.counted(arm=candidate(B, C))
        assert (metrics.problem, metrics.seconds, errors(metrics)[1]) == (None, 60.0, 60)

    async def test_a_pod_that_had_not_warmed_up_when_the_window_began_is_left_out(self) -> None:
        both = await self.counted(arm=candidate(B, C))
        metrics = await self.counted(arm=candidate(B, C._replace(ready_since=NOW - 90)))
        assert metrics.warm_up is not None
        assert errors(metrics)[0] == metrics.warm_up.candidate.requests == errors(both)[0] / 2

    async def test_one_that_is_not_ready_any_more_goes_by_its_arm(self) -> None:
        metrics = await self.counted(arm=candidate(B, since=NOW - 65))
        assert metrics.warm_up is not None
        assert (errors(metrics)[0], metrics.warm_up.candidate.requests > 60) == (0, True)


async def no_secret(namespace: str, name: str) -> dict[str, bytes]:
    raise AssertionError(f"nobody was to read {name}")


def test_an_arm_is_of_the_time_that_its_compared_pods_are_of() -> None:
    pods = {"old": PodCounts(requests=9, seconds=30.0), "new": PodCounts(requests=1, seconds=4.0)}
    assert ArmCounts(pods=pods, warming=frozenset({"new"})).seconds == 30.0
    assert ArmCounts(pods=pods, warming=frozenset(pods)).seconds == 17.0


def test_whose_counts_are_read_says_since_when_it_has_had_traffic() -> None:
    world = FakeWorld()
    stable = Stable(revision="a", inference_service="f-a", uri="s3://a")
    new = Candidate(revision="b", inference_service="f-b", uri="s3://b", traffic_since=moment(100.0))
    world.status = Status(stable=stable, candidate=new)
    since = [arm_targets(world.deployment, Children(services={}, pods={}), name).traffic_since for name in "ab"]
    assert since == [-math.inf, 100.0]


@pytest.mark.parametrize(
    ("condition", "since"), [({"lastTransitionTime": "1970-01-01T00:01:40Z"}, 100.0), ({}, -math.inf)]
)
def test_a_pod_is_ready_since_its_condition_says_so(condition: dict[str, str], since: float) -> None:
    world = FakeWorld()
    world.status = Status(stable=Stable(revision="a", inference_service="f-a", uri="s3://a"))
    ready = {"type": "Ready", "status": "True", **condition}
    pod = pod_of("fraud-a-predictor", podIP="10.0.0.1", conditions=[ready])
    arm = arm_targets(world.deployment, Children(services={}, pods={"a": [pod]}), "a")
    assert [target.ready_since for target in arm.pods] == [since]
