"""Starts the operator: `python -m timoneiro_operator`."""

import argparse
import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from lightkube.config.kubeconfig import KubeConfig
from lightkube.core.async_client import AsyncClient

from timoneiro_operator import __version__
from timoneiro_operator.api.kinds import Key
from timoneiro_operator.controller import Controller
from timoneiro_operator.handlers import watch
from timoneiro_operator.kube.askers import Askers
from timoneiro_operator.kube.cache import Cache
from timoneiro_operator.kube.client import KubeClient
from timoneiro_operator.kube.crd import ServedCrd
from timoneiro_operator.kube.lease import LeaderLease
from timoneiro_operator.kube.transport import AiohttpTransport
from timoneiro_operator.kube.workqueue import WorkQueue
from timoneiro_operator.reconciler import Reconciler
from timoneiro_operator.sources.allowed_urls import AllowedUrls
from timoneiro_operator.sources.gateway import GatewaySource
from timoneiro_operator.sources.pods import HttpPods
from timoneiro_operator.sources.prometheus import PrometheusSource
from timoneiro_operator.sources.prometheus_api import PrometheusApi
from timoneiro_operator.sources.reader import Reader
from timoneiro_operator.sources.resolver import ServiceResolver
from timoneiro_operator.sources.scrape import ScrapeSource
from timoneiro_operator.sources.source import Source
from timoneiro_operator.targets.gateways import Gateways, NamedGateway, read_gateways
from timoneiro_operator.targets.secrets import SecretReader
from timoneiro_operator.telemetry import Telemetry

log = logging.getLogger("timoneiro_operator")

LEASE_NAME = "timoneiro-operator"
_CRD_SECONDS = 15.0
_AGAIN_SECONDS = 2.0
# In this time each API server has noticed a policy: they watch them, and compile them at once.
_POLICY_SECONDS = 10.0
# Go, and with it the API server, takes no JSON that nests deeper. Each level is up to three calls here.
_DEEPEST = 10_000
# Between the requests of one read, and not until the next one: two pods for each of a thousand rollouts.
_KEPT_OPEN_SECONDS = 1.0


def main() -> None:
    """Runs until SIGTERM or SIGINT; exits with 1 when the leadership, a watch or a worker has ended by itself."""
    parser = argparse.ArgumentParser(prog="timoneiro-operator", description=__doc__)
    parser.add_argument("--port", type=int, default=8080, help="of /metrics, /healthz and /readyz (default 8080)")
    parser.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    parser.add_argument("--serving-runtime", metavar="NAME", help="Timoneiro's ClusterServingRuntime (default none)")
    parser.add_argument(
        "--prometheus-url",
        action="append",
        default=[],
        metavar="URL",
        help="a Prometheus that all namespaces may use, with every address below it (may be given several times)",
    )
    parser.add_argument(
        "--gateway",
        action="append",
        default=[],
        metavar="JSON",
        help="a gateway whose pods may be asked for what they count: gateway (NAMESPACE/NAME), namespace and selector "
        "(label=value,...) of its pods, port and path (may be given several times)",
    )
    arguments = parser.parse_args()
    try:
        prometheus_urls = AllowedUrls(arguments.prometheus_url)
    except ValueError as error:
        parser.error(f"--prometheus-url: {error}")
    try:
        gateways = read_gateways(arguments.gateway)
    except ValueError as error:
        parser.error(f"--gateway: {error}")
    logging.basicConfig(level=arguments.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for chatty in ("httpx", "httpx2", "kopf", "aiohttp.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # It would say each time that signals are for the main thread.
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)
    # What was imported is there for good; to look through it for garbage again and again takes a thirtieth of the time.
    gc.freeze()
    let_json_nest()
    asyncio.run(_run(arguments.port, arguments.serving_runtime, prometheus_urls, gateways))


def let_json_nest() -> None:
    """One object that nests deeper than Python reads by itself would be the end of the list, and the watch, of all."""
    sys.setrecursionlimit(3 * _DEEPEST)


async def _run(
    port: int, own_runtime: str | None, prometheus_urls: AllowedUrls, named: Mapping[Key, NamedGateway]
) -> None:
    telemetry, cache = Telemetry(), Cache()
    config = KubeConfig.from_env().get()
    assert config is not None, "a kubeconfig without a context"
    transport = AiohttpTransport.of(config)
    async with AsyncClient(config, transport=transport) as lightkube, _metrics_session(prometheus_urls) as session:
        lease = LeaderLease(lightkube, namespace=_namespace(), name=LEASE_NAME, identity=socket.gethostname())
        client = KubeClient(lightkube, telemetry, may_write=lease.held)
        prometheus = PrometheusSource(PrometheusApi(session, SecretReader(client).read, prometheus_urls))
        pods = HttpPods(session)
        gateway = GatewaySource(pods, Gateways(client, named).pods)
        sources: Mapping[str, Source] = {
            "Scrape": ScrapeSource(pods),
            "Prometheus": prometheus,
            "Gateway": gateway,
        }
        queue: WorkQueue[Key] = WorkQueue()
        reader = Reader(sources, wake=queue.add)
        reconciler = Reconciler(cache=cache, client=client, reader=reader, telemetry=telemetry, own_runtime=own_runtime)
        controller = Controller(cache=cache, client=client, queue=queue, reconciler=reconciler, telemetry=telemetry)
        web_server = await _serve(lease, controller, reconciler, telemetry, port)
        log.info("timoneiro %s starts", __version__)
        crd_task = asyncio.create_task(_watch_crd(reconciler.crd, controller))
        askers_task = asyncio.create_task(_watch_askers(reconciler.askers, lease))
        main_task = asyncio.create_task(_first_end(follow(controller), lead(lease, controller)))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, main_task.cancel)
        try:
            await main_task
            raise SystemExit(1)
        except asyncio.CancelledError:
            log.info("asked to stop")
        finally:
            crd_task.cancel()
            askers_task.cancel()
            await controller.stop()
            await reader.stop()
            await lease.release()
            await web_server.cleanup()


def _metrics_session(allowed: AllowedUrls) -> aiohttp.ClientSession:
    """Without a limit of its own: how much is read at once is the reader's affair."""
    file = Path("/etc/resolv.conf")
    resolver = ServiceResolver(allowed, file.read_text() if file.exists() else "")
    connector = aiohttp.TCPConnector(limit=0, resolver=resolver, keepalive_timeout=_KEPT_OPEN_SECONDS)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


async def follow(controller: Controller) -> None:
    """Everything is listed, then the watches tell; anew when a watch has ended, or other kinds are to be watched.

    Whoever leads: a process that takes over has not to get to know the cluster first.
    """
    while True:
        try:
            await controller.sync()
        except Exception as error:
            log.warning("the cluster cannot be listed: %s", type(error).__name__)
        if controller.synced:
            log.info("the cluster was listed; watching for changes")
            await _first_end(watch(controller, controller.watched()), controller.until_changed(), controller.resync())
        await asyncio.sleep(_AGAIN_SECONDS)


async def lead(lease: LeaderLease, controller: Controller) -> None:
    """Stands by until this process leads, then operates. Stands by again when it has lost the leadership.

    Returns when a worker has ended by itself. Kubernetes starts it anew.
    """
    while True:
        await lease.acquire()
        # The lease is kept from the first moment on: the first lists of a large cluster may take longer than it lasts.
        await _first_end(lease.keep(), operate(controller))
        if lease.held():
            return
        await controller.stop()


async def operate(controller: Controller) -> None:
    """Nothing is decided before everything is known. Returns when a worker has ended."""
    await controller.take_over()
    await controller.until_ended()


async def _first_end(*works: Coroutine[Any, Any, None]) -> None:
    """Runs all of them until the first one ends, and says how that was; the others are cancelled."""
    parts = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for part in parts:
            part.cancel()
        for end in await asyncio.gather(*parts, return_exceptions=True):
            if isinstance(end, Exception):
                log.error("ended by %s: %s", type(end).__name__, end)


def _namespace() -> str:
    """The namespace of the pod; outside of a cluster the one that the manifests install into."""
    file = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
    return file.read_text().strip() if file.exists() else "timoneiro-system"


async def _watch_crd(crd: ServedCrd, controller: Controller) -> None:
    """Reads the CRD until that has been done, and again for as long as it lacks something. Also of a standby."""
    told = crd.lacking
    while True:
        if crd.lacking or not crd.asked:
            await crd.read()
        if crd.lacking != told:
            told = crd.lacking
            controller.wake_all()
        await asyncio.sleep(_CRD_SECONDS)


async def _watch_askers(askers: Askers, lease: LeaderLease) -> None:
    """Looks for the policy that proves who asks for commands; not while all is known of it. Only of the leader."""
    while True:
        if lease.held() and askers.due:
            await askers.look()
        await asyncio.sleep(_POLICY_SECONDS)


async def _serve(
    lease: LeaderLease, controller: Controller, reconciler: Reconciler, telemetry: Telemetry, port: int
) -> web.AppRunner:
    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=telemetry.exposition(), headers={"Content-Type": "text/plain; version=0.0.4"})

    async def healthz(_: web.Request) -> web.Response:
        if not controller.alive():
            return web.Response(status=500, text="a worker has ended\n")
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        # A standby is ready to take over: it must not keep an upgrade from going on.
        if lease.held() and not controller.synced:
            return web.Response(status=503, text="the cluster has not been listed yet\n")
        # An operator that is newer than the CRD is not to take the place of one that fits it. What cannot be told in
        # a status is told here.
        unready = lease.denied or reconciler.unready()
        return web.Response(status=503, text=f"{unready}\n") if unready else web.Response(text="ok\n")

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", healthz), web.get("/readyz", readyz)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", port).start()  # noqa: S104 (a pod serves on its own address)
    return runner


if __name__ == "__main__":
    main()
