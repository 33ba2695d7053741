"""Counts of the gateway: each arm's own cluster, in every pod of the gateways that are named, and nobody else's."""

import asyncio
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import Status as ApiStatus

from support.fake_pods import FakePods
from support.pods import pod_of
from timoneiro_judge.counts import Counts
from timoneiro_operator.api.analysis_spec import Analysis
from timoneiro_operator.api.spec_struct import read
from timoneiro_operator.api.times import moment
from timoneiro_operator.decide.observation import Answers
from timoneiro_operator.decide.steps import Arms
from timoneiro_operator.metrics.envoy import cluster_of, only, sample_of
from timoneiro_operator.metrics.look import ArmTargets, Look, Target
from timoneiro_operator.metrics.problem import ProblemError
from timoneiro_operator.metrics.samples import NoSeries
from timoneiro_operator.sources.gateway import GatewayPods, GatewaySource
from timoneiro_operator.targets.gateways import Gateways, read_gateways

GATEWAY = ("kserve", "kserve-ingress-gateway")
STABLE, CANDIDATE = "ns_fraud-a-predictor_80", "ns_fraud-b-predictor_80"
METRICS = [{"name": "errors"}, {"name": "slow", "type": "Latency", "threshold": "1s"}]
ENTRY: dict[str, Any] = {
    "gateway": "/".join(GATEWAY),
    "namespace": "projectcontour",
    "selector": "app=envoy",
}


def cluster(name: str, *, well: int = 0, failed: int = 0, begun: int = 0, retried: int = 0, refused: int = 0) -> str:
    """As Envoy 1.40 shows one, as far as it is read, and a series that is not."""
    label = f'envoy_cluster_name="{name}"'
    lines = [
        f"envoy_cluster_upstream_cx_none_healthy{{{label}}} 0",
        f"envoy_cluster_upstream_rq_pending_failure_eject{{{label}}} {refused}",
        f"envoy_cluster_upstream_rq_retry{{{label}}} {retried}",
        f"envoy_cluster_upstream_rq_total{{{label}}} {begun}",
        f'envoy_cluster_retry_upstream_rq_xx{{envoy_response_code_class="5",{label}}} {retried}',
    ]
    if well or failed:
        lines += [
            f'envoy_cluster_upstream_rq_xx{{envoy_response_code_class="2",{label}}} {well}',
            f'envoy_cluster_upstream_rq_xx{{envoy_response_code_class="5",{label}}} {failed}',
            f'envoy_cluster_upstream_rq_time_bucket{{{label},le="500"}} {well - 1}',
            f'envoy_cluster_upstream_rq_time_bucket{{{label},le="1000"}} {well - 1}',
            f'envoy_cluster_upstream_rq_time_bucket{{{label},le="+Inf"}} {well}',
        ]
    return "\n".join(["# TYPE envoy_cluster_upstream_rq_total counter", *lines, ""])


def shown(stable: int, candidate: int, *, failed: int = 0) -> str:
    others = cluster("ns_fraud-b-predictor_8080", well=10**6, failed=10**6)
    return (
        cluster(STABLE, well=stable, begun=stable)
        + others
        + cluster(CANDIDATE, well=candidate, failed=failed, begun=candidate + failed)
    )


class Gateway:
    """A gateway with two Envoys, and what a source makes of it."""

    def __init__(self) -> None:
        self.pods = [Target("uid-1", "envoy-1", "10.0.0.1"), Target("uid-2", "envoy-2", "10.0.0.2")]
        self.envoys, self.now = FakePods(), 1000.0
        self.recorded: str | None = None
        self.source = GatewaySource(self.envoys, self.pods_of)

    async def pods_of(self, gateway: tuple[str, str]) -> GatewayPods:
        assert gateway == GATEWAY
        return GatewayPods(self.pods, 8002, "/stats/prometheus")

    def look(self, *texts: str) -> Any:
        """What the source says when the Envoys show `texts`."""
        self.envoys.expositions = {pod.address: text for pod, text in zip(self.pods, texts, strict=True)}
        metrics = asyncio.run(self.source.read(look_at(self.now, self.recorded)))
        self.now += 10.0
        self.recorded = moment(metrics.window_end) if metrics.window_end else self.recorded
        return metrics


def look_at(now: float, recorded: str | None = None) -> Look:
    def arm(name: str) -> ArmTargets:
        return ArmTargets(revision=name[-1], inference_service=name, workload=f"{name}-predictor")

    return Look(
        key=("ns", "fraud"),
        arms=Arms("a", "b", 10, mirrored=False, accepted=True),
        analysis=msgspec.convert({"interval": "10s", "warmUp": "0s", "metrics": METRICS}, Analysis, dec_hook=read),
        stable=arm("fraud-a"),
        candidate=arm("fraud-b"),
        now=now,
        recorded=recorded,
        bounds={"slow": (1.0,)},
        gateway=GATEWAY,
    )


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


def test_a_cluster_is_read_without_those_of_others() -> None:
    sample = sample_of(CANDIDATE, shown(900, 95, failed=5))
    assert (sample.requests, sample.failed, sample.begun) == (100, 5, 100)
    assert sample.latency == {0.5: 94, 1.0: 94, float("inf"): 95}


def test_an_attempt_that_is_repeated_is_no_further_request() -> None:
    text = cluster(CANDIDATE, well=7, failed=3, begun=14, retried=5, refused=1)
    sample = sample_of(CANDIDATE, text)
    assert (sample.requests, sample.failed, sample.begun) == (10, 3, 10)


def test_a_cluster_without_requests_is_at_zero_and_one_that_is_not_there_is_unknown() -> None:
    assert sample_of(CANDIDATE, cluster(CANDIDATE)).requests == 0
    with pytest.raises(NoSeries, match=f"no Envoy cluster {CANDIDATE}"):
        sample_of(CANDIDATE, cluster(STABLE))


def test_envoy_is_asked_for_the_clusters_of_both_arms_and_for_nothing_else() -> None:
    arms = look_at(0).stable, look_at(0).candidate
    assert [cluster_of("ns", arm) for arm in arms] == [STABLE, CANDIDATE]
    assert only([STABLE, CANDIDATE])["filter"].startswith(rf"^cluster\.({STABLE}|{CANDIDATE})\.upstream_(")


def test_counts_of_all_pods_of_the_gateway_are_one_window_for_each_arm(gateway: Gateway) -> None:
    assert gateway.look(shown(100, 10), shown(50, 5)).windows == {}
    metrics = gateway.look(shown(200, 20, failed=4), shown(90, 9))
    errors = metrics.windows["errors"]
    assert (errors.stable, errors.candidate) == (
        Counts(requests=140, events=0),
        Counts(requests=18, events=4),
    )
    assert metrics.answers == Answers(candidate=14, stable=140, begun=(18, 140))


def test_an_envoy_that_was_restarted_is_counted_from_its_first_look_on(gateway: Gateway) -> None:
    gateway.look(shown(100, 10), shown(50, 5))
    gateway.pods[1] = gateway.pods[1]._replace(restarts=1)
    assert gateway.look(shown(200, 20), shown(60, 6)).windows["errors"].stable == Counts(requests=100, events=0)
    assert gateway.look(shown(200, 20), shown(90, 9)).windows["errors"].stable == Counts(requests=30, events=0)


def test_an_envoy_that_does_not_know_the_candidate_is_named_and_nothing_is_counted(gateway: Gateway) -> None:
    gateway.look(shown(100, 10), shown(50, 5))
    metrics = gateway.look(shown(200, 20), cluster(STABLE, well=60))
    assert (metrics.windows, metrics.problem[0]) == ({}, "NoSeries")
    assert "pod envoy-2" in metrics.problem[1]


def test_an_envoy_that_knows_neither_model_shows_nothing_and_that_is_said(gateway: Gateway) -> None:
    metrics = gateway.look(shown(100, 10), "")
    assert metrics.problem[0] == "NoSeries"
    assert f"there is no Envoy cluster {STABLE}" in metrics.problem[1]


class FakeClient:
    """An API server with pods of a gateway; `listed`: how often it was asked."""

    def __init__(self, *ready: str) -> None:
        self.ready, self.listed = list(ready), 0
        self.error: Exception | None = None

    async def labelled_pods(self, namespace: str, labels: dict[str, str]) -> list[dict[str, Any]]:
        assert (namespace, labels) == ("projectcontour", {"app": "envoy"})
        self.listed += 1
        if self.error is not None:
            raise self.error
        conditions = [[{"type": "Ready", "status": status}] for status in self.ready]
        return [pod_of("envoy", name=f"envoy-{i}", conditions=c, podIP=f"10.0.0.{i}") for i, c in enumerate(conditions)]


def finder(client: FakeClient, now: list[float]) -> Gateways:
    named = read_gateways([msgspec.json.encode(ENTRY).decode()])
    return Gateways(client, named, clock=lambda: now[0])  # type: ignore[arg-type]


def test_the_ready_pods_of_a_gateway_are_found_and_listed_only_now_and_then() -> None:
    client, now = FakeClient("True", "False"), [0.0]
    gateways = finder(client, now)
    for _ in range(3):
        found = asyncio.run(gateways.pods(GATEWAY))
    assert ([pod.name for pod in found.pods], found.port, client.listed) == (["projectcontour/envoy-0"], 8002, 1)
    client.ready, now[0] = ["True", "True"], 6.0
    assert len(asyncio.run(gateways.pods(GATEWAY)).pods) == 2


def test_a_gateway_that_nobody_has_named_is_a_problem_with_its_remedy_and_nothing_is_asked() -> None:
    client = FakeClient("True")
    with pytest.raises(ProblemError, match="its pods are not named") as caught:
        asyncio.run(finder(client, [0.0]).pods(("team", "own")))
    assert (caught.value.problem.reason, client.listed) == ("GatewayNotNamed", 0)


def test_a_gateway_whose_pods_cannot_be_had_is_a_problem_of_the_metrics() -> None:
    client = FakeClient("False")
    with pytest.raises(ProblemError, match="has no ready pod with app=envoy in namespace projectcontour"):
        asyncio.run(finder(client, [0.0]).pods(GATEWAY))
    client.error = ApiError(status=ApiStatus(code=403, message="no"))
    with pytest.raises(ProblemError, match="cannot be listed: ApiError"):
        asyncio.run(finder(client, [0.0]).pods(GATEWAY))


def test_what_the_source_cannot_have_freezes_the_weight_by_its_reason(gateway: Gateway) -> None:
    async def unnamed(key: tuple[str, str]) -> GatewayPods:
        raise ProblemError("GatewayNotNamed", f"gateway {key[1]} is not named")

    source = GatewaySource(gateway.envoys, unnamed)  # type: ignore[arg-type]
    metrics = asyncio.run(source.read(look_at(1000.0)))
    assert metrics.problem == ("GatewayNotNamed", "gateway kserve-ingress-gateway is not named")
    assert source.known(replace(look_at(1001.0))) is not None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gateway": "kserve"}, "must be NAMESPACE/NAME"),
        ({"selector": "app"}, "a selector such as app=envoy"),
        ({"namespace": "../x"}, "needs the namespace of its pods"),
        ({"path": "stats"}, "a path such as /stats/prometheus"),
        ({"port": 0}, "needs a port"),
        ({"sort": 1}, "is not a gateway: Object contains unknown field"),
    ],
)
def test_an_entry_of_the_chart_that_cannot_be_used_is_refused_with_a_sentence(
    changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        read_gateways([msgspec.json.encode({**ENTRY, **changes}).decode()])


def test_a_gateway_is_named_once() -> None:
    text = msgspec.json.encode(ENTRY).decode()
    with pytest.raises(ValueError, match="is named twice"):
        read_gateways([text, text])
