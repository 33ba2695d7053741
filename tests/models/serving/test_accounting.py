"""Every request is counted once, by what became of it; a virtual clock stands for the time that models take."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from timoneiro_serving import __main__ as command_line
from timoneiro_serving.accounting import OUTCOMES, AccountForRequests, Accounts
from timoneiro_serving.outside import OutsideRequests
from timoneiro_serving.predictions import Predictions
from timoneiro_serving.server import THREADS, PackagedModel

PREDICT = "/v1/models/parcel:predict"


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def shown(accounts: Accounts) -> dict[str, float]:
    """What /metrics shows: begun, in_flight, and each outcome."""
    return {
        sample.labels.get("outcome") or family.name.removeprefix("timoneiro_requests_"): sample.value
        for family in accounts.collect()
        for sample in family.samples
    }


def counted(accounts: Accounts) -> dict[str, float]:
    """Only what is not zero."""
    return {name: value for name, value in shown(accounts).items() if value}


class Asked:
    """One request to an application behind the layer, as a server would hand it on."""

    def __init__(self, accounts: Accounts, app: Any) -> None:
        self.layer = AccountForRequests(app, accounts)
        self.gone = asyncio.Event()
        self.body = [b"{}"]
        self.sent: list[Any] = []

    async def receive(self) -> Any:
        if self.body:
            piece = self.body.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(self.body)}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    async def ask(self, path: str = PREDICT, method: str = "POST") -> None:
        scope = {"type": "http", "method": method, "path": path, "headers": []}
        await self.layer(scope, self.receive, self.send)


def answering(status: int, before: Callable[[], None] = lambda: None, length: int = 2) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        before()
        await send({"type": "http.response.start", "status": status, "headers": [(b"Content-Length", b"%d" % length)]})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})
        await send({"type": "http.response.body", "body": b"}"})

    return app


async def fails(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    raise ConnectionResetError("injected")


async def hangs(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await asyncio.Event().wait()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(clock: Clock) -> Accounts:
    return Accounts(10.0, clock)


@pytest.mark.parametrize(("status", "outcome"), [(200, "well"), (400, "refused"), (404, "refused"), (500, "failed")])
async def test_a_request_ends_as_it_is_answered(accounts: Accounts, status: int, outcome: str) -> None:
    await Asked(accounts, answering(status)).ask()
    assert counted(accounts) == {"begun": 1, outcome: 1}


async def test_all_outcomes_are_shown_before_the_first_request(accounts: Accounts) -> None:
    assert shown(accounts) == {"begun": 0, "in_flight": 0, **dict.fromkeys(OUTCOMES, 0)}


async def test_a_connection_that_is_closed_without_an_answer_is_a_failure(accounts: Accounts) -> None:
    with pytest.raises(ConnectionResetError):
        await Asked(accounts, fails).ask()
    assert counted(accounts) == {"begun": 1, "failed": 1}


async def test_an_answer_that_is_shorter_than_it_says_is_a_failure(accounts: Accounts) -> None:
    await Asked(accounts, answering(200, length=999)).ask()
    assert counted(accounts) == {"begun": 1, "failed": 1}


async def test_a_request_that_hangs_is_overdue_while_it_hangs(accounts: Accounts, clock: Clock) -> None:
    task = asyncio.create_task(Asked(accounts, hangs).ask())
    await asyncio.sleep(0)
    clock.now = 9.9
    assert counted(accounts) == {"begun": 1, "in_flight": 1}
    clock.now = 10.0
    assert counted(accounts) == {"begun": 1, "in_flight": 1, "overdue": 1}
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert counted(accounts) == {"begun": 1, "overdue": 1}


async def test_a_request_that_is_answered_late_is_overdue_and_nothing_else(accounts: Accounts, clock: Clock) -> None:
    def slow() -> None:
        clock.now += 11

    await Asked(accounts, answering(200, slow)).ask()
    assert counted(accounts) == {"begun": 1, "overdue": 1}


async def test_a_client_that_does_not_wait_for_the_answer_has_abandoned_it(accounts: Accounts) -> None:
    asked = Asked(accounts, hangs)
    asked.layer = AccountForRequests(answering(200, asked.gone.set), accounts)
    await asked.ask()
    assert counted(accounts) == {"begun": 1, "abandoned": 1}


async def test_a_client_that_sends_slowly_or_goes_while_it_sends_has_not_asked_yet(accounts: Accounts) -> None:
    asked = Asked(accounts, hangs)
    asked.body = [b"{", b"}"]
    task = asyncio.create_task(asked.ask())
    await asyncio.sleep(0)
    assert counted(accounts) == {}
    task.cancel()


@pytest.mark.parametrize(("method", "path"), [("GET", "/metrics"), ("GET", "/v2/health/ready"), ("POST", "/v2/x")])
async def test_what_does_not_ask_the_model_is_not_counted(accounts: Accounts, method: str, path: str) -> None:
    await Asked(accounts, answering(500)).ask(path, method)
    assert counted(accounts) == {}


@given(st.lists(st.tuples(st.integers(0, 25), st.sampled_from(["begin", *OUTCOMES])), max_size=40))
def test_whatever_happens_each_request_is_counted_once_and_no_counter_falls(events: list[tuple[int, Any]]) -> None:
    clock = Clock()
    accounts = Accounts(10.0, clock)
    running: list[int] = []
    before = shown(accounts)
    for seconds, event in events:
        clock.now += seconds
        if event == "begin":
            running.append(accounts.begin())
        elif running:
            accounts.end(running.pop(seconds % len(running)), event)
        after = shown(accounts)
        assert after["begun"] == sum(after[name] for name in OUTCOMES) + after["in_flight"] - accounts.hanging
        assert all(after[name] >= before[name] for name in ("begun", *OUTCOMES))
        before = after


class Hanging:
    """A model whose predictions wait until they are let go."""

    features = ()

    def __init__(self) -> None:
        self.predictor = self
        self.let_go = threading.Event()

    def predict(self, frame: pd.DataFrame) -> Any:
        self.let_go.wait(60)
        raise ArithmeticError("let go")


async def test_a_prediction_that_hangs_keeps_nobody_else_waiting_until_all_threads_hang(
    accounts: Accounts, clock: Clock
) -> None:
    model = Hanging()
    packaged = PackagedModel("parcel", model, accounts, Predictions(), OutsideRequests([]))  # type: ignore[arg-type]
    numbers = [accounts.begin() for _ in range(THREADS)]
    tasks = [asyncio.create_task(packaged.predict((pd.DataFrame(), None))) for _ in numbers]
    await asyncio.sleep(0)
    assert await packaged.healthy()
    clock.now += 11
    assert not await packaged.healthy()
    model.let_go.set()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("text", ["0", "-1", "inf", "nan", "soon"])
def test_a_bound_that_is_no_time_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command_line.main(["--model_name", "m", "--overdue_seconds", text])
    assert "--overdue_seconds" in capsys.readouterr().err
