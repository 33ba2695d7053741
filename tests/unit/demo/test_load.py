"""The load counts every request once, and blames the right one: the model for its own failures, else the rollout."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from demo import load as module
from demo.load import Load, Tally

FAILED = b'{"error": "the model failed: ValueError: input contains NaN"}'
GOOD = b'{"predictions": ["benign"]}'
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answer(status: int, body: bytes, content_type: str = "application/json") -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers={"Content-Type": content_type})

    return handle


async def cut(request: web.Request) -> web.StreamResponse:
    """The connection ends before there is an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def cut_in_the_body(request: web.Request) -> web.StreamResponse:
    """The connection ends in the middle of an answer."""
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "1000"})
    await response.prepare(request)
    await response.write(GOOD)
    assert request.transport is not None
    request.transport.abort()
    return response


async def never(request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def loaded(
    handle: Handler, *, requests: int = 5, rate: float = 200, until: Callable[[Tally], bool] = lambda tally: True
) -> Tally:
    """What the load has counted when it was stopped, after at least `requests` had come to a server that does that.

    `until`: what else it has to have counted by then.
    """
    seen, enough = 0, asyncio.Event()

    async def count(request: web.Request) -> web.StreamResponse:
        nonlocal seen
        assert request.host == "fraud.example.com"
        seen += 1
        if seen >= requests:
            enough.set()
        await request.read()
        return await handle(request)

    app = web.Application()
    app.router.add_post("/predict", count)
    server = TestServer(app)
    await server.start_server()
    load = Load(url=str(server.make_url("/predict")), host="fraud.example.com", rows=[[1.0, None]], rate=rate)
    load.start()
    await asyncio.wait_for(enough.wait(), timeout=10)
    for _ in range(10_000):
        if until(load.so_far()):
            break
        await asyncio.sleep(0.001)
    else:
        raise AssertionError(load.so_far())
    tally = await load.stop()
    await server.close()
    return tally


ANSWERS: dict[str, tuple[Handler, str]] = {
    "a prediction": (answer(200, GOOD), "answered"),
    "a failure that the model reports": (answer(500, FAILED), "failed_by_model"),
    "the gateway has nobody to ask": (answer(503, b"no healthy upstream", "text/plain"), "failed_by_rollout"),
    "there is no route": (answer(404, b"", "text/plain"), "failed_by_rollout"),
    "the connection is cut": (cut, "failed_by_rollout"),
    "the answer is cut": (cut_in_the_body, "failed_by_rollout"),
    "no answer in time": (never, "failed_by_rollout"),
    "a body that is no text": (answer(200, b'{"predictions": ["\xff"]}'), "failed_by_rollout"),
    "a failure whose body is no text": (answer(500, b"\xff the model failed"), "failed_by_rollout"),
    "a gateway with the words of a model": (answer(500, FAILED, "text/plain"), "failed_by_rollout"),
    "a proxy that quotes a model": (
        answer(500, b'{"error": "upstream said: the model failed: x", "code": 13}'),
        "failed_by_rollout",
    ),
    "the words of a model with another status": (answer(502, FAILED), "failed_by_rollout"),
    "another failure of the model server": (answer(500, b'{"error": "Internal Server Error"}'), "failed_by_rollout"),
    "a page that says predictions": (answer(200, b'<p>"predictions"</p>', "text/html"), "failed_by_rollout"),
    "JSON that is no answer": (answer(200, b'["predictions"]'), "failed_by_rollout"),
}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that nobody answers is over soon."""
    monkeypatch.setattr(module, "_TIMEOUT", module.aiohttp.ClientTimeout(total=0.5))


@pytest.mark.parametrize(("handle", "count"), ANSWERS.values(), ids=list(ANSWERS))
async def test_every_request_is_counted_once_and_blamed_on_the_right_one(handle: Handler, count: str) -> None:
    tally = await loaded(handle)
    assert tally.whole, tally
    assert (tally.sent >= 5, getattr(tally, count)) == (True, tally.sent)
    assert bool(tally.details) == (count == "failed_by_rollout")


async def test_a_count_of_some_requests_waits_for_all_of_them_and_for_no_others() -> None:
    come, let_go, seen = asyncio.Event(), asyncio.Event(), 0

    async def slow(request: web.Request) -> web.StreamResponse:
        nonlocal seen
        seen += 1
        if seen >= 3:
            come.set()
        await let_go.wait()
        return web.Response(body=GOOD, headers={"Content-Type": "application/json"})

    app = web.Application()
    app.router.add_post("/predict", slow)
    server = TestServer(app)
    await server.start_server()
    load = Load(url=str(server.make_url("/predict")), host="x", rows=[[1.0]], rate=100)
    load.start()
    await asyncio.wait_for(come.wait(), timeout=10)
    counting = asyncio.create_task(load.closed(since=1))
    await asyncio.sleep(0)
    assert load.so_far().open >= 3
    let_go.set()
    tally = await asyncio.wait_for(counting, timeout=10)
    assert (tally.whole, tally.open, tally.answered) == (True, 0, tally.sent)
    total = await load.stop()
    assert (total.whole, total.sent > tally.sent) == (True, True)
    await server.close()


async def test_a_load_that_may_not_send_more_says_how_much_of_it_was_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_IN_FLIGHT", 3)
    tally = await loaded(never, requests=3, rate=1000, until=lambda tally: tally.held_back > 0)
    assert tally.whole
    assert tally.held_back > 0
    assert 0 < tally.thinned < 1


async def test_a_machine_that_has_no_time_for_its_load_is_known_by_what_it_could_not_send(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_LATE_SECONDS", -1.0)
    monkeypatch.setattr(module, "time", Late())
    tally = await loaded(answer(200, GOOD), requests=2, rate=100)
    assert (tally.whole, tally.late > 0) == (True, True)


class Late:
    """A clock whose every look is a tenth of a second after the one before: nothing is ever in time."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 0.1
        return self.now

    def strftime(self, text: str) -> str:
        return text
