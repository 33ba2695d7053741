"""The load generator blames the right one: the model for its own failures, the rollout for everything else."""

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from demo.load import Load, Tally


async def tally_against(answer: web.Response | None, *, requests: int = 5) -> Tally:
    """What the load counts when every request gets `answer` (None: the connection is cut)."""
    seen, enough = 0, asyncio.Event()

    async def handle(request: web.Request) -> web.Response:
        nonlocal seen
        assert request.host == "fraud.example.com"
        seen += 1
        if seen >= requests:
            enough.set()
        await request.read()
        if answer is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return web.Response(status=answer.status, text=answer.text)

    app = web.Application()
    app.router.add_post("/predict", handle)
    server = TestServer(app)
    await server.start_server()
    load = Load(url=str(server.make_url("/predict")), host="fraud.example.com", rows=[[1.0, None]], rate=200)
    load.start()
    await asyncio.wait_for(enough.wait(), timeout=10)
    tally = await load.stop()
    await server.close()
    return tally


async def test_a_prediction_is_an_answer() -> None:
    tally = await tally_against(web.Response(text='{"predictions": ["benign"]}'))
    assert tally.answered == tally.sent


async def test_a_failure_that_the_model_reports_is_the_models() -> None:
    tally = await tally_against(web.Response(status=500, text='{"error": "the model failed: ValueError"}'))
    assert tally.failed_by_model == tally.sent


@pytest.mark.parametrize(
    "answer",
    [web.Response(status=503, text="no healthy upstream"), web.Response(status=404, text=""), None],
    ids=["the gateway has nobody to ask", "there is no route", "the connection is cut"],
)
async def test_everything_else_is_the_rollouts_and_is_told_in_words(answer: web.Response | None) -> None:
    tally = await tally_against(answer)
    assert tally.failed_by_rollout == tally.sent
    assert tally.details
