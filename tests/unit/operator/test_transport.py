"""Requests by way of aiohttp are those of httpx: what is sent, what comes back, and what is raised."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

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


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def played(handler: Handler, *, tls: bool = False) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a server that does what `handler` does with each connection, and never more than that."""
    writers = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await handler(reader, writer)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    base = f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    transport = AiohttpTransport(ssl.create_default_context())
    async with httpx2.AsyncClient(base_url=base, transport=transport, timeout=0.2) as client:
        yield client
    server.close()
    for writer in writers:
        writer.transport.abort()


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Takes the connection, and nothing that comes by it beyond what is buffered."""


@pytest.mark.parametrize(
    "answer",
    [
        "SSH-2.0-Server",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
async def test_an_answer_that_is_cut_short_or_none_at_all_is_a_failure_and_never_a_shorter_answer(answer: str) -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer.encode())
        await writer.drain()
        writer.close()

    async with played(cut) as client:
        with pytest.raises(httpx2.RequestError):
            await client.get("/")


# So much that no buffer of a loopback device takes it; between machines a status is more than that.
@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_a_server_that_does_not_take_what_is_sent_is_a_timeout() -> None:
    async with played(silent) as client, asyncio.timeout(10):
        with pytest.raises(httpx2.TimeoutException):
            await client.patch("/", content=b"x" * 30_000_000)


async def test_a_server_that_accepts_a_connection_and_never_shakes_hands_is_a_timeout() -> None:
    async with played(silent, tls=True) as client, asyncio.timeout(10):
        with pytest.raises(httpx2.ConnectTimeout):
            await client.get("/")


async def test_a_request_that_was_given_up_leaves_no_answer_for_the_next_one() -> None:
    connections = 0
    asked = asyncio.Event()

    async def first_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        number = connections
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        if number > 1:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond")

    async with played(first_late) as client:
        given_up = asyncio.create_task(client.get("/"))
        await asked.wait()
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        assert (await client.get("/")).text == "second"


async def test_a_server_that_is_not_there_is_no_connection(client: httpx2.AsyncClient) -> None:
    with pytest.raises(httpx2.ConnectError):
        await client.get("http://127.0.0.1:1/")
