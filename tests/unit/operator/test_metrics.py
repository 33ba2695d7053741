"""From expositions to counts: nothing that cannot be known becomes evidence."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from timoneiro_operator.decide.decide import Arms
from timoneiro_operator.judge.comparison import Counts, Window
from timoneiro_operator.metrics import scrape
from timoneiro_operator.metrics.deltas import Mark, advance
from timoneiro_operator.metrics.profiles import KSERVE, NoSeries, Profile, Sample
from timoneiro_operator.metrics.scrape import ScrapeSource, Target

ARMS = Arms("fraud-a", "fraud-b", 10)
KEY = ("ns", "fraud")


def mark(requests: int, failed: int = 0, started: float | None = None) -> Mark:
    return Mark.first(Sample(requests=requests, failed=failed, started=started))


def delta(before: Mark, requests: int, failed: int = 0, started: float | None = None) -> Counts:
    return advance({"p": before}, {"p": Sample(requests=requests, failed=failed, started=started)})[0]


def test_counts_are_what_came_since_the_last_look() -> None:
    assert delta(mark(100, 3), 150, 5) == Counts(requests=50, events=2)


def test_a_counter_that_fell_starts_from_zero() -> None:
    assert delta(mark(100, 3), 20, 1) == Counts(requests=20, events=1)


def test_a_restart_is_known_by_the_start_time_even_when_the_counter_has_grown_past_the_old_one() -> None:
    assert delta(mark(100, 3, started=1.0), 130, 2, started=9.0) == Counts(requests=130, events=2)


def test_a_pod_that_is_new_counts_from_its_second_look_on() -> None:
    counts, marks = advance({}, {"p": Sample(requests=70, failed=7)})
    assert (counts, marks["p"].counted_failures) == (Counts(), 7)


def test_a_request_caught_between_predict_and_postprocess_is_counted_as_failed_once_at_most() -> None:
    counts, marks = advance({"p": mark(100, 0)}, {"p": Sample(requests=101, failed=1)})
    assert counts.events == 1
    counts, marks = advance(marks, {"p": Sample(requests=110, failed=0)})
    assert counts.events == 0
    counts, _ = advance(marks, {"p": Sample(requests=120, failed=1)})
    assert counts.events == 0


def exposition(*, predict: int, postprocess: int, declared: bool = True) -> str:
    registry = CollectorRegistry()
    if not declared:
        return "# HELP x y\n# TYPE x counter\nx_total 1.0\n"
    for name, count in (("request_predict_seconds", predict), ("request_postprocess_seconds", postprocess)):
        histogram = Histogram(name, name, ["model_name"], registry=registry)
        for _ in range(count):
            histogram.labels("fraud").observe(0.01)
    return generate_latest(registry).decode()


def test_failures_of_a_kserve_server_are_predictions_that_were_not_postprocessed() -> None:
    sample = KSERVE.read(exposition(predict=10, postprocess=7))
    assert (sample.requests, sample.failed) == (10, 3)


def test_a_server_that_has_served_nothing_yet_counts_zero() -> None:
    sample = KSERVE.read(exposition(predict=0, postprocess=0))
    assert (sample.requests, sample.failed) == (0, 0)


def test_an_exposition_without_the_series_is_refused_by_name() -> None:
    with pytest.raises(NoSeries, match="no series request_predict_seconds_count: is this a KServe Python server"):
        KSERVE.read(exposition(predict=0, postprocess=0, declared=False))


class Pods:
    """Two real HTTP servers that stand for the pods of both arms."""

    def __init__(self) -> None:
        self.stable = self.candidate = (0, 0)
        self.broken = False
        self.looks = 0


@pytest.fixture
async def pods() -> AsyncIterator[tuple[Pods, ScrapeSource, dict[str, list[Target]]]]:
    state = Pods()
    servers: list[TestServer] = []
    for arm, host in (("stable", "127.0.0.1"), ("candidate", "127.0.0.2")):
        app = web.Application()

        async def metrics(_: web.Request, arm: str = arm) -> web.Response:
            state.looks += 1
            if state.broken:
                return web.Response(status=500)
            requests, failed = getattr(state, arm)
            return web.Response(text=exposition(predict=requests, postprocess=requests - failed))

        app.router.add_get("/metrics", metrics)
        servers.append(TestServer(app, host=host, port=servers[0].port if servers else 0))
        await servers[-1].start_server()
    profile = Profile(
        name="KServe Python",
        port=servers[0].port or 0,
        path="/metrics",
        began=KSERVE.began,
        ended_well=KSERVE.ended_well,
    )
    targets = {
        "fraud-a": [Target("uid-a", "fraud-a-1", "127.0.0.1")],
        "fraud-b": [Target("uid-b", "fraud-b-1", "127.0.0.2")],
    }
    async with aiohttp.ClientSession() as session:
        yield state, ScrapeSource(session, profile), targets
    for server in servers:
        await server.close()


async def look(pods, now: float, arms: Arms = ARMS, commit: bool = True):
    _, source, targets = pods
    metrics, reading = await source.read(KEY, arms, targets, interval=10, now=now)
    if commit:
        source.commit(KEY, reading)
    return metrics


async def test_the_first_look_only_marks_where_the_first_window_begins(pods) -> None:
    pods[0].candidate = (50, 5)
    assert (await look(pods, 0)).windows == {}


async def test_a_window_holds_what_both_arms_did_between_two_looks(pods) -> None:
    await look(pods, 0)
    pods[0].stable, pods[0].candidate = (90, 1), (10, 4)
    window = Window(candidate=Counts(requests=10, events=4), stable=Counts(requests=90, events=1))
    assert (await look(pods, 10)).windows == {"errors": window}


async def test_nothing_is_read_before_the_interval_is_over(pods) -> None:
    await look(pods, 0)
    looks = pods[0].looks
    await look(pods, 9)
    assert pods[0].looks == looks


async def test_a_window_that_was_not_put_on_record_comes_again_and_none_is_lost(pods) -> None:
    await look(pods, 0)
    pods[0].candidate = (10, 0)
    await look(pods, 10, commit=False)
    pods[0].candidate = (30, 0)
    assert (await look(pods, 20)).windows["errors"].candidate.requests == 30


async def test_a_window_that_was_put_on_record_does_not_come_again(pods) -> None:
    await look(pods, 0)
    pods[0].candidate = (10, 0)
    await look(pods, 10)
    assert (await look(pods, 20)).windows["errors"].candidate.requests == 0


async def test_another_weight_begins_with_new_marks(pods) -> None:
    await look(pods, 0)
    pods[0].candidate = (10, 0)
    assert (await look(pods, 10, arms=ARMS._replace(weight=50))).windows == {}


async def test_a_pod_that_answers_with_an_error_is_a_problem_and_no_window(pods) -> None:
    await look(pods, 0)
    pods[0].broken = True
    metrics = await look(pods, 10)
    assert (metrics.windows, metrics.problem) == (
        {},
        ("ScrapeFailed", "pod fraud-a-1 answers /metrics with 500"),
    )


async def test_a_problem_stays_visible_until_the_next_look(pods) -> None:
    pods[0].broken = True
    await look(pods, 0)
    assert (await look(pods, 1)).problem is not None


async def test_a_pod_that_cannot_be_reached_is_a_problem_with_its_name(pods) -> None:
    pods[2]["fraud-b"] = [Target("uid-b", "fraud-b-1", "127.0.0.3")]
    metrics = await look(pods, 0)
    assert metrics.problem == ("ScrapeFailed", "pod fraud-b-1 cannot be read: ClientConnectorError")


async def test_a_pod_that_never_answers_is_a_problem_after_the_timeout(pods, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    monkeypatch.setattr(scrape, "TIMEOUT_SECONDS", 0.2)
    profile_port = pods[1]._profile.port
    server = await asyncio.start_server(silent, "127.0.0.4", profile_port)
    pods[2]["fraud-b"] = [Target("uid-b", "fraud-b-1", "127.0.0.4")]
    metrics = await look(pods, 0)
    server.close()
    assert metrics.problem == ("ScrapeFailed", "pod fraud-b-1 did not answer within 0.2 s")
