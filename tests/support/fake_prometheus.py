"""Stands in for a Prometheus server: keeps raw samples of counters, and answers range selectors over its HTTP API.

Fake below the line: no scraping, no PromQL beyond `{labels}[range]` with = and =~. The real Prometheus is in
tests/e2e/test_prometheus.py and tests/controlplane/test_selectors_of_prometheus.py.
"""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

_QUERY = re.compile(r"^\{(.*)\}\[([0-9]+)ms\]$")
_MATCHER = re.compile(r'(\w+)(=~|=)"((?:[^"\\]|\\.)*)"(?:,|$)')


@dataclass
class FakePrometheus:
    """`answer`: what it says instead of samples (status, body, headers). `requests`: form and headers of each.

    `namespace`: label of all that is added; empty where its targets have none.
    """

    samples: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = field(default_factory=dict)
    answer: tuple[int, str, Mapping[str, str]] | None = None
    date: str | None = None
    namespace: str = "ns"
    warnings: list[str] = field(default_factory=list)
    requests: list[tuple[dict[str, str], Mapping[str, str]]] = field(default_factory=list)

    def add(self, name: str, at: float, value: float, **labels: str) -> None:
        """One sample, as if it had been scraped at `at`."""
        given = {"__name__": name, "namespace": self.namespace, **labels}
        key = tuple(sorted((label, text) for label, text in given.items() if text))
        self.samples.setdefault(key, []).append((at, value))

    def server(self, **arguments: Any) -> TestServer:
        app = web.Application()
        app.router.add_post("/api/v1/query", self._query)
        return TestServer(app, **arguments)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[tuple["FakePrometheus", aiohttp.ClientSession, str]]:
        """Itself behind a real HTTP server, a session to ask it with, and its address."""
        server = self.server()
        await server.start_server()
        async with aiohttp.ClientSession() as session:
            yield self, session, str(server.make_url("")).rstrip("/")
        await server.close()

    async def _query(self, request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in (await request.post()).items()}
        self.requests.append((form, dict(request.headers)))
        # aiohttp states the real time, which is not the one of the test.
        headers = {"Date": self.date} if self.date else {"Date": ""}
        if self.answer is not None:
            status, body, more = self.answer
            return web.Response(status=status, text=body, headers={**headers, **more})
        match = _QUERY.match(form["query"])
        if match is None:
            error = {"status": "error", "errorType": "bad_data", "error": f"cannot parse {form['query']}"}
            return web.Response(status=400, text=json.dumps(error), headers=headers)
        labels, seconds = match.groups()
        result = self._select(labels, float(form["time"]), float(seconds) / 1000)
        body = {"status": "success", "data": {"resultType": "matrix", "result": result}, "warnings": self.warnings}
        return web.Response(text=json.dumps(body), headers=headers)

    def _select(self, labels: str, at: float, seconds: float) -> list[dict[str, Any]]:
        matchers = [
            (label, text if kind == "=~" else re.escape(text))
            for label, kind, value in _MATCHER.findall(labels)
            for text in [re.sub(r"\\(.)", r"\1", value)]
        ]
        found = []
        for key, samples in self.samples.items():
            metric = dict(key)
            if all(re.fullmatch(pattern, metric.get(label, "")) for label, pattern in matchers):
                values = [[time, f"{value:g}"] for time, value in samples if at - seconds < time <= at]
                if values:
                    found.append({"metric": metric, "values": values})
        return found
