"""The gateway: Contour, which reads routes, and Envoy, which requests pass. Pure: command lines, objects, files out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ..api.jsontypes import Json
from ..api.manifests import load
from ..component import Component
from ..layout import CONTOUR_HEALTH_PORT, GATEWAY_STATS_PORT, XDS_PORT, Layout

NAMESPACE = "kserve"
NAME = "kserve-ingress-gateway"
_XDS = f"--xds-address=127.0.0.1 --xds-port={XDS_PORT}".split()
# Contour 1.33 refuses to start when the CRD of a feature is missing; these are not in the standard channel as it
# knows them. It answers only for Gateway API routes of kind HTTPRoute then, which is all that is needed.
_UNUSED_FEATURES = ("tlsroutes", "tcproutes", "backendtlspolicies", "grpcroutes", "extensionservices")


def contour(layout: Layout, programs: Mapping[str, Path]) -> Component:
    """The control plane of the gateway."""
    return Component(
        "contour",
        (
            str(programs["contour"]),
            "serve",
            "--no-incluster",
            f"--kubeconfig={layout.component_kubeconfig('contour')}",
            f"--config-path={layout.configuration / 'contour.yaml'}",
            "--insecure",
            "--disable-leader-election",
            *_XDS,
            "--http-address=127.0.0.1",
            "--health-address=127.0.0.1",
            f"--health-port={CONTOUR_HEALTH_PORT}",
            f"--stats-port={GATEWAY_STATS_PORT}",
            *(f"--disable-feature={feature}" for feature in _UNUSED_FEATURES),
        ),
    )


def envoy_bootstrap(layout: Layout, programs: Mapping[str, Path]) -> tuple[str, ...]:
    """The command that writes Envoy's configuration."""
    return (
        str(programs["contour"]),
        "bootstrap",
        *_XDS,
        f"--admin-address={layout.configuration / 'envoy.sock'}",
        "--xds-resource-version=v3",
        str(layout.configuration / "envoy.json"),
    )


def envoy(layout: Layout, programs: Mapping[str, Path]) -> Component:
    """The data plane of the gateway."""
    return Component(
        "envoy",
        (
            str(programs["envoy"]),
            "--config-path",
            str(layout.configuration / "envoy.json"),
            "--service-cluster",
            "contour",
            "--service-node",
            "envoy",
            "--log-level",
            "warn",
            # Hot restart would use shared memory whose name all clusters of this machine share.
            "--disable-hot-restart",
        ),
    )


def access(folder: Path) -> list[Json]:
    """Contour's service account and what it may do, from its own files."""
    items = [*load(folder / "00-common.yaml"), *load(folder / "02-role-contour.yaml"), *load(folder / "02-rbac.yaml")]
    return [item for item in items if item["metadata"]["name"].startswith(("contour", "projectcontour"))]


def objects() -> list[Json]:
    """The GatewayClass and the one Gateway, open to routes of all namespaces."""
    group = "gateway.networking.k8s.io/v1"
    return [
        {
            "apiVersion": group,
            "kind": "GatewayClass",
            "metadata": {"name": "contour"},
            "spec": {"controllerName": "projectcontour.io/gateway-controller"},
        },
        {
            "apiVersion": group,
            "kind": "Gateway",
            "metadata": {"name": NAME, "namespace": NAMESPACE},
            "spec": {
                "gatewayClassName": "contour",
                "listeners": [
                    {
                        "name": "http",
                        "protocol": "HTTP",
                        "port": 80,
                        "allowedRoutes": {"namespaces": {"from": "All"}},
                    }
                ],
            },
        },
    ]


def configuration() -> str:
    """Contour's configuration file."""
    return json.dumps(
        {
            "gateway": {"gatewayRef": {"namespace": NAMESPACE, "name": NAME}},
            # A line for every request would fill the disk in load tests.
            "accesslog-level": "disabled",
        }
    )
