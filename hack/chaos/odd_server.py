"""The model server, misbehaving in the way that ODD_BEHAVIOUR names: a fault that is injected around the real one.

Usage: python -m chaos.odd_server, with the arguments of timoneiro_serving
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import sys
import time
from collections import deque
from fractions import Fraction
from typing import Any

from kserve.errors import InferenceError
from kserve.model_server import app

from chaos.odd_behaviours import BEHAVIOURS, OTHERS, Behaviour
from timoneiro_serving import server
from timoneiro_serving.__main__ import main

_SLOW_SECONDS = 0.4
_START_SECONDS = 15.0
_LEAK_BYTES = 24 * 2**20
_FLAP_SECONDS = 10.0
_LOAD_SECONDS = 2.0
_READY, _METRICS, _PREDICT = "/v2/health/ready", "/metrics", ":predict"


class Every:
    """True for a share of its calls, evenly spread: the same for every run, unlike dice."""

    def __init__(self, share: float) -> None:
        self._share, self._calls = Fraction(str(share)), 0

    def __call__(self) -> bool:
        self._calls += 1
        return int(self._calls * self._share) > int((self._calls - 1) * self._share)


class UnderLoad:
    """Whether more than so many requests a second come, over the last two seconds."""

    def __init__(self, beyond: float) -> None:
        self._beyond, self._came = beyond, deque[float]()

    def __call__(self, now: float) -> bool:
        self._came.append(now)
        while now - self._came[0] > _LOAD_SECONDS:
            self._came.popleft()
        return len(self._came) > self._beyond * _LOAD_SECONDS


class AtFirst:
    """True for the first `seconds` from its first call on."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._first = seconds, math.inf

    def __call__(self) -> bool:
        now = time.monotonic()
        self._first = min(self._first, now)
        return now - self._first < self._seconds


def odd_model(behaviour: Behaviour) -> type[server.PackagedModel]:
    """The model class of the server, with a `predict` that misbehaves."""
    at_first, every, leaked = AtFirst(behaviour.seconds), Every(behaviour.share), list[bytes]()
    loaded, first = UnderLoad(behaviour.beyond), list[Any]()

    class OddModel(server.PackagedModel):
        async def predict(self, payload: Any, headers: dict[str, str] | None = None) -> Any:
            if at_first() and loaded(time.monotonic()) and every():
                if behaviour.name.startswith("answers"):
                    first[:] = first or [payload]
                    payload = first[0]
                if behaviour.name.startswith("hangs"):
                    await asyncio.Event().wait()
                if behaviour.name.startswith("slow"):
                    await asyncio.sleep(_SLOW_SECONDS)
                if behaviour.name.startswith("leaks"):
                    leaked.append(b"x" * _LEAK_BYTES)
                if behaviour.name.startswith("fails"):
                    raise InferenceError("the model failed: on purpose")
            return await super().predict(payload, headers)

    return OddModel


class OddAnswers:
    """ASGI layer around everything that the server answers."""

    def __init__(self, inner: Any, behaviour: Behaviour) -> None:
        self._inner, self._behaviour, self._every = inner, behaviour, Every(behaviour.share)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path, behaviour = scope.get("path", ""), self._behaviour
        if behaviour.where == "ready" and path == _READY and int(time.time() / _FLAP_SECONDS) % 2:
            await _answer(send, 503, b"not now")
        elif behaviour.where == "metrics" and path.startswith(_METRICS):
            if behaviour.name.endswith("hang"):
                await asyncio.Event().wait()
            await _answer(send, 200 if behaviour.text else 404, behaviour.text.encode())
        elif behaviour.where == "answer" and path.endswith(_PREDICT) and self._every():
            await self._inner(scope, receive, self._spoilt(send))
        else:
            await self._inner(scope, receive, send)

    def _spoilt(self, send: Any) -> Any:
        """The model has answered; users get something else."""

        async def spoil(message: Any) -> None:
            if message["type"] == "http.response.start":
                return
            if self._behaviour.name.startswith("cuts"):
                # More is announced than comes: the server closes the connection.
                await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"999")]})
                await send({"type": "http.response.body", "body": b"{", "more_body": False})
                return
            await _answer(send, 200, json.dumps({"error": "no answer today"}).encode())

        return spoil


async def _answer(send: Any, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    wanted = {**BEHAVIOURS, **OTHERS}[os.environ.get("ODD_BEHAVIOUR", "well")]
    if wanted.where == "start":
        time.sleep(_START_SECONDS)
    server.PackagedModel = odd_model(wanted)  # type: ignore[misc]
    app.add_middleware(OddAnswers, behaviour=wanted)
    sys.exit(main())
