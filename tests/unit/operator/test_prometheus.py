"""The Prometheus source: which window it counts, and what it never takes for counts."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from localcluster.control_plane.certificates import CertificateAuthority
from support.fake_prometheus import FakePrometheus
from timoneiro_judge.counts import Counts
from timoneiro_operator.api.analysis_spec import Analysis, Header, Metric, SecretRef, SourceSpec, Tls
from timoneiro_operator.api.duration import Duration
from timoneiro_operator.api.times import moment
from timoneiro_operator.decide.observation import Answers, Metrics
from timoneiro_operator.decide.steps import Arms
from timoneiro_operator.metrics.look import ArmTargets, Look, Target
from timoneiro_operator.metrics.problem import ProblemError
from timoneiro_operator.metrics.profiles import KSERVE, PROFILES
from timoneiro_operator.sources.allowed_urls import AllowedUrls
from timoneiro_operator.sources.prometheus import SETTLE_SECONDS, PrometheusSource
from timoneiro_operator.sources.prometheus_api import PrometheusApi

NOW = 1_800_000_000.0
ARMS = Arms("a", "b", 10, mirrored=False, accepted=True)
ENDED, BEGUN = "timoneiro_requests_ended_total", "timoneiro_requests_begun_total"
ASKED, WELL = "request_preprocess_seconds_count", "request_postprocess_seconds_count"


class Server:
    """A FakePrometheus that has scraped one pod of each arm every 10 s for a while, and a source that reads it."""

    def __init__(self, fake: FakePrometheus, session: aiohttp.ClientSession, url: str) -> None:
        self.fake, self.session = fake, session
        self.profile = PROFILES["Timoneiro"]
        self.secret: Mapping[str, bytes] = {}
        self.moves_to(url)
        self.spec: dict[str, Any] = {"selector": 'revision="{{revision}}"'}
        self.metrics: tuple[Metric, ...] = (Metric(),)
        self.since, self.recorded = NOW - 60, None
        self.warm_up = "0s"
        for at in range(-150, 1, 10):
            self.scrape("a", NOW + at, 1350 + 9 * at, 1350 + 9 * at)
            self.scrape("b", NOW + at, 100 + at // 2, 100 + at // 2)

    def moves_to(self, url: str) -> None:
        """Its address, which the operator's administrator has named."""
        self.url = url
        self.source = PrometheusSource(PrometheusApi(self.session, self.read_secret, AllowedUrls([url])))

    async def read_secret(self, namespace: str, name: str) -> Mapping[str, bytes]:
        if not self.secret:
            raise ProblemError("SecretUnreadable", f"there is no Secret {name} in namespace {namespace}")
        return self.secret

    async def no_secret(self, namespace: str, name: str) -> Mapping[str, bytes]:
        raise AssertionError(f"nobody was to read {name}")

    def scrape(self, revision: str, at: float, asked: float, well: float, *, up: float = 1.0) -> None:
        """With the series of our own server, and with those of KServe's."""
        labels = {"revision": revision, "pod": f"{revision}-1"}
        for name, value in ((BEGUN, asked), (ASKED, asked), (WELL, well), ("up", up)):
            self.fake.add(name, at, value, **labels)
        for outcome, value in (("well", well), ("failed", asked - well)):
            self.fake.add(ENDED, at, value, **labels, outcome=outcome)

    def look(self, now: float = NOW) -> Look:
        return Look(
            key=("ns", "fraud"),
            arms=ARMS,
            analysis=Analysis(
                interval=Duration("30s"),
                warm_up=Duration(self.warm_up),
                source=SourceSpec(type="Prometheus", url=self.url, **self.spec),
                metrics=self.metrics,
            ),
            stable=ArmTargets(
                revision="a",
                inference_service="f-a",
                workload="f-a",
                pods=(Target("uid-a", "a-1", "10.0.0.1"),),
                profile=self.profile,
            ),
            candidate=ArmTargets(
                revision="b",
                inference_service="f-b",
                workload="f-b",
                pods=(Target("uid-b", "b-1", "10.0.0.2"),),
                profile=self.profile,
            ),
            now=now,
            since=self.since,
            recorded=self.recorded,
        )

    async def read(self, end: float = NOW) -> Metrics:
        """With a window that ends at `end`: samples that are on their way are waited for first."""
        return await self.source.read(self.look(end + SETTLE_SECONDS))

    async def problem(self, end: float = NOW) -> tuple[str, str]:
        metrics = await self.read(end)
        assert metrics.windows == {}
        assert metrics.problem is not None
        return tuple(metrics.problem)  # type: ignore[return-value]


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with FakePrometheus().running() as (fake, session, url):
        yield Server(fake, session, url)


async def test_a_window_begins_where_the_gateway_accepted_the_weight(server: Server) -> None:
    metrics = await server.read()
    window = metrics.windows["errors"]
    assert (window.stable, window.candidate) == (Counts(requests=540), Counts(requests=30))
    assert (metrics.window_end, metrics.seconds) == (NOW, 60.0)


async def test_a_window_begins_where_the_last_recorded_one_ended(server: Server) -> None:
    server.recorded = moment(NOW - 30)
    assert (await server.read()).windows["errors"].stable == Counts(requests=270)


async def test_another_operator_reads_the_same_window(server: Server) -> None:
    first = await server.read()
    async with aiohttp.ClientSession() as session:
        other = PrometheusSource(PrometheusApi(session, server.read_secret, AllowedUrls([server.url])))
        assert await other.read(server.look(NOW + SETTLE_SECONDS)) == first


async def test_nothing_is_asked_before_the_interval_is_over(server: Server) -> None:
    server.recorded = moment(NOW - 29)
    await server.read()
    assert server.fake.requests == []


async def test_nothing_is_measured_before_the_gateway_has_accepted_the_weight(server: Server) -> None:
    server.since = None
    assert await server.read() == Metrics()


async def test_failures_are_counted(server: Server) -> None:
    server.scrape("b", NOW + 5, 120, 113)
    server.scrape("a", NOW + 6, 1400, 1400)
    assert (await server.read(NOW + 10)).windows["errors"].candidate == Counts(requests=50, events=7)


async def test_a_pod_that_is_not_scraped_is_a_problem_with_its_name(server: Server) -> None:
    server.fake.samples = {key: values for key, values in server.fake.samples.items() if ("pod", "b-1") not in key}
    reason, sentence = await server.problem()
    assert (reason, "has no `up` of pod b-1" in sentence) == ("NotScraped", True)


async def test_a_pod_whose_last_scrape_failed_is_a_problem(server: Server) -> None:
    server.fake.add("up", NOW + 5, 0.0, revision="b", pod="b-1")
    assert await server.problem(NOW + 10) == ("ScrapeFailed", "Prometheus could not scrape pod b-1 the last time")


async def test_a_pod_that_was_not_scraped_for_long_is_a_problem(server: Server) -> None:
    for key in list(server.fake.samples):
        if ("pod", "b-1") in key:
            server.fake.samples[key] = [(at, value) for at, value in server.fake.samples[key] if at <= NOW - 130]
    reason, sentence = await server.problem()
    assert (reason, sentence) == ("ScrapeGap", "Prometheus scraped pod b-1 the last time 135 s ago")


async def test_workers_that_are_scraped_in_turn_are_a_problem(server: Server) -> None:
    for at, started in ((-30, 1.0), (-20, 2.0), (-10, 1.0)):
        server.fake.add("process_start_time_seconds", NOW + at, started, revision="b", pod="b-1")
    assert (await server.problem())[0] == "SeveralProcesses"


async def test_a_counter_that_is_no_number_is_a_problem(server: Server) -> None:
    server.scrape("b", NOW + 5, float("nan"), 150)
    reason, sentence = await server.problem(NOW + 10)
    assert reason == "ImplausibleCounts"
    assert sentence.startswith(f"pod b-1: series {ENDED} shows nan, which is not a count of requests: restart the pod")


async def test_a_counter_that_was_no_number_once_is_counted_again_from_then_on(server: Server) -> None:
    server.scrape("b", NOW + 2, -1, 150)
    for at, requests in ((4, 160), (6, 163)):
        server.scrape("b", NOW + at, requests, requests)
    server.scrape("a", NOW + 7, 1400, 1400)
    assert (await server.read(NOW + 10)).windows["errors"].candidate == Counts(requests=3)


async def test_a_counter_that_falls_in_a_process_that_goes_on_is_a_problem(server: Server) -> None:
    for at in (-30, 0, 5):
        server.fake.add("process_start_time_seconds", NOW + at, 1.0, revision="b", pod="b-1")
    server.scrape("b", NOW + 5, 90, 90)
    server.fake.samples = {
        key: [value for value in values if value[0] in (NOW - 30, NOW, NOW + 5) or ("revision", "a") in key]
        for key, values in server.fake.samples.items()
    }
    server.scrape("a", NOW + 7, 1400, 1400)
    reason, sentence = await server.problem(NOW + 10)
    assert reason == "ImplausibleCounts"
    assert f"pod b-1: series {ENDED} fell from 100 to 90" in sentence


async def test_a_metric_of_ones_own_that_shows_no_count_is_named_with_its_pod(server: Server) -> None:
    server.metrics = (Metric(), Metric(name="declines", type="Ratio", events='declined{r="b"}', total='asked{r="b"}'))
    for at, value in ((-90, 0), (-5, -3)):
        server.fake.add("asked", NOW + at, value, r="b", pod="b-1")
        server.fake.add("declined", NOW + at, 0, r="b", pod="b-1")
    reason, sentence = await server.problem()
    assert reason == "ImplausibleCounts"
    assert sentence.startswith("pod b-1: series asked shows -3, which is not a count of requests")


async def test_counters_that_rise_again_and_again_without_a_restart_that_can_be_seen_are_a_problem(
    server: Server,
) -> None:
    server.metrics = (Metric(name="declines", type="Ratio", events='declined{r="b"}', total='asked{r="b"}'),)
    for at in range(-80, 0, 10):
        server.fake.add("asked", NOW + at, 2.0**53 if at % 20 else 0, r="b", pod="b-1")
    assert (await server.problem())[0] == "ImplausibleCounts"


async def test_a_metric_of_ones_own_is_counted_by_its_two_selectors(server: Server) -> None:
    server.metrics = (
        Metric(),
        Metric(name="declines", type="Ratio", events='declined{r="{{revision}}"}', total='asked{r="{{revision}}"}'),
    )
    for revision, asked, declined in (("a", 100, 10), ("b", 50, 9)):
        for at, share in ((-90, 0), (-1, 1)):
            server.fake.add("asked", NOW + at, asked * share, r=revision)
            server.fake.add("declined", NOW + at, declined * share, r=revision)
    window = (await server.read()).windows["declines"]
    assert (window.candidate, window.stable) == (Counts(requests=50, events=9), Counts(requests=100, events=10))


async def test_bins_of_ones_own_are_counted_by_their_label(server: Server) -> None:
    own = Metric(name="answers", type="Outputs", bins='answers{r="{{revision}}"}', bin_label="class")
    server.metrics = (Metric(), own)
    for revision, fine, fraud in (("a", 97, 3), ("b", 59, 41)):
        for at, share in ((-90, 0), (-1, 1)):
            server.fake.add("answers", NOW + at, fine * share, r=revision, **{"class": "fine"})
            server.fake.add("answers", NOW + at, fraud * share, r=revision, **{"class": "fraud"})
    shape = (await server.read()).shapes["answers"]
    assert (shape.candidate, shape.stable) == ({"fine": 59, "fraud": 41}, {"fine": 97, "fraud": 3})


async def test_bins_of_ones_own_that_are_not_there_are_told_and_stand_in_nobodys_way(server: Server) -> None:
    server.metrics = (Metric(), Metric(name="answers", type="Outputs", bins="answers", bin_label="class"))
    metrics = await server.read()
    assert metrics.problems == {"answers": "the query for bins brings no series of the candidate"}
    assert (metrics.problem, set(metrics.windows)) == (None, {"errors"})
    assert (await server.source.trace(server.look(), server.look().stable)).own["answers"].series == 0


async def test_a_metric_of_ones_own_without_series_is_named_and_stands_in_the_way(server: Server) -> None:
    server.metrics = (Metric(), Metric(name="declines", type="Ratio", events="e", total="t"))
    metrics = await server.read()
    assert set(metrics.windows) == {"errors"}
    assert metrics.problem is not None
    assert (
        metrics.problem[1]
        == 'metric declines: the query for total brings no series with the label namespace="ns" of f-a'
    )


async def test_a_query_that_the_server_refuses_is_said_in_its_words(server: Server) -> None:
    server.fake.answer = (400, '{"status": "error", "error": "missing closing )"}', {})
    assert await server.problem() == ("QueryFailed", "Prometheus answers with 400: missing closing )")


@pytest.mark.parametrize("field", ["events", "total"])
async def test_what_is_no_selector_is_never_sent(server: Server, field: str) -> None:
    """Where an older operator has let it pass."""
    both = {"events": "e", "total": "t", field: "e[1m:1s] #"}
    server.metrics = (Metric(name="declines", type="Ratio", **both),)
    reason, sentence = await server.problem()
    assert (reason, sentence.startswith("'e[1m:1s] #' cannot be read")) == ("QueryFailed", True)
    assert not any("#" in form["query"] for form, _ in server.fake.requests)


async def test_whatever_is_asked_is_asked_of_the_namespace_only(server: Server) -> None:
    server.metrics = (Metric(), Metric(name="declines", type="Ratio", events="e", total='t{namespace="other"}'))
    server.fake.add("t", NOW - 30, 1.0, revision="a", pod="a-1")
    await server.read()
    queries = [form["query"] for form, _ in server.fake.requests]
    assert len(queries) == 6
    assert all(re.fullmatch(r'\{.*,namespace="ns"\}\[\d+ms\]', query) for query in queries)


async def test_series_without_the_label_of_the_namespace_are_not_found_and_that_is_said(server: Server) -> None:
    server.fake.samples = {
        tuple(label for label in key if label[0] != "namespace"): values for key, values in server.fake.samples.items()
    }
    assert await server.problem() == (
        "NotScraped",
        "Prometheus has no `up` of pod a-1: it does not scrape it, source.selector fits another, or there are none "
        'with the label namespace="ns"',
    )


async def test_an_address_that_is_not_allowed_is_not_asked_and_no_secret_is_read_for_it(server: Server) -> None:
    server.source = PrometheusSource(PrometheusApi(server.session, server.no_secret, AllowedUrls()))
    server.spec["secret_ref"] = SecretRef(name="s")
    reason, sentence = await server.problem()
    assert (reason, server.fake.requests) == ("UrlNotAllowed", [])
    assert sentence.startswith(f"spec.analysis.source.url {server.url} is not allowed")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ((401, "", {}), ("NotAllowed", "Prometheus answers with 401")),
        ((500, "oops", {}), ("ProviderUnavailable", "Prometheus answers with 500")),
        ((302, "", {"Location": "http://127.0.0.1:1/"}), ("ProviderUnavailable", "Prometheus answers with 302")),
        ((200, "<html>", {}), ("ProviderUnavailable", "what answers is not Prometheus: its answer is not JSON")),
        ((200, "[]", {}), ("ProviderUnavailable", "what answers is not Prometheus: its answer has no status")),
    ],
)
async def test_an_answer_that_is_no_samples_is_a_problem(server: Server, answer: Any, problem: tuple[str, str]) -> None:
    server.fake.answer = answer
    assert await server.problem() == problem


async def test_a_server_that_cannot_be_reached_is_a_problem(server: Server) -> None:
    server.moves_to("http://127.0.0.1:1")
    assert await server.problem() == ("ProviderUnavailable", "Prometheus cannot be reached: ClientConnectorError")


async def test_a_server_that_is_slow_is_a_problem_after_the_timeout(server: Server) -> None:
    async def never(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    app = web.Application()
    app.router.add_post("/api/v1/query", never)
    slow = TestServer(app)
    await slow.start_server()
    server.moves_to(str(slow.make_url("")))
    server.spec["timeout"] = Duration("200ms")
    assert await server.problem() == ("ProviderSlow", "Prometheus did not answer within 0.2 s")
    await slow.close()


async def test_an_answer_with_a_part_of_the_series_is_no_count(server: Server) -> None:
    server.fake.warnings = ["store 10.0.0.9 unavailable"]
    assert await server.problem() == ("PartialAnswer", "Prometheus warns: store 10.0.0.9 unavailable")


@pytest.mark.parametrize(
    ("date", "sentence"),
    [
        ("Fri, 15 Jan 2027 08:05:05 GMT", "the clock of Prometheus is 300 s ahead of the operator's"),
        ("Fri, 15 Jan 2027 07:55:05 GMT", "the clock of Prometheus is 300 s behind the operator's"),
    ],
)
async def test_another_clock_is_a_problem(server: Server, date: str, sentence: str) -> None:
    server.fake.date = date
    assert await server.problem() == ("ClockSkew", sentence)


async def test_a_server_that_asks_for_patience_is_left_alone_for_as_long(server: Server) -> None:
    server.fake.answer = (429, "", {"Retry-After": "90"})
    assert (await server.problem())[0] == "ProviderBusy"
    server.fake.answer, asked = None, len(server.fake.requests)
    metrics = await server.read(NOW + 60)
    assert metrics.problem is not None
    assert metrics.problem[1] == "Prometheus asked for fewer requests: the next try is in 30 s"
    assert len(server.fake.requests) == asked
    for revision in "ab":
        server.scrape(revision, NOW + 91, 2000, 2000)
    assert (await server.read(NOW + 91)).windows


async def test_the_patience_that_a_server_asked_for_ends_when_the_clock_is_set_back(server: Server) -> None:
    server.fake.answer = (429, "", {"Retry-After": "90"})
    await server.read(NOW + 3600)
    server.fake.answer, asked = None, len(server.fake.requests)
    server.source.forget(server.look().key)
    await server.read(NOW)
    assert len(server.fake.requests) > asked


async def test_after_an_outage_the_window_is_as_long_as_the_outage(server: Server) -> None:
    server.fake.answer = (500, "", {})
    await server.read()
    server.fake.answer = None
    for revision in "ab":
        server.scrape(revision, NOW + 29, 1450, 1450)
    metrics = await server.read(NOW + 30)
    assert (metrics.seconds, metrics.windows["errors"].stable) == (90.0, Counts(requests=640))


async def test_a_problem_stays_visible_until_the_next_try(server: Server) -> None:
    server.fake.answer = (500, "", {})
    await server.read()
    assert (await server.read(NOW + 1)).problem is not None


async def test_a_token_goes_along_and_into_no_sentence(server: Server) -> None:
    server.spec["secret_ref"], server.secret = SecretRef(name="s"), {"token": b"abc\n"}
    await server.read()
    assert server.fake.requests[0][1]["Authorization"] == "Bearer abc"


async def test_a_user_and_a_password_go_along(server: Server) -> None:
    server.spec["secret_ref"], server.secret = SecretRef(name="s"), {"username": b"ana", "password": b"x"}
    await server.read()
    assert server.fake.requests[0][1]["Authorization"] == aiohttp.encode_basic_auth("ana", "x")


async def test_headers_go_along(server: Server) -> None:
    server.spec["headers"] = (Header(name="X-Scope-OrgID", value="team-a"),)
    await server.read()
    assert server.fake.requests[0][1]["X-Scope-OrgID"] == "team-a"


async def test_a_secret_that_cannot_be_read_is_named(server: Server) -> None:
    server.spec["secret_ref"] = SecretRef(name="missing")
    assert await server.problem() == ("SecretUnreadable", "there is no Secret missing in namespace ns")


async def test_a_certificate_that_is_none_is_named(server: Server) -> None:
    server.spec["secret_ref"], server.secret = SecretRef(name="s"), {"ca.crt": b"hello"}
    assert (await server.problem())[0] == "BadSecret"


async def test_tls_is_verified_against_the_authority_of_the_secret_and_its_name(server: Server, tmp_path: Any) -> None:
    CertificateAuthority(tmp_path).server("tls", ["prometheus.example.com"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    running = server.fake.server(scheme="https")
    await running.start_server(ssl=context)
    server.moves_to(str(running.make_url("")))
    assert (await server.problem())[1] == "Prometheus cannot be reached: ClientConnectorCertificateError"
    server.spec |= {"secret_ref": SecretRef(name="s"), "tls": Tls(server_name="prometheus.example.com")}
    server.secret = {"ca.crt": (tmp_path / "ca.crt").read_bytes()}
    assert (await server.read(NOW + 30)).windows
    server.spec |= {"secret_ref": None, "tls": Tls(insecure_skip_verify=True)}
    assert (await server.read(NOW + 60)).windows
    await running.close()


async def test_a_window_stays_open_until_every_pod_was_scraped_in_it(server: Server) -> None:
    server.fake.samples = {
        key: [(at, value) for at, value in values if ("pod", "b-1") not in key or at <= NOW - 60]
        for key, values in server.fake.samples.items()
    }
    metrics = await server.read()
    assert (metrics.windows, metrics.window_end, metrics.problem) == ({}, None, None)
    server.scrape("b", NOW + 20, 130, 130)
    server.scrape("a", NOW + 25, 1500, 1500)
    assert (await server.read(NOW + 30)).windows["errors"].candidate == Counts(requests=60)


async def test_what_was_done_at_the_weight_before_is_not_counted_at_this_one(server: Server) -> None:
    server.since = NOW - 55
    assert (await server.read()).windows["errors"].stable == Counts(requests=9 * 50)


async def test_a_series_that_is_on_its_way_is_no_failure(server: Server) -> None:
    server.fake.add(BEGUN, NOW + 5, 150, revision="b", pod="b-1")
    assert (await server.read(NOW + 10)).windows["errors"].candidate == Counts(requests=30)


async def test_a_series_that_is_dropped_on_its_way_is_named_and_nothing_is_counted(server: Server) -> None:
    server.profile = KSERVE
    server.fake.samples = {key: v for key, v in server.fake.samples.items() if ("__name__", WELL) not in key}
    assert await server.problem() == (
        "NoSeries",
        f"Prometheus has no series {WELL} of either model: is it dropped?",
    )


async def test_a_candidate_that_fails_everything_has_no_series_of_what_ended_well(server: Server) -> None:
    server.profile = KSERVE
    dropped = {("__name__", WELL), ("pod", "b-1")}
    server.fake.samples = {key: v for key, v in server.fake.samples.items() if not dropped <= set(key)}
    counts = (await server.read()).windows["errors"].candidate
    assert counts.requests == counts.events > 0


async def test_a_window_says_who_was_answered_and_what_has_arrived(server: Server) -> None:
    assert (await server.read()).answers == Answers(candidate=30, stable=540, begun=(30, 540))


async def test_a_pod_that_was_first_scraped_within_the_window_says_nothing_of_who_answers(server: Server) -> None:
    server.fake.samples = {
        key: [(at, value) for at, value in values if at > NOW - 30 or ("pod", "b-1") not in key]
        for key, values in server.fake.samples.items()
    }
    assert (await server.read()).answers is None


async def test_a_pod_that_two_jobs_scrape_is_a_problem_and_nothing_is_counted_twice(server: Server) -> None:
    server.fake.samples |= {
        tuple(sorted({**dict(key), "job": "another"}.items())): values for key, values in server.fake.samples.items()
    }
    reason, sentence = await server.problem()
    assert (reason, "the counters of a-1 twice" in sentence, "'another'" in sentence) == ("DuplicateSeries", True, True)


async def test_a_counter_of_ones_own_that_two_jobs_scrape_is_a_problem(server: Server) -> None:
    server.metrics = (Metric(name="declines", type="Ratio", events='declined{r="b"}', total='asked{r="b"}'),)
    server.fake.samples = {
        tuple(sorted({**dict(key), "job": "model"}.items())): values for key, values in server.fake.samples.items()
    }
    for job in ("one", "two"):
        for at in (-30, -5):
            server.fake.add("asked", NOW + at, 50.0, r="b", pod="b-1", job=job)
    assert (await server.problem())[0] == "DuplicateSeries"


async def test_windows_of_prometheus_are_not_aligned(server: Server) -> None:
    assert not (await server.read()).windows["errors"].aligned


async def test_pods_that_are_told_apart_by_their_address_are_found(server: Server) -> None:
    by_address = {("pod", "a-1"): ("instance", "10.0.0.1:8080"), ("pod", "b-1"): ("instance", "10.0.0.2:8080")}
    server.fake.samples = {
        tuple(by_address.get(label, label) for label in key): values for key, values in server.fake.samples.items()
    }
    assert (await server.read()).windows["errors"].stable == Counts(requests=540)


async def test_a_header_that_cannot_be_sent_is_named(server: Server) -> None:
    server.spec["headers"] = (Header(name="X-Scope-OrgID", value="team\na"),)
    assert (await server.problem())[0] == "BadHeader"


async def test_the_candidate_is_counted_by_scrapes_that_came_before_those_of_the_stable_model(server: Server) -> None:
    """A burst that both share comes to the stable model first, and is never held against the candidate."""
    server.scrape("b", NOW + 5, 200, 100)
    assert (await server.read(NOW + 8)).windows["errors"].candidate == Counts(requests=30)
    server.recorded = moment(NOW + 8)
    server.scrape("a", NOW + 20, 1450, 1450)
    server.scrape("b", NOW + 21, 300, 100)
    assert (await server.read(NOW + 40)).windows["errors"].candidate == Counts(requests=100, events=100)


async def test_the_first_window_of_the_candidate_begins_after_that_of_the_stable_model(server: Server) -> None:
    server.fake.samples = {
        key: [(at + 3, value) for at, value in values] if ("pod", "a-1") in key else values
        for key, values in server.fake.samples.items()
    }
    window = (await server.read(NOW + 5)).windows["errors"]
    assert (window.stable, window.candidate) == (Counts(requests=540), Counts(requests=25))
