"""From expositions to counts: nothing that cannot be known becomes evidence."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from timoneiro_judge.counts import Counts, Window
from timoneiro_operator.api.analysis_spec import Analysis, Metric, SourceSpec
from timoneiro_operator.api.duration import Duration
from timoneiro_operator.api.times import moment
from timoneiro_operator.decide.observation import Answers
from timoneiro_operator.decide.steps import Arms
from timoneiro_operator.metrics.deltas import Mark, advance
from timoneiro_operator.metrics.look import ArmTargets, Look, Target
from timoneiro_operator.metrics.profile import Profile, Series
from timoneiro_operator.metrics.profiles import KSERVE, PROFILES
from timoneiro_operator.metrics.samples import NoSeries, PodCounts, Sample
from timoneiro_operator.sources import scrape
from timoneiro_operator.sources.pods import HttpPods
from timoneiro_operator.sources.scrape import ScrapeSource

ARMS = Arms("fraud-a", "fraud-b", 10, mirrored=False, accepted=True)
KEY = ("ns", "fraud")


def mark(requests: int, failed: int = 0, started: float | None = None) -> Mark:
    return Mark.first(Sample(requests=requests, failed=failed, started=started), 0.0)


def delta(before: Mark, requests: int, failed: int = 0, started: float | None = None) -> PodCounts:
    return advance({"p": before}, {"p": Sample(requests=requests, failed=failed, started=started)}, 10.0)[0]["p"]


def test_counts_are_what_came_since_the_last_look() -> None:
    assert delta(mark(100, 3), 150, 5) == PodCounts(requests=50, failed=2, well=48)


def test_a_counter_that_fell_starts_from_zero() -> None:
    assert delta(mark(100, 3), 20, 1) == PodCounts(requests=20, failed=1, well=19)


def test_a_restart_is_known_by_the_start_time_even_when_the_counter_has_grown_past_the_old_one() -> None:
    assert delta(mark(100, 3, started=1.0), 130, 2, started=9.0) == PodCounts(requests=130, failed=2, well=128)


def test_what_a_process_has_answered_since_its_restart_is_counted_from_its_first_look_on() -> None:
    first = Sample(requests=130, failed=0, started=9.0, outputs={"prediction": {"good": 100, "fraud": 30}})
    counts, _ = advance({"p": mark(100, 3, started=1.0)}, {"p": first}, 10.0)
    assert counts["p"].outputs == {"prediction": {"good": 100, "fraud": 30}}


def test_a_pod_that_is_new_counts_from_its_second_look_on() -> None:
    counts, marks = advance({}, {"p": Sample(requests=70, failed=7)}, 0.0)
    assert (counts, marks["p"].failures) == ({}, 7)


def exposition(*, predict: int, postprocess: int, declared: bool = True) -> str:
    """Of our own server: KServe's histograms, and every request by how it ended."""
    registry = CollectorRegistry()
    if not declared:
        return "# HELP x y\n# TYPE x counter\nx_total 1.0\n"
    parts = (("preprocess", predict), ("predict", predict), ("postprocess", postprocess))
    for part, count in parts:
        histogram = Histogram(f"request_{part}_seconds", part, ["model_name"], registry=registry)
        for _ in range(count):
            histogram.labels("fraud").observe(0.01)
    ended = (("well", postprocess), ("failed", predict - postprocess))
    lines = [f'timoneiro_requests_ended_total{{outcome="{outcome}"}} {count}.0\n' for outcome, count in ended]
    return generate_latest(registry).decode() + "".join(lines) + f"timoneiro_requests_begun_total {predict}.0\n"


def test_failures_of_a_kserve_server_are_predictions_that_were_not_postprocessed() -> None:
    sample = KSERVE.read(exposition(predict=10, postprocess=7))
    assert (sample.requests, sample.failed) == (10, 3)


def test_a_server_that_has_served_nothing_yet_counts_zero() -> None:
    sample = KSERVE.read(exposition(predict=0, postprocess=0))
    assert (sample.requests, sample.failed) == (0, 0)


def test_an_exposition_without_the_series_is_refused_by_name() -> None:
    with pytest.raises(NoSeries, match="no series request_preprocess_seconds_count: is this a KServe Python server"):
        KSERVE.read(exposition(predict=0, postprocess=0, declared=False))


class Pods:
    """Two real HTTP servers that stand for the pods of both arms."""

    def __init__(self) -> None:
        self.stable = self.candidate = (0, 0)
        self.broken = self.cut = self.redirect = False
        self.pieces = 1
        self.looks = self.port = 0
        self.started: float | None = None


@pytest.fixture
async def pods() -> AsyncIterator[tuple[Pods, ScrapeSource, dict[str, list[Target]]]]:
    state = Pods()
    servers: list[TestServer] = []
    for arm, host in (("stable", "127.0.0.1"), ("candidate", "127.0.0.2")):
        app = web.Application()

        async def metrics(request: web.Request, arm: str = arm) -> web.StreamResponse:
            state.looks += 1
            if state.broken:
                return web.Response(status=500)
            if state.redirect:
                return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"})
            requests, failed = getattr(state, arm)
            body = exposition(predict=requests, postprocess=requests - failed).encode()
            if state.started is not None:
                body += f"process_start_time_seconds {state.started}\n".encode()
            if state.cut:
                body = body[:-20]
            response = web.StreamResponse()
            await response.prepare(request)
            size = len(body) // state.pieces + 1
            for start in range(0, len(body), size):
                await response.write(body[start : start + size])
                await asyncio.sleep(0.01)
            return response

        app.router.add_get("/metrics", metrics)
        servers.append(TestServer(app, host=host, port=servers[0].port if servers else 0))
        await servers[-1].start_server()
    targets = {
        "fraud-a": [Target("uid-a", "fraud-a-1", "127.0.0.1")],
        "fraud-b": [Target("uid-b", "fraud-b-1", "127.0.0.2")],
    }
    state.port = servers[0].port or 0
    async with aiohttp.ClientSession() as session:
        yield state, ScrapeSource(HttpPods(session)), targets
    for server in servers:
        await server.close()


class Looks:
    """Looks one after the other, with what the status has on record of them."""

    def __init__(self, pods) -> None:
        self.state, self.source, self.targets = pods
        self.recorded: str | None = None
        self.marks: str | None = None
        self.bounds: dict[str, tuple[float, ...]] = {}
        self.metrics: tuple[Metric, ...] = (Metric(),)
        self.profile = PROFILES["Timoneiro"]
        self.transforms = False

    def arm(self, revision: str) -> ArmTargets:
        pods = tuple(self.targets.get(revision, ()))
        return ArmTargets(
            revision=revision,
            inference_service=revision,
            workload=revision,
            pods=pods,
            profile=self.profile,
            transforms=self.transforms,
        )

    def at(self, now: float, arms: Arms = ARMS) -> Look:
        source = SourceSpec(port=self.state.port)
        return Look(
            key=KEY,
            arms=arms,
            analysis=Analysis(interval=Duration("10s"), warm_up=Duration("0s"), source=source, metrics=self.metrics),
            stable=self.arm(arms.stable),
            candidate=self.arm(arms.candidate),
            now=now,
            recorded=self.recorded,
            bounds=self.bounds,
            marks=self.marks,
        )

    async def look(self, now: float, arms: Arms = ARMS, record: bool = True):
        metrics = await self.source.read(self.at(now, arms))
        if record:
            self.bounds |= metrics.bounds
            if metrics.window_end is not None:
                self.recorded = moment(metrics.window_end)
        return metrics


@pytest.fixture
def looks(pods) -> Looks:
    return Looks(pods)


async def test_the_first_look_only_marks_where_the_first_window_begins(looks) -> None:
    looks.state.candidate = (50, 5)
    assert (await looks.look(0)).windows == {}


async def test_a_window_holds_what_both_arms_did_between_two_looks(looks) -> None:
    await looks.look(0)
    looks.state.stable, looks.state.candidate = (90, 1), (10, 4)
    window = Window(candidate=Counts(requests=10, events=4), stable=Counts(requests=90, events=1))
    assert (await looks.look(10)).windows == {"errors": window}


async def test_a_window_holds_the_shape_of_latencies_and_goes_on_from_marks_in_the_status(looks) -> None:
    looks.metrics = (Metric(), Metric(name="shape", type="LatencyShape"))
    looks.state.stable, looks.state.candidate = (50, 0), (5, 0)
    looks.marks = (await looks.look(0)).marks
    looks.source.forget(KEY)
    looks.state.stable, looks.state.candidate = (90, 0), (15, 0)
    shape = (await looks.look(10)).shapes["shape"]
    assert {name: number for name, number in shape.candidate.items() if number} == {"0.005 to 0.01 s": 10}
    assert sum(shape.stable.values()) == 40


async def test_what_no_pod_shows_in_bins_stays_told_until_the_next_look(looks) -> None:
    looks.metrics = (Metric(), Metric(name="answers", type="Outputs"))
    await looks.look(0)
    looks.state.candidate = (10, 0)
    told = {"answers": (await looks.look(10)).problems["answers"]}
    assert told["answers"].startswith("no pod of the candidate shows in bins what it answers")
    assert (await looks.look(11)).problems == told


async def test_a_trace_shows_all_that_an_arm_has_counted_and_takes_nothing_from_a_window(looks) -> None:
    looks.state.candidate = (50, 5)
    await looks.look(0)
    looks.state.candidate = (60, 9)
    trace = await looks.source.trace(looks.at(5), looks.arm("fraud-b"))
    assert trace.counts.pods["fraud-b-1"].requests == 60
    assert (await looks.look(10)).windows["errors"].candidate == Counts(requests=10, events=4)


async def test_nothing_is_read_before_the_interval_is_over(looks) -> None:
    await looks.look(0)
    before = looks.state.looks
    await looks.look(9)
    assert looks.state.looks == before


async def test_a_window_that_was_not_put_on_record_comes_again_and_none_is_lost(looks) -> None:
    await looks.look(0)
    looks.state.candidate = (10, 0)
    await looks.look(10, record=False)
    looks.state.candidate = (30, 0)
    assert (await looks.look(20)).windows["errors"].candidate.requests == 30


async def test_a_window_that_was_put_on_record_does_not_come_again(looks) -> None:
    await looks.look(0)
    looks.state.candidate = (10, 0)
    await looks.look(10)
    assert (await looks.look(20)).windows["errors"].candidate.requests == 0


async def test_another_weight_begins_with_new_marks(looks) -> None:
    await looks.look(0)
    looks.state.candidate = (10, 0)
    assert (await looks.look(10, arms=ARMS._replace(weight=50))).windows == {}


async def test_a_pod_that_answers_with_an_error_is_a_problem_and_no_window(looks) -> None:
    await looks.look(0)
    looks.state.broken = True
    metrics = await looks.look(10)
    assert (metrics.windows, metrics.problem) == (
        {},
        ("ScrapeFailed", "pod fraud-a-1 answers /metrics with 500"),
    )


async def test_of_a_transformer_that_shows_no_metrics_it_is_said_what_it_is_and_what_helps(looks) -> None:
    looks.transforms, looks.state.broken = True, True
    metrics = await looks.look(0)
    assert metrics.problem is not None
    reason, sentence = metrics.problem
    assert (reason, "answers /metrics with 500; it is a transformer" in sentence) == ("ScrapeFailed", True)
    assert sentence.endswith("or choose spec.analysis.source of type Gateway")


async def test_a_problem_stays_visible_until_the_next_look(looks) -> None:
    looks.state.broken = True
    await looks.look(0)
    assert (await looks.look(1)).problem is not None


async def test_a_pod_that_cannot_be_reached_is_a_problem_with_its_name(looks) -> None:
    looks.targets["fraud-b"] = [Target("uid-b", "fraud-b-1", "127.0.0.3")]
    metrics = await looks.look(0)
    words = (
        f"pod fraud-b-1 cannot be read at port {looks.state.port}, path /metrics: it takes no connection there; "
        "analysis.source.port says where its metrics are"
    )
    assert metrics.problem == ("ScrapeFailed", words)


async def test_a_pod_that_never_answers_is_a_problem_after_the_timeout(looks, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    monkeypatch.setattr(scrape, "TIMEOUT_SECONDS", 0.2)
    server = await asyncio.start_server(silent, "127.0.0.4", looks.state.port)
    looks.targets["fraud-b"] = [Target("uid-b", "fraud-b-1", "127.0.0.4")]
    metrics = await looks.look(0)
    server.close()
    assert metrics.problem == ("ScrapeFailed", "pod fraud-b-1 did not answer within 0.2 s")


async def test_a_pass_that_failed_after_its_window_was_recorded_does_not_count_it_twice(looks) -> None:
    await looks.look(0)
    looks.state.candidate = (10, 0)
    metrics = await looks.look(10, record=False)
    looks.recorded = moment(metrics.window_end)
    looks.state.candidate = (30, 0)
    assert (await looks.look(20)).windows["errors"].candidate.requests == 20


async def test_metrics_that_arrive_in_pieces_are_read_whole(looks) -> None:
    looks.state.pieces = 7
    await looks.look(0)
    looks.state.candidate = (12100, 3)
    assert (await looks.look(10)).windows["errors"].candidate == Counts(requests=12100, events=3)


async def test_metrics_that_are_cut_off_are_a_problem(looks) -> None:
    looks.state.cut = True
    assert (await looks.look(0)).problem == ("ScrapeFailed", "pod fraud-a-1 shows metrics that are cut off")


async def test_a_pod_cannot_send_the_operator_elsewhere(looks) -> None:
    looks.state.redirect = True
    assert (await looks.look(0)).problem == ("ScrapeFailed", "pod fraud-a-1 answers /metrics with 302")


async def test_a_pod_that_was_missing_at_one_look_is_counted_whole_when_it_is_back(looks) -> None:
    await looks.look(0)
    targets, looks.targets = looks.targets, {"fraud-a": looks.targets["fraud-a"]}
    await looks.look(10)
    looks.targets = targets
    looks.state.candidate = (500, 500)
    assert (await looks.look(20)).windows["errors"].candidate == Counts(requests=500, events=500)


async def test_workers_that_answer_in_turn_are_a_problem_and_no_window(looks) -> None:
    for now, started in ((0, 100.0), (10, 101.0), (20, 100.0), (30, 100.0)):
        looks.state.started = started
        metrics = await looks.look(now)
    assert metrics.windows == {}
    assert metrics.problem is not None
    assert metrics.problem[0] == "SeveralProcesses"
    assert "pod fraud-a-1 answers from several processes in turn" in metrics.problem[1]


async def test_a_server_that_restarts_inside_of_its_container_is_counted_from_then_on(looks) -> None:
    looks.state.started = 100.0
    await looks.look(0)
    looks.state.started, looks.state.candidate = 101.0, (900, 900)
    assert (await looks.look(10)).windows["errors"].candidate == Counts()
    looks.state.candidate = (907, 901)
    assert (await looks.look(20)).windows["errors"].candidate == Counts(requests=7, events=1)


async def test_a_counter_that_falls_in_a_process_that_goes_on_is_a_problem_until_the_pod_is_restarted(looks) -> None:
    looks.state.started, looks.state.candidate = 100.0, (50, 0)
    await looks.look(0)
    for now, requests in ((10, 20), (20, 90)):
        looks.state.candidate = (requests, 0)
        metrics = await looks.look(now)
        assert metrics.windows == {}
        assert metrics.problem[0] == "ImplausibleCounts"
        assert metrics.problem[1].startswith("pod fraud-b-1: series timoneiro_requests_ended_total fell from 50 to 20")
    looks.targets["fraud-b"] = [looks.targets["fraud-b"][0]._replace(restarts=1)]
    looks.state.started, looks.state.candidate = 200.0, (7, 1)
    assert (await looks.look(30)).windows["errors"].candidate == Counts(requests=7, events=1)


async def test_a_counter_that_fell_where_kubernetes_has_restarted_the_pod_starts_from_zero(looks) -> None:
    """Whatever the start time says: behind a proxy it is that of another process."""
    looks.state.started, looks.state.candidate = 100.0, (50, 0)
    await looks.look(0)
    looks.targets["fraud-b"] = [looks.targets["fraud-b"][0]._replace(restarts=1)]
    looks.state.candidate = (20, 2)
    assert (await looks.look(10)).windows["errors"].candidate == Counts(requests=20, events=2)


async def test_a_pod_that_shows_what_is_no_count_is_a_problem_with_its_series(looks) -> None:
    looks.state.stable = (5, -2)
    metrics = await looks.look(0)
    assert metrics.problem[0] == "ImplausibleCounts"


async def test_a_window_says_who_was_answered_and_what_has_arrived(looks) -> None:
    await looks.look(0)
    looks.state.stable, looks.state.candidate = (90, 1), (10, 4)
    assert (await looks.look(10)).answers == Answers(candidate=6, stable=89, begun=(10, 90))


async def test_a_pod_that_was_not_watched_from_the_beginning_of_a_window_says_nothing_of_who_answers(looks) -> None:
    await looks.look(0)
    looks.targets["fraud-b"] = [Target("uid-c", "fraud-b-2", "127.0.0.2")]
    assert (await looks.look(10)).answers is None
    assert (await looks.look(20)).answers is not None


async def test_a_server_that_counts_what_has_ended_says_nothing_of_what_has_arrived(looks) -> None:
    looks.profile = Profile(
        name="x", requests=(Series("timoneiro_requests_ended_total"),), failed=(Series("none_total"),)
    )
    await looks.look(0)
    looks.state.candidate = (10, 0)
    assert (await looks.look(10)).answers == Answers(candidate=10, stable=0, begun=None)


async def test_a_window_whose_record_was_not_heard_of_is_not_counted_again(looks) -> None:
    """The status was written, the answer was lost, and before the next look the source had handed out another end."""
    await looks.look(0)
    looks.state.candidate = (100, 0)
    first = await looks.look(10, record=False)
    looks.state.candidate = (104, 0)
    await looks.look(20, record=False)
    looks.recorded, looks.marks = moment(first.window_end), first.marks
    looks.state.candidate = (110, 0)
    assert (await looks.look(30)).windows["errors"].candidate == Counts(requests=10)


async def test_a_record_that_comes_after_all_marks_begins_with_new_ones(looks) -> None:
    looks.marks = (await looks.look(0)).marks
    looks.state.candidate, looks.recorded = (100, 0), moment(5.0)
    assert (await looks.look(10)).windows == {}
    looks.state.candidate = (103, 0)
    assert (await looks.look(20)).windows["errors"].candidate == Counts(requests=3)


async def test_a_process_that_kubernetes_has_restarted_is_no_other_worker(looks) -> None:
    looks.state.started = 100.0
    await looks.look(0)
    looks.state.started, looks.state.candidate = 101.0, (7, 1)
    looks.targets = {arm: [pod._replace(restarts=1) for pod in pods] for arm, pods in looks.targets.items()}
    metrics = await looks.look(10)
    assert metrics.windows["errors"].candidate == Counts(requests=7, events=1)


async def test_requests_beyond_the_threshold_are_events_of_a_latency(looks) -> None:
    looks.metrics = (Metric(name="slow", type="Latency", threshold=Duration("10ms")),)
    looks.state.stable = (1, 0)
    first = await looks.look(0)
    assert first.bounds == {"slow>10ms": (0.01,)}
    looks.state.candidate = (40, 0)
    # The recorded latencies of the exposition are 10 ms each: none is slower than the bucket of 10 ms.
    assert (await looks.look(10)).windows["slow"].candidate == Counts(requests=40, events=0)


async def test_a_bound_is_fixed_before_the_first_window_and_stays(looks) -> None:
    looks.metrics = (Metric(name="slow", type="Latency", threshold=Duration("7ms")),)
    looks.state.stable = (1, 0)
    await looks.look(0)
    assert looks.bounds == {"slow>7ms": (0.01,)}
    assert (await looks.look(10)).bounds == {}


async def test_a_latency_that_cannot_be_measured_stands_in_the_way_of_a_metric_that_decides(looks) -> None:
    looks.metrics = (Metric(), Metric(name="slow", type="Latency", threshold=Duration("1h")))
    looks.state.stable = (1, 0)
    await looks.look(0)
    metrics = await looks.look(10)
    assert metrics.problem == ("MetricMissing", "metric slow: no bucket is at or above 1h; the last one is 10 s")


async def test_a_latency_that_only_informs_stands_in_nobodys_way(looks) -> None:
    looks.metrics = (Metric(), Metric(name="slow", type="Latency", threshold=Duration("1h"), role="Inform"))
    looks.state.stable = (1, 0)
    await looks.look(0)
    metrics = await looks.look(10)
    assert (metrics.problem, set(metrics.windows), set(metrics.problems)) == (None, {"errors"}, {"slow"})
