"""The ASGI layer by which a model server misbehaves."""

from typing import Any

import pytest

from chaos.odd_behaviours import BEHAVIOURS
from chaos.odd_server import AtFirst, Every, OddAnswers


async def well(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"well"})


async def ask(name: str, path: str) -> tuple[int, bytes]:
    """Status and body of an answer of a server that misbehaves as `name`."""
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    await OddAnswers(well, BEHAVIOURS[name])({"type": "http", "path": path}, None, send)
    return said[0]["status"], said[1]["body"]


def test_a_share_of_the_calls_is_spread_evenly() -> None:
    every = Every(0.3)
    assert [every() for _ in range(10)].count(True) == 3


def test_what_goes_wrong_at_first_goes_well_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    at_first, now = AtFirst(20.0), 1000.0
    monkeypatch.setattr("chaos.odd_server.time.monotonic", lambda: now)
    said = []
    for now in (1000.0, 1019.0, 1020.0, 1500.0):  # noqa: B007
        said.append(at_first())
    assert said == [True, True, False, False]


@pytest.mark.parametrize(
    ("name", "path", "answer"),
    [
        ("metrics: 404", "/metrics", (404, b"")),
        ("metrics: negative", "/metrics", (200, BEHAVIOURS["metrics: negative"].text.encode())),
        ("metrics: 404", "/v1/models/odd:predict", (200, b"well")),
        ("well", "/metrics", (200, b"well")),
    ],
)
async def test_only_what_is_named_misbehaves(name: str, path: str, answer: tuple[int, bytes]) -> None:
    assert await ask(name, path) == answer


async def test_an_error_comes_with_status_200() -> None:
    layer = OddAnswers(well, BEHAVIOURS["200 with an error in 30 %"])
    bodies = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            bodies.append(message["body"])

    for _ in range(10):
        await layer({"type": "http", "path": "/v1/models/odd:predict"}, None, send)
    assert [b"error" in body for body in bodies].count(True) == 3
