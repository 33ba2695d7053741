"""A proxy between one operator and the API server: it counts, makes trouble, and holds an operator at its n-th write.

Runs beside the operator in its pod. TLS on 127.0.0.1, with the API server's own certificate; a control port for the
campaign. Usage: python -m chaos.proxy CERTIFICATES_FOLDER
"""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import aiohttp
from aiohttp import web
from yarl import URL

from chaos.api_faults import Call, Trouble, befalls, expired_event, refusal

PORT, CONTROL_PORT = 16443, 16080
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_SLOW_SECONDS = 2.0
# How soon a watch that goes on notices that there is trouble.
_LOOK_SECONDS = 0.5
_KEPT_WRITES = 1000
# Of one connection, and what aiohttp writes itself.
_NOT_PASSED_ON = frozenset({"connection", "content-length", "host", "keep-alive", "transfer-encoding"})
# An API server refuses a content type where there is no content.
_NOT_ADDED = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
_CODES = {Trouble.TOO_MANY_REQUESTS: 429, Trouble.INTERNAL_ERROR: 500, Trouble.CONFLICT: 409}


@dataclass
class Hold:
    """The operator is to be held at a write: before it is done, or when it is done and not yet answered."""

    write: int
    after: bool
    seen: int = 0
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)


class Proxy:
    """One operator's way to the API server."""

    def __init__(self, session: aiohttp.ClientSession, server: str, *, seed: int = 0) -> None:
        self._session, self._server = session, server
        self._dice = Random(seed)  # noqa: S311 (which request is hit is no secret)
        self.trouble: Trouble | None = None
        self.hold: Hold | None = None
        self.calls: Counter[tuple[str, str]] = Counter()
        self.writes: deque[tuple[float, str, str]] = deque(maxlen=_KEPT_WRITES)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request of the operator."""
        call = Call(request.method, request.path, "watch" in request.query)
        self.calls[call.verb, call.resource] += 1
        if call.is_write:
            self.writes.append((time.time(), call.method, call.path))
        trouble = self.trouble
        if trouble is not None and befalls(trouble, call, self._dice.random()):
            if trouble in _CODES:
                return _refuse(_CODES[trouble])
            if trouble is Trouble.PARTITION:
                return _drop(request)
            if trouble is Trouble.SLOW:
                await asyncio.sleep(_SLOW_SECONDS)
        else:
            trouble = None
        body = await request.read()
        held = self._held(call)
        if held is not None and not held.after:
            return await self._keep(held, request)
        answer = await self._ask(request, body)
        async with answer:
            if call.watch:
                return await self._pass_on_watch(request, answer)
            content = await answer.read()
        if held is not None:
            return await self._keep(held, request)
        if trouble is Trouble.LOST_ANSWERS:
            return _drop(request)
        return web.Response(body=content, status=answer.status, headers=_passed_on(answer.headers))

    def _held(self, call: Call) -> Hold | None:
        if self.hold is None or self.hold.reached.is_set() or not call.is_write:
            return None
        self.hold.seen += 1
        return self.hold if self.hold.seen == self.hold.write else None

    async def _keep(self, held: Hold, request: web.Request) -> web.StreamResponse:
        held.reached.set()
        await held.released.wait()
        return _drop(request)

    async def _ask(self, request: web.Request, body: bytes) -> aiohttp.ClientResponse:
        url = URL(self._server + request.raw_path, encoded=True)
        headers = _passed_on(request.headers)
        return await self._session.request(
            request.method, url, data=body or None, headers=headers, skip_auto_headers=_NOT_ADDED
        )

    async def _pass_on_watch(self, request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers=_passed_on(answer.headers))
        await response.prepare(request)
        chunk = asyncio.create_task(answer.content.readany())
        try:
            while True:
                if self.trouble is Trouble.EXPIRED:
                    await response.write(expired_event())
                    return response
                if self.trouble in (Trouble.DROPPED_WATCHES, Trouble.PARTITION):
                    return _drop(request)
                done, _ = await asyncio.wait({chunk}, timeout=_LOOK_SECONDS)
                if done:
                    if not chunk.result():
                        return response
                    await response.write(chunk.result())
                    chunk = asyncio.create_task(answer.content.readany())
        finally:
            chunk.cancel()


def control(proxy: Proxy) -> web.Application:
    """What the campaign asks of a proxy."""

    async def trouble(request: web.Request) -> web.Response:
        wanted = (await request.json())["trouble"]
        proxy.trouble = Trouble(wanted) if wanted else None
        return await state(request)

    async def hold(request: web.Request) -> web.Response:
        wanted = await request.json()
        proxy.hold = Hold(int(wanted["write"]), bool(wanted["after"]))
        return await state(request)

    async def release(request: web.Request) -> web.Response:
        if proxy.hold is not None:
            proxy.hold.released.set()
            proxy.hold = None
        return await state(request)

    async def state(_: web.Request) -> web.Response:
        calls = [[verb, resource, count] for (verb, resource), count in sorted(proxy.calls.items())]
        reached = proxy.hold is not None and proxy.hold.reached.is_set()
        return web.json_response({"calls": calls, "writes": list(proxy.writes), "reached": reached})

    app = web.Application()
    app.add_routes(
        [
            web.get("/state", state),
            web.post("/trouble", trouble),
            web.post("/hold", hold),
            web.post("/release", release),
        ]
    )
    return app


def _passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _NOT_PASSED_ON}


def _refuse(code: int) -> web.Response:
    headers = {"Retry-After": "1"} if code == 429 else {}
    return web.Response(status=code, body=refusal(code), content_type="application/json", headers=headers)


def _drop(request: web.Request) -> web.Response:
    """The connection ends without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _serve(app: web.Application, host: str, port: int, certificate: ssl.SSLContext | None) -> None:
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, host, port, ssl_context=certificate).start()


async def _main(certificates: Path) -> None:
    authority = ssl.create_default_context(cafile=str(_ACCOUNT / "ca.crt"))
    certificate = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.load_cert_chain(certificates / "tls.crt", certificates / "tls.key")
    server = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
    connector = aiohttp.TCPConnector(ssl=authority, limit=0)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session:
        proxy = Proxy(session, server)
        app = web.Application(client_max_size=16 * 1024**2)
        app.router.add_route("*", "/{path:.*}", proxy.handle)
        await _serve(app, "127.0.0.1", PORT, certificate)
        await _serve(control(proxy), "0.0.0.0", CONTROL_PORT, None)  # noqa: S104 (a pod serves on its own address)
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))
