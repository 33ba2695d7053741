"""The proxy between an operator and the API server, with a real server behind it and a real client before it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from chaos.api_faults import Call, Trouble
from chaos.proxy import Hold, Proxy

MODELS = "/apis/timoneiro.dev/v1alpha1/namespaces/default/modeldeployments"


class Behind:
    """What stands for the API server: it keeps what it was sent, and a watch of it says one thing and goes on."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.content_types: list[str | None] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path} {(await request.read()).decode()}".strip())
        self.content_types.append(request.headers.get("Content-Type"))
        if "watch" not in request.query:
            return web.json_response({"said": request.headers.get("Authorization")})
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"type":"ADDED"}\n')
        await asyncio.Event().wait()
        return response


@pytest.fixture
def behind() -> Behind:
    return Behind()


@pytest.fixture
async def proxy(behind: Behind) -> AsyncIterator[Proxy]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", behind.answer)
    async with TestServer(app, handler_cancellation=True) as server, aiohttp.ClientSession() as session:
        yield Proxy(session, str(server.make_url("")).rstrip("/"))


@pytest.fixture
async def client(proxy: Proxy) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", proxy.handle)
    async with TestClient(TestServer(app, handler_cancellation=True)) as client:
        yield client


Client = TestClient[web.Request, web.Application]


async def test_without_trouble_everything_is_passed_on(client: Client, behind: Behind) -> None:
    answer = await client.patch(MODELS + "/a?x=1", data=b"body", headers={"Authorization": "Bearer t"})
    assert await answer.json() == {"said": "Bearer t"}
    assert behind.asked == [f"PATCH {MODELS}/a body"]


async def test_a_request_without_content_gets_no_content_type(client: Client, behind: Behind) -> None:
    await client.get(MODELS)
    assert behind.content_types == [None]


@pytest.mark.parametrize(("trouble", "code"), [(Trouble.TOO_MANY_REQUESTS, 429), (Trouble.INTERNAL_ERROR, 500)])
async def test_half_of_the_requests_are_refused(client: Client, proxy: Proxy, trouble: Trouble, code: int) -> None:
    proxy.trouble = trouble
    codes = {(await client.get(MODELS)).status for _ in range(20)}
    assert codes == {200, code}


async def test_only_writes_meet_a_conflict(client: Client, proxy: Proxy) -> None:
    proxy.trouble = Trouble.CONFLICT
    assert {(await client.get(MODELS)).status for _ in range(20)} == {200}
    assert {(await client.patch(MODELS)).status for _ in range(20)} == {200, 409}


async def test_a_write_whose_answer_is_lost_was_done(client: Client, proxy: Proxy, behind: Behind) -> None:
    proxy.trouble = Trouble.LOST_ANSWERS
    lost = 0
    for _ in range(20):
        try:
            await client.patch(MODELS)
        except aiohttp.ClientError:
            lost += 1
    assert 0 < lost < 20
    assert len(behind.asked) >= 20


async def test_a_watch_that_goes_on_hears_that_its_version_is_too_old(client: Client, proxy: Proxy) -> None:
    async with client.get(MODELS + "?watch=true") as answer:
        assert await answer.content.readline() == b'{"type":"ADDED"}\n'
        proxy.trouble = Trouble.EXPIRED
        assert b'"code": 410' in await answer.content.readline()


async def test_a_watch_that_goes_on_is_dropped(client: Client, proxy: Proxy) -> None:
    async with client.get(MODELS + "?watch=true") as answer:
        await answer.content.readline()
        proxy.trouble = Trouble.DROPPED_WATCHES
        with pytest.raises(aiohttp.ClientError):
            await answer.content.read()


async def test_nothing_comes_through_a_partition(client: Client, proxy: Proxy, behind: Behind) -> None:
    proxy.trouble = Trouble.PARTITION
    with pytest.raises(aiohttp.ClientError):
        await client.post(MODELS)
    assert behind.asked == []


@pytest.mark.parametrize(("after", "done"), [(False, 1), (True, 2)])
async def test_an_operator_is_held_at_its_second_write(
    client: Client, proxy: Proxy, behind: Behind, after: bool, done: int
) -> None:
    proxy.hold = hold = Hold(2, after)
    await client.patch(MODELS)
    await client.get(MODELS)
    second = asyncio.create_task(client.patch(MODELS))
    async with asyncio.timeout(5):
        await hold.reached.wait()
    assert [asked.split()[0] for asked in behind.asked].count("PATCH") == done
    assert not second.done()
    hold.released.set()
    with contextlib.suppress(aiohttp.ClientError):
        await second


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        (MODELS + "/a/status", "modeldeployments/status"),
        (MODELS, "modeldeployments"),
        ("/api/v1/pods?watch=true", "pods"),
        ("/api/v1/namespaces/default/events", "events"),
        ("/apis/coordination.k8s.io/v1/namespaces/x/leases/timoneiro-operator", "leases"),
        ("/apis/timoneiro.dev/v1alpha1", "discovery"),
    ],
)
def test_calls_are_counted_by_resource(path: str, resource: str) -> None:
    assert Call("GET", path, watch=False).resource == resource


def test_the_lease_is_no_write_of_a_rollout() -> None:
    lease = Call("PUT", "/apis/coordination.k8s.io/v1/namespaces/x/leases/timoneiro-operator", watch=False)
    assert not lease.is_write
    assert Call("PATCH", MODELS + "/a/status", watch=False).is_write
