"""Whatever a pod or Prometheus shows: nothing implausible is judged, and nothing keeps traffic from going back."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.fake_pods import FakePods
from support.fake_world import FakeWorld
from timoneiro_judge.comparison import Comparison
from timoneiro_judge.counts import Counts, Limits, Spread, Weighed, Window
from timoneiro_judge.fresh import Fresh
from timoneiro_judge.restarted import Restarted
from timoneiro_judge.text import encode
from timoneiro_judge.usual import Usual
from timoneiro_operator.api.analysis_spec import Analysis
from timoneiro_operator.api.analysis_status import Share
from timoneiro_operator.api.command import Command
from timoneiro_operator.api.deployment import parse_status
from timoneiro_operator.api.promql import Selector
from timoneiro_operator.api.spec_struct import read
from timoneiro_operator.api.status import Status
from timoneiro_operator.api.times import moment
from timoneiro_operator.decide import weighing
from timoneiro_operator.decide.analysis import Folded
from timoneiro_operator.decide.decide import decide
from timoneiro_operator.decide.decision import Decision
from timoneiro_operator.decide.observation import Failure, Metrics, Observation
from timoneiro_operator.decide.steps import arms_to_measure
from timoneiro_operator.metrics.envoy import ENVOY_GATEWAY, cluster_of
from timoneiro_operator.metrics.look import ArmTargets, Look, Target
from timoneiro_operator.metrics.profile import START_TIME, Profile
from timoneiro_operator.metrics.profiles import PROFILES
from timoneiro_operator.metrics.series import RawSeries, answered
from timoneiro_operator.sources.ask import Request
from timoneiro_operator.sources.gateway import GatewayPods, GatewaySource
from timoneiro_operator.sources.prometheus import PrometheusSource
from timoneiro_operator.sources.scrape import ScrapeSource

change = msgspec.structs.replace
BEGUN = Comparison.begun(Limits(tolerance=0.25, margin=1.0, negligible=0.01))

INTERVAL = 10.0
ANALYSIS: dict[str, Any] = {
    "interval": "10s",
    "warmUp": "0s",
    "minRequests": 50,
    "metrics": [
        {"name": "errors", "negligible": 0.01},
        {"name": "slow", "type": "Latency", "threshold": "5ms"},
        {"name": "slo", "type": "Guard", "of": "errors", "max": 0.02},
    ],
}
RATIO = {
    "name": "declines",
    "type": "Ratio",
    "events": 'declined{r="{{revision}}"}',
    "total": 'asked{r="{{revision}}"}',
}


def rolling(source: Mapping[str, Any]) -> FakeWorld:
    """A rollout in its first step with weight, judged by all that there is."""
    world = FakeWorld()
    world.spec["rollout"]["deadline"] = "30m"
    world.healthy()
    own = [RATIO] if source["type"] == "Prometheus" else []
    world.spec["analysis"] = {**ANALYSIS, "source": source, "metrics": [*ANALYSIS["metrics"], *own]}
    world.model(2)
    world.until("Progressing 1/2")
    return world


SCRAPED = rolling({"type": "Scrape"})
AT_THE_GATEWAY = rolling({"type": "Gateway"})
ASKED = rolling({"type": "Prometheus", "url": "http://prometheus:9090", "selector": 'a="{{revision}}"'})
STABLE, CANDIDATE = (Target("uid-a", "a-1", "10.0.0.1"),), (Target("uid-b", "b-1", "10.0.0.2"),)

# What counters show that nobody expects, and what everybody does.
VALUES = st.one_of(
    st.sampled_from(["NaN", "+Inf", "-Inf", "-1", "1e308", "0.5", str(2**53), str(2**53 + 2), "1e-320", "9e15"]),
    st.integers(0, 500).map(str),
)
STARTS = st.sampled_from([None, "100", "200", "NaN", "-5", "1e300"])


def series_of(profile: Profile) -> list[tuple[str, dict[str, str]]]:
    """The series of a profile, as far as they go into counts, with two label sets each."""
    found: list[tuple[str, dict[str, str]]] = []
    for name in profile.series():
        if name.endswith("_bucket"):
            found += [(name, {"le": bound}) for bound in ("0.005", "5", "+Inf", "NaN", "quick")]
        else:
            found += [(name, {"status": status, "handler": "/v1/completions"}) for status in ("200", "500")]
    return found


@st.composite
def expositions(draw: st.DrawFn, profile: Profile) -> str:
    """Mostly of the right form, with whatever values."""
    if draw(st.integers(0, 19)) == 0:
        return draw(st.text(max_size=80)) + "\n"
    lines = []
    for name, labels in series_of(profile):
        shown = "".join(f'{label}="{value}",' for label, value in labels.items())
        odd = labels.get("le") in ("NaN", "quick")
        if draw(st.integers(0, 9)) > (0 if not odd else 8):
            lines.append(f"{name}{{{shown}}} {draw(VALUES)}")
    started = draw(STARTS)
    lines += [f"{START_TIME} {started}"] if started else []
    return "\n".join(lines) + "\n"


@st.composite
def answers(draw: st.DrawFn, profile: Profile) -> str:
    """Of Prometheus, for one arm; `{end}` and `{pod}` are not known yet."""
    if draw(st.integers(0, 19)) == 0:
        junk = st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda x: st.lists(x, max_size=3))
        return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": draw(junk)}})
    ages = st.sampled_from([95, 65, 35, 25, 12, 8, 6, 1, -5])
    result = []
    names = [*series_of(profile), (START_TIME, {}), ("up", {}), ("asked", {}), ("declined", {})]
    for name, labels in names:
        if labels.get("le") in ("NaN", "quick") and draw(st.integers(0, 9)) < 9:
            continue
        value = st.just("1") if name == "up" and draw(st.integers(0, 9)) else VALUES
        times = draw(st.lists(ages, max_size=6) if name != "up" else st.just([95, 65, 35, 25, 12, 8]))
        if draw(st.integers(0, 19)):
            times = sorted(set(times), reverse=True)
        result.append({"metric": {"__name__": name, **labels}, "values": [[-age, draw(value)] for age in times]})
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}})


class FakeApi:
    """Answers with what was generated, for the right time and pod."""

    def __init__(self, stable: str, candidate: str) -> None:
        self.bodies = iter([(STABLE, stable)] * 3 + [(CANDIDATE, candidate)] * 3)

    async def samples(self, request: Request, selector: Selector, seconds: float) -> list[RawSeries]:
        (pod,), body = next(self.bodies)
        own = [name for name in ("asked", "declined") if name == selector[0].value]
        series = answered(body)
        return [
            RawSeries({"pod": pod.name, **one.labels}, tuple((request.at + at, value) for at, value in one.values))
            for one in series
            if (one.name in own if own else one.name not in ("asked", "declined"))
        ]


def look_of(world: FakeWorld, profile: Profile, now: float, recorded: str | None, bounds: Any) -> Look:
    arms = arms_to_measure(world.status)
    assert arms is not None
    assert world.status.step is not None
    assert world.status.step.started_at is not None

    def arm(revision: str, pods: tuple[Target, ...]) -> ArmTargets:
        return ArmTargets(revision=revision, inference_service=revision, workload=revision, pods=pods, profile=profile)

    return Look(
        key=("ns", "fraud"),
        arms=arms,
        analysis=msgspec.convert(world.spec["analysis"], Analysis, dec_hook=read),
        stable=arm(arms.stable, STABLE),
        candidate=arm(arms.candidate, CANDIDATE),
        now=now,
        recorded=recorded,
        since=world.status.step.started_at.timestamp(),
        bounds=bounds,
        gateway=("kserve", "kserve-ingress-gateway"),
    )


def abort(world: FakeWorld) -> None:
    assert world.status.candidate is not None
    world.command = Command(id="1", action="abort", revision=world.status.candidate.revision, full=False, by="ana")


def failed_load(world: FakeWorld) -> None:
    assert world.status.candidate is not None
    revision = world.status.candidate.revision
    failure = Failure(reason="FailedLoad", message="broken", final=True)
    world.services[revision] = replace(world.services[revision], ready_replicas=0, failure=failure)


def deadline(world: FakeWorld) -> None:
    world.spec["rollout"]["onInconclusive"] = "Rollback"
    world.now += 3600


PENDING = st.sampled_from([abort, failed_load, deadline])


@contextmanager
def copied(world: FakeWorld) -> Iterator[FakeWorld]:
    """The world as it is, to be changed."""
    spec = json.loads(json.dumps(world.spec))
    yield replace(world, spec=spec, services=dict(world.services))


def takes_back(world: FakeWorld, metrics: Metrics) -> Decision:
    """One pass with these counts; the traffic goes back in it."""
    seen = Observation(workloads=world.services, route=world.route, metrics=metrics)
    decision = decide(world.deployment, seen, moment(world.now))
    assert decision.status.candidate is None
    assert decision.status.stable is not None
    assert decision.routing.weights[decision.status.stable.revision] == 100
    return decision


def judged(metrics: Metrics) -> None:
    """Only what can have happened, and always with a reason where there is nothing."""
    for window in metrics.windows.values():
        for counts in (window.candidate, window.stable):
            assert 0 <= counts.events <= counts.requests <= 2**53
    assert metrics.problem is None or all(metrics.problem)


@settings(deadline=None, max_examples=100)
@given(data=st.data(), name=st.sampled_from(sorted(PROFILES)), pending=PENDING)
def test_no_exposition_keeps_traffic_from_going_back(
    data: st.DataObject, name: str, pending: Callable[[FakeWorld], None]
) -> None:
    profile, pods = PROFILES[name], FakePods()
    source = ScrapeSource(pods)
    with copied(SCRAPED) as world:
        metrics, recorded, bounds = Metrics(), None, {}
        for look in range(3):
            for pod in (*STABLE, *CANDIDATE):
                pods.expositions[pod.address] = data.draw(expositions(profile))
            metrics = asyncio.run(source.read(look_of(world, profile, world.now + INTERVAL * look, recorded, bounds)))
            judged(metrics)
            recorded = moment(metrics.window_end) if metrics.window_end else recorded
            bounds = {**bounds, **metrics.bounds}
        world.now += INTERVAL * 3
        pending(world)
        assert takes_back(world, metrics).fault is None


@st.composite
def clusters(draw: st.DrawFn, names: list[str]) -> str:
    """Of an Envoy, for both arms: mostly all of them, with whatever values."""
    texts = []
    for name in names:
        text = draw(expositions(ENVOY_GATEWAY)).replace("{", f'{{envoy_cluster_name="{name}",')
        texts.append(text.replace('status="500"', 'envoy_response_code_class="5"'))
    return "".join(texts)


@settings(deadline=None, max_examples=100)
@given(data=st.data(), pending=PENDING)
def test_nothing_that_a_gateway_shows_keeps_traffic_from_going_back(
    data: st.DataObject, pending: Callable[[FakeWorld], None]
) -> None:
    envoys = FakePods()

    async def pods_of(_: tuple[str, str]) -> GatewayPods:
        restarts = data.draw(st.integers(0, 1))
        return GatewayPods([pod._replace(restarts=restarts) for pod in (*STABLE, *CANDIDATE)], 8002, "/")

    source = GatewaySource(envoys, pods_of)
    with copied(AT_THE_GATEWAY) as world:
        metrics, recorded, bounds = Metrics(), None, {}
        for number in range(3):
            look = look_of(world, ENVOY_GATEWAY, world.now + INTERVAL * number, recorded, bounds)
            names = [cluster_of("ns", arm) for arm in (look.stable, look.candidate)]
            for pod in (*STABLE, *CANDIDATE):
                envoys.expositions[pod.address] = data.draw(clusters(names))
            metrics = asyncio.run(source.read(look))
            judged(metrics)
            recorded = moment(metrics.window_end) if metrics.window_end else recorded
            bounds = {**bounds, **metrics.bounds}
        world.now += INTERVAL * 3
        pending(world)
        assert takes_back(world, metrics).fault is None


@settings(deadline=None, max_examples=100)
@given(data=st.data(), name=st.sampled_from(sorted(PROFILES)), pending=PENDING)
def test_no_answer_of_prometheus_keeps_traffic_from_going_back(
    data: st.DataObject, name: str, pending: Callable[[FakeWorld], None]
) -> None:
    profile = PROFILES[name]
    api = FakeApi(data.draw(answers(profile)), data.draw(answers(profile)))
    with copied(ASKED) as world:
        world.now += 60
        source = PrometheusSource(api)
        metrics = asyncio.run(source.read(look_of(world, profile, world.now, None, {})))
        judged(metrics)
        pending(world)
        assert takes_back(world, metrics).fault is None


# Packed as the product packs it, with numbers that no rollout leads to.
_FLOATS, _WHOLE = st.floats(), st.integers(-(2**63), 2**63 - 1)
COUNTS = st.builds(Counts, requests=_WHOLE, events=_WHOLE)
WEIGHED = st.builds(Weighed, requests=_FLOATS, events=_FLOATS)


def _logs(of: tuple[float, ...]) -> st.SearchStrategy[tuple[float, ...]]:
    return st.lists(st.floats(width=32), min_size=len(of), max_size=len(of)).map(tuple)


EVIDENCE = st.builds(
    Comparison,
    limits=st.just(BEGUN.limits),
    likelihood=_logs(BEGUN.likelihood),
    candidate=COUNTS,
    stable=COUNTS,
    weighed=WEIGHED,
    spread=st.builds(Spread, chi_square=_FLOATS, freedom=_WHOLE),
    usual=st.builds(Usual, requests=_FLOATS, events=_FLOATS, excess=_FLOATS),
    windows=_WHOLE,
    higher_ratio=st.builds(Restarted, _logs(BEGUN.higher_ratio.logs), _FLOATS),
    higher_rate=st.builds(Restarted, _logs(BEGUN.higher_rate.logs), _FLOATS),
    fresh=st.builds(Fresh, logs=_logs(BEGUN.fresh.logs), weighed=WEIGHED, best=_FLOATS),
)


@settings(deadline=None, max_examples=200)
@given(
    state=st.one_of(st.text(max_size=20), EVIDENCE.map(encode)),
    share=st.tuples(st.integers(-(2**70), 2**70), st.integers(-(2**70), 2**70), st.floats(0, 1e12)),
    end=st.sampled_from([None, "yesterday", "2026-11-26T10:00:00Z"]),
    counts=st.integers(-(2**70), 2**70),
    pending=PENDING,
    problem=st.sampled_from([None, ("ScrapeFailed", "no answer")]),
)
def test_no_evidence_that_is_kept_keeps_traffic_from_going_back(
    state: str,
    share: tuple[int, int, float],
    end: str | None,
    counts: int,
    pending: Callable[[FakeWorld], None],
    problem: tuple[str, str] | None,
) -> None:
    with copied(SCRAPED) as world:
        analysis = world.status.analysis
        assert analysis is not None
        kept = Counts(requests=counts, events=counts)
        world.status = change(
            world.status,
            analysis=change(
                analysis,
                last_window_end=end,
                share=Share(weight=10, candidate=share[0], stable=share[1], mismatch=share[2]),
                metrics=tuple(change(metric, state=state, candidate=kept, stable=kept) for metric in analysis.metrics),
            ),
        )
        pending(world)
        window = Window(candidate=Counts(requests=10, events=1), stable=Counts(requests=90, events=1))
        fresh = Metrics(windows={"errors": window}, window_end=world.now, seconds=10.0)
        takes_back(world, Metrics(problem=problem) if problem else fresh)


@pytest.mark.parametrize("pending", [abort, failed_load, deadline])
def test_a_fault_of_ours_in_weighing_counts_is_a_problem_with_metrics_and_stops_nothing(
    pending: Callable[[FakeWorld], None],
) -> None:
    with copied(SCRAPED) as world:
        pending(world)
        broken = Metrics(windows={"errors": cast("Window", None)}, window_end=world.now, seconds=10.0)
        decision = takes_back(world, broken)
        assert isinstance(decision.fault, AttributeError)


@pytest.mark.parametrize(("field", "kept"), [("trail", True), ("metrics", False)])
def test_of_an_analysis_that_cannot_be_read_is_kept_what_can(field: str, kept: bool) -> None:
    with copied(SCRAPED) as world:
        body = world.deployment.status
        status = msgspec.to_builtins(body)
        status["analysis"][field] = [{"at": "yesterday", "name": 7}]
        read = parse_status({"status": status})
        assert (read.candidate, read.step) == (body.candidate, body.step)
        assert (read.analysis is not None) == kept


@pytest.mark.parametrize("pending", [abort, failed_load, deadline])
def test_a_fault_of_ours_with_the_evidence_that_is_kept_costs_that_evidence_and_stops_nothing(
    pending: Callable[[FakeWorld], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = weighing.fold

    def broken(status: Status, *counted: Any, **how: Any) -> Folded:
        if status.analysis is not None:
            raise KeyError("bucket")
        return real(status, *counted, **how)

    monkeypatch.setattr(weighing, "fold", broken)
    with copied(SCRAPED) as world:
        pending(world)
        decision = takes_back(world, Metrics())
        assert isinstance(decision.fault, KeyError)


def test_counts_that_cannot_be_weighed_are_told_and_freeze_the_weight() -> None:
    with copied(SCRAPED) as world:
        broken = Metrics(windows={"errors": cast("Window", None)}, window_end=world.now, seconds=10.0)
        decision = decide(world.deployment, replace(world.observe(), metrics=broken), moment(world.now))
        condition = next(one for one in decision.status.conditions if one.type == "MetricsAvailable")
        assert (condition.status, condition.reason) == ("False", "CountsNotWeighed")
        assert decision.status.analysis == world.status.analysis
        assert decision.status.phase == "Holding"


def test_a_window_without_traffic_after_a_mismatch_that_is_counted_anew_is_no_fault() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.until("Progressing 1/2")
    assert world.status.candidate is not None
    assert world.status.stable is not None
    world.realised = {world.status.candidate.revision: 0, world.status.stable.revision: 100}
    world.tick(10)
    world.requests_per_second = 0
    decision = world.tick(10)
    assert decision.fault is None
