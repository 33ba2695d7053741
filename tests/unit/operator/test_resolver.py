"""A name of a service leads to that service, whatever its writer has made an alias of."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from yarl import URL

from support.fake_prometheus import FakePrometheus
from timoneiro_operator.api.analysis_spec import SourceSpec
from timoneiro_operator.api.promql import selector
from timoneiro_operator.metrics.problem import ProblemError
from timoneiro_operator.sources.allowed_urls import AllowedUrls
from timoneiro_operator.sources.ask import Request
from timoneiro_operator.sources.prometheus_api import PrometheusApi
from timoneiro_operator.sources.resolver import ServiceResolver

CORP = (
    "nameserver 10.96.0.10\nsearch timoneiro-system.svc.corp.example svc.corp.example corp.example\noptions ndots:5\n"
)
# What the resolver of the system answers: for every name the address of this machine, and the name that it is of.
Answers = Callable[[str], None]


@pytest.fixture
async def dns(monkeypatch: pytest.MonkeyPatch) -> Answers:
    names: list[str] = []

    async def getaddrinfo(host: str, port: int, **how: Any) -> list[Any]:
        assert how["flags"] & socket.AI_CANONNAME
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, names[-1], ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    return names.append


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("prometheus.ns.svc", "prometheus.ns.svc.cluster.local"),
        ("prometheus.ns.svc", "Prometheus.ns.svc.cluster.local"),
        ("prometheus.ns.svc.cluster.local", "prometheus.ns.svc.cluster.local"),
        ("prometheus.ns.svc", "prometheus.ns.svc.corp.example"),
        ("named.example.com", "elsewhere.example.com"),
    ],
)
async def test_a_service_under_its_own_name_and_whatever_is_named_have_addresses(
    dns: Answers, host: str, name: str
) -> None:
    dns(name)
    (found,) = await ServiceResolver(AllowedUrls(["http://named.example.com"]), CORP).resolve(host, 9090)
    assert (found["hostname"], found["host"], found["port"]) == (host, "127.0.0.1", 9090)


@pytest.mark.parametrize(
    "name",
    [
        "metadata.google.internal",
        "prometheus.other.svc.cluster.local",
        "prometheus.ns.svc.evil.com",
        "prometheus.ns.svc.cluster.local.evil.com",
        "",
    ],
)
async def test_an_alias_is_no_service(dns: Answers, name: str) -> None:
    dns(name)
    with pytest.raises(ProblemError, match="a Service of type ExternalName is asked only if"):
        await ServiceResolver(AllowedUrls(), CORP).resolve("prometheus.ns.svc", 9090)


@pytest.fixture
async def fake() -> AsyncIterator[tuple[FakePrometheus, str]]:
    async with FakePrometheus().running() as (running, _, url):
        yield running, url


@pytest.mark.parametrize("alias", [False, True])
async def test_nothing_is_sent_to_what_an_alias_leads_to(
    dns: Answers, fake: tuple[FakePrometheus, str], alias: bool
) -> None:
    server, allowed = fake[0], AllowedUrls()
    connector = aiohttp.TCPConnector(resolver=ServiceResolver(allowed, ""))
    url = f"http://prometheus.ns.svc:{URL(fake[1]).port}"
    request = Request(namespace="ns", source=SourceSpec(type="Prometheus", url=url), at=0.0, now=0.0)
    dns("metadata.google.internal" if alias else "prometheus.ns.svc.cluster.local")
    async with aiohttp.ClientSession(connector=connector) as session:
        api = PrometheusApi(session, _no_secret, allowed)
        if not alias:
            assert await api.samples(request, selector("up"), 60.0) == []
            return
        with pytest.raises(ProblemError) as caught:
            await api.samples(request, selector("up"), 60.0)
    assert (caught.value.problem.reason, server.requests) == ("UrlNotAllowed", [])


async def _no_secret(namespace: str, name: str) -> dict[str, bytes]:
    raise AssertionError("nobody asked for a Secret")
