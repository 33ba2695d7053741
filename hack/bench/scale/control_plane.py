"""A real etcd and a real API server, with the custom resources that the operator knows, and nothing else.

They use fixed ports, so that they need a network namespace of their own. Everything is gone when the context ends.
"""

import asyncio
import functools
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from localcluster.api import manifests
from localcluster.api.client import ApiError, Credentials, KubeApi
from localcluster.build.tools import locate_toolbox
from localcluster.component import Component
from localcluster.control_plane import components
from localcluster.control_plane.addons import Addons
from localcluster.control_plane.identities import write_identities
from localcluster.layout import API_PORT, Layout
from localcluster.machine.waiting import until

_ROOT = Path(__file__).resolve().parents[3]
_CRD = _ROOT / "charts" / "timoneiro" / "crd"
_START_SECONDS = 90.0
_LISTED = (
    "/apis/timoneiro.dev/v1alpha1/modeldeployments",
    "/apis/serving.kserve.io/v1beta1/inferenceservices",
    "/apis/serving.knative.dev/v1/services",
    "/apis/gateway.networking.k8s.io/v1/httproutes",
)


@dataclass(frozen=True)
class ControlPlane:
    """`api`: as an administrator; `kubeconfig`: the same for another process; `pids`: of its processes, by name."""

    api: KubeApi
    kubeconfig: Path
    pids: Mapping[str, int]


@asynccontextmanager
async def control_plane() -> AsyncIterator[ControlPlane]:
    """Runs as long as the context."""
    toolbox = locate_toolbox()
    with tempfile.TemporaryDirectory(prefix="bench-scale-") as folder:
        layout = Layout(Path(folder))
        layout.logs.mkdir()
        write_identities(layout, f"https://127.0.0.1:{API_PORT}")
        processes = {
            component.name: await _start(component, layout)
            for component in (
                components.etcd(layout, toolbox.programs),
                components.api_server(layout, toolbox.programs),
            )
        }
        api = KubeApi(Credentials(f"https://127.0.0.1:{API_PORT}", layout.authority, *layout.pair("admin")))
        try:
            await until("API server ready", api.ready, seconds=_START_SECONDS)
            addons = Addons(api, layout, toolbox.manifests)
            for resources in (addons.kserve_crds, addons.gateway_crds, addons.knative_crds):
                await resources()
            await addons.crds(_CRD)
            await addons.apply_all([manifests.namespace("timoneiro-system")])
            for path in _LISTED:
                await until(f"list of {path}", functools.partial(_lists, api, path), seconds=_START_SECONDS)
            yield ControlPlane(api, layout.kubeconfig, {name: process.pid for name, process in processes.items()})
        finally:
            await api.close()
            for process in reversed(processes.values()):
                process.terminate()
                await process.wait()


async def _lists(api: KubeApi, path: str) -> bool | str:
    """A new kind is refused for a moment after it was discovered, while its storage is made."""
    try:
        await api.get(path)
    except ApiError as error:
        return str(error)
    return True


async def _start(component: Component, layout: Layout) -> asyncio.subprocess.Process:
    with (layout.logs / component.name).open("wb") as log:
        return await asyncio.create_subprocess_exec(*component.argv, stdout=log, stderr=log)
