"""Brings the API server's contents from nothing to KServe, its gateway and their accounts.

Guarantees: nothing is started before what it needs exists; steps that do not need each other run at the same time.
"""

from __future__ import annotations

import asyncio
import base64
import functools
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..api import manifests
from ..api.client import ApiError, KubeApi
from ..api.jsontypes import Json
from ..layout import API_PORT, NODE_NAME, Layout
from ..machine.waiting import until
from ..network import gateway, services
from . import kserve, prometheus
from .kubeconfig import kubeconfig

_TOKEN_SECONDS = 365 * 24 * 3600
_CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_CRD_SECONDS = 240.0


class Addons:
    """Contents of one cluster's API server."""

    def __init__(self, api: KubeApi, layout: Layout, sources: Mapping[str, Path]) -> None:
        self._api = api
        self._layout = layout
        self._sources = sources

    async def apply_all(self, items: Iterable[Json]) -> None:
        """Applies objects that do not depend on each other."""
        async with asyncio.TaskGroup() as group:
            for item in items:
                group.create_task(self._api.apply(manifests.object_path(item), item))

    async def accounts(self) -> None:
        """Namespaces, service accounts with their roles, and a kubeconfig for each."""
        sources = self._sources
        items = gateway.access(sources["contour"])
        await self.apply_all(
            [
                manifests.namespace("kserve", **{"control-plane": "kserve-controller-manager"}),
                manifests.namespace(kserve.KNATIVE_NAMESPACE),
                *(item for item in items if item["kind"] == "Namespace"),
            ]
        )
        await self.apply_all(
            [
                *(item for item in items if item["kind"] != "Namespace"),
                *kserve.access(sources["rbac"]),
                kserve.configuration(sources["configmap"] / "inferenceservice.yaml"),
                kserve.knative_configuration(),
            ]
        )
        await asyncio.gather(
            self._account_kubeconfig("kserve", "kserve", "kserve-controller-manager"),
            self._account_kubeconfig("contour", "projectcontour", "contour"),
        )

    async def prometheus_account(self) -> None:
        """Prometheus' service account, which sees pods and nothing else, and its kubeconfig."""
        await self.apply_all([prometheus.own_namespace()])
        await self.apply_all(prometheus.access())
        await self._account_kubeconfig("prometheus", prometheus.NAMESPACE, prometheus.ACCOUNT)

    async def services_account(self) -> None:
        """CoreDNS' service account, which sees Services, and its kubeconfig."""
        await self.apply_all([manifests.namespace(services.NAMESPACE)])
        await self.apply_all(services.access())
        await self._account_kubeconfig("coredns", services.NAMESPACE, services.ACCOUNT)

    async def kserve_crds(self) -> None:
        """KServe's custom resources, usable when this returns."""
        folder = self._sources["crd"]
        await self.crds(folder, folder / "clusterstoragecontainer")

    async def knative_crds(self) -> None:
        """Knative Serving's custom resources, usable when this returns; no controller of Knative runs."""
        await self.crds(self._sources["knative"])

    async def gateway_crds(self) -> None:
        """The Gateway API's and Contour's custom resources, usable when this returns."""
        await self.crds(self._sources["gateway-api"], self._sources["contour"])

    async def gateway(self) -> None:
        """The Gateway object."""
        await self.apply_all(gateway.objects())

    async def webhooks(self) -> None:
        """KServe's webhooks, which must answer from now on."""
        authority = base64.b64encode(self._layout.authority.read_bytes()).decode()
        await self.apply_all(kserve.webhooks(self._sources["webhook"] / "manifests.yaml", authority))

    async def gateway_programmed(self) -> bool | str:
        """Whether the gateway's control plane has taken up the Gateway."""
        return await self._condition(
            f"/apis/gateway.networking.k8s.io/v1/namespaces/{gateway.NAMESPACE}/gateways/{gateway.NAME}",
            "Programmed",
        )

    async def node_ready(self) -> bool | str:
        """Whether pods can be started."""
        return await self._condition(f"/api/v1/nodes/{NODE_NAME}", "Ready")

    async def _condition(self, path: str, kind: str) -> bool | str:
        try:
            status = (await self._api.get(path)).get("status") or {}
        except ApiError as failure:
            return str(failure)
        conditions = status.get("conditions") or []
        if any(entry["type"] == kind and entry["status"] == "True" for entry in conditions):
            return True
        return f"conditions {[(entry['type'], entry['status'], entry.get('message')) for entry in conditions]}"

    async def crds(self, *folders: Path) -> None:
        """The custom resources in the files of these folders, usable when this returns."""
        async with asyncio.TaskGroup() as group:
            for resource in manifests.custom_resources(*folders):
                group.create_task(self._crd(resource))

    async def _crd(self, resource: manifests.CustomResource) -> None:
        path = f"{_CRD_PATH}/{resource.name}"
        applied = await self._api.apply(path, resource.text)
        await until(
            f"CRD {resource.name} established", lambda: self._condition(path, "Established"), seconds=_CRD_SECONDS
        )
        # Discovery follows later, and is what a controller asks that starts: Contour ends when it misses HTTPRoute.
        for version in (version["name"] for version in applied["spec"]["versions"] if version["served"]):
            group, plural = applied["spec"]["group"], applied["spec"]["names"]["plural"]
            await until(
                f"CRD {resource.name} discovered",
                functools.partial(self._discovered, f"/apis/{group}/{version}", plural),
                seconds=_CRD_SECONDS,
            )

    async def _discovered(self, path: str, plural: str) -> bool | str:
        try:
            names = [resource["name"] for resource in (await self._api.get(path))["resources"]]
        except ApiError as failure:
            return str(failure)
        return plural in names or f"only {names}"

    async def _account_kubeconfig(self, component: str, namespace: str, account: str) -> None:
        answer = await self._api.create(
            f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token",
            {
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest",
                "spec": {"expirationSeconds": _TOKEN_SECONDS},
            },
        )
        text = kubeconfig(f"https://127.0.0.1:{API_PORT}", self._layout.authority, {"token": answer["status"]["token"]})
        file = self._layout.component_kubeconfig(component)
        file.touch(mode=0o600)
        file.write_text(text)
