"""Requests by way of aiohttp are those of httpx: what is sent, what comes back, and what is raised."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator

import httpx2
import pytest
from aiohttp import web

from timoneiro_operator.kube.transport import AiohttpTransport


class FakeApiServer:
    """Answers what it was asked, compressed; or not at all, or with the end of the connection."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def echo(self, request: web.Request) -> web.Response:
        self.paths.append(request.path_qs)
        text = f"{request.method} {request.headers['Content-Type']} {(await request.read()).decode()}"
        return web.Response(
            status=409, body=gzip.compress(text.encode()), headers={"Content-Encoding": "gzip", "X-Kind": "echo"}
        )

    async def hang(self, _: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    async def leave(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async def elsewhere(self, _: web.Request) -> web.Response:
        raise web.HTTPFound("/echo")


@pytest.fixture
def server() -> FakeApiServer:
    return FakeApiServer()


@pytest.fixture
async def client(server: FakeApiServer) -> AsyncIterator[httpx2.AsyncClient]:
    app = web.Application()
    app.router.add_route("*", "/hang", server.hang)
    app.router.add_route("*", "/leave", server.leave)
    app.router.add_route("*", "/elsewhere", server.elsewhere)
    app.router.add_route("*", "/{path:.*}", server.echo)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base, transport = f"http://127.0.0.1:{runner.addresses[0][1]}", AiohttpTransport(ssl.create_default_context())
    async with httpx2.AsyncClient(base_url=base, transport=transport, timeout=5) as client:
        yield client
    await runner.cleanup()


async def test_what_is_sent_arrives_and_the_answer_is_as_it_was(
    server: FakeApiServer, client: httpx2.AsyncClient
) -> None:
    answer = await client.patch(
        "/apis/a%2Fb", params={"fieldManager": "x y"}, content="{}", headers={"Content-Type": "application/patch"}
    )
    assert server.paths == ["/apis/a%2Fb?fieldManager=x+y"]
    assert (answer.status_code, answer.text) == (409, "PATCH application/patch {}")
    assert answer.headers["X-Kind"] == "echo"


async def test_a_redirect_is_the_clients_to_follow(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/elsewhere")).status_code == 302


async def test_a_server_that_hangs_is_a_timeout(client: httpx2.AsyncClient) -> None:
    with pytest.raises(httpx2.ReadTimeout):
        await client.get("/hang", timeout=0.1)


async def test_a_server_that_leaves_without_an_answer_is_a_failure_of_the_transport(client: httpx2.AsyncClient) -> None:
    with pytest.raises(httpx2.TransportError):
        await client.patch("/leave", content="{}")


async def test_a_server_that_is_not_there_is_no_connection(client: httpx2.AsyncClient) -> None:
    with pytest.raises(httpx2.ConnectError):
        await client.get("http://127.0.0.1:1/")
