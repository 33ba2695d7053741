"""The order in which a cluster comes up. Reads top to bottom; what does not wait for each other runs at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..api.client import KubeApi
from ..component import Component
from ..layout import (
    BRIDGE_ADDRESS,
    COREDNS_READY_PORT,
    GATEWAY_STATS_PORT,
    KSERVE_HEALTH_PORT,
    KUBE_PROXY_HEALTH_PORT,
    PROMETHEUS_PORT,
    S3_PORT,
    Layout,
)
from ..machine.http_status import http_status
from ..machine.waiting import until
from ..network import gateway, services
from . import components, prometheus
from .addons import Addons
from .description import ClusterDescription
from .launch_report import Reporter

# Where several start at once on a small machine each takes minutes.
_API_SECONDS = 240.0
_READY_SECONDS = 240.0


class Starter(Protocol):
    """Starts programs."""

    def start(self, component: Component, pass_fds: Sequence[int] = ()) -> None:
        """Starts one that is to keep running."""

    async def run(self, name: str, argv: Sequence[str]) -> None:
        """Runs one that ends."""


@dataclass(frozen=True, slots=True)
class _Boot:
    """What all steps are made with."""

    starter: Starter
    addons: Addons
    layout: Layout
    programs: Mapping[str, Path]
    reporter: Reporter


async def boot(
    starter: Starter,
    addons: Addons,
    api: KubeApi,
    layout: Layout,
    description: ClusterDescription,
    reporter: Reporter,
) -> None:
    """Returns when pods can run, models can be deployed and the gateway serves, and what was asked for is there."""
    programs, s3 = description.programs, description.s3
    this = _Boot(starter, addons, layout, programs, reporter)
    for folder in ("buckets", "object-metadata"):
        (layout.folder / folder).mkdir()
    starter.start(components.etcd(layout, programs))
    starter.start(components.api_server(layout, programs))
    starter.start(components.s3(layout, programs, s3.access_key, s3.secret_key))
    await starter.run("envoy-bootstrap", gateway.envoy_bootstrap(layout, programs))

    await until("API server ready", api.ready, seconds=_API_SECONDS)
    reporter.step("API server ready")
    starter.start(components.controller_manager(layout, programs))
    starter.start(components.node(layout, services=description.services))
    async with asyncio.TaskGroup() as group:
        accounts = group.create_task(addons.accounts())
        gateway_crds = group.create_task(addons.gateway_crds())
        kserve_crds = group.create_task(addons.kserve_crds())
        knative_crds = group.create_task(addons.knative_crds())
        group.create_task(_gateway(this, [accounts, gateway_crds]))
        kserve_needs = [accounts, gateway_crds, kserve_crds, knative_crds]
        group.create_task(_kserve(this, kserve_needs))
        node = group.create_task(_node(this))
        group.create_task(_answering("S3 server", BRIDGE_ADDRESS, S3_PORT, "/"))
        if description.prometheus is not None:
            group.create_task(_prometheus(this))
        if description.services:
            group.create_task(_services(this, [node]))


async def _gateway(this: _Boot, needs: Sequence[asyncio.Task[None]]) -> None:
    await asyncio.gather(*needs)
    this.starter.start(gateway.contour(this.layout, this.programs))
    this.starter.start(gateway.envoy(this.layout, this.programs))
    await this.addons.gateway()
    await until("Gateway programmed", this.addons.gateway_programmed, seconds=_READY_SECONDS)
    await _answering("Envoy", "127.0.0.1", GATEWAY_STATS_PORT, "/ready", wanted=200)
    this.reporter.step("gateway ready")


async def _kserve(this: _Boot, needs: Sequence[asyncio.Task[None]]) -> None:
    # KServe looks once, when it starts: without HTTPRoute it ends, without Knative's Service it never watches one.
    await asyncio.gather(*needs)
    this.reporter.step("custom resources established")
    this.starter.start(components.kserve(this.layout, this.programs))
    await _answering("KServe controller", "127.0.0.1", KSERVE_HEALTH_PORT, "/readyz", wanted=200)
    # Registered only now: a webhook that does not answer refuses every pod and InferenceService.
    await this.addons.webhooks()
    this.reporter.step("KServe ready")


async def _node(this: _Boot) -> None:
    await until("Node ready", this.addons.node_ready, seconds=_READY_SECONDS)
    this.reporter.step("node ready")


async def _prometheus(this: _Boot) -> None:
    await this.addons.prometheus_account()
    text = prometheus.configuration(this.layout.component_kubeconfig("prometheus"))
    (this.layout.configuration / "prometheus.yaml").write_text(text)
    this.starter.start(components.prometheus(this.layout, this.programs))
    await _answering("Prometheus", BRIDGE_ADDRESS, PROMETHEUS_PORT, "/-/ready", wanted=200)
    this.reporter.step("Prometheus ready")


async def _services(this: _Boot, needs: Sequence[asyncio.Task[None]]) -> None:
    await this.addons.services_account()
    kubeconfig = this.layout.component_kubeconfig("coredns")
    (this.layout.configuration / "Corefile").write_text(services.corefile(kubeconfig, COREDNS_READY_PORT))
    this.starter.start(services.coredns(this.layout, this.programs))
    # kube-proxy looks for its node, and waits long when it does not find it at once.
    await asyncio.gather(*needs)
    this.starter.start(services.kube_proxy(this.layout, this.programs))
    await _answering("CoreDNS", "127.0.0.1", COREDNS_READY_PORT, "/ready", wanted=200)
    await _answering("kube-proxy", "127.0.0.1", KUBE_PROXY_HEALTH_PORT, "/healthz", wanted=200)
    this.reporter.step("Services ready")


async def _answering(what: str, host: str, port: int, path: str, wanted: int | None = None) -> None:
    async def answers() -> bool | str:
        try:
            code = await http_status(host, port, path)
        except OSError as failure:
            return failure.strerror or str(failure)
        return wanted is None or code == wanted or f"status {code}"

    await until(f"{what} answering", answers, seconds=_READY_SECONDS)
