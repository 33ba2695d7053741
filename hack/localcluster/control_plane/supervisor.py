"""Process 1 of a cluster: prepares its network, starts everything in it, and keeps it running.

Guarantees: everything that the cluster starts lives in this process's namespaces, so that the kernel ends it all when
this process ends, however it ends; the launcher hears of every step, of readiness, and of the reason for a failure.

Usage: python -m localcluster.control_plane.supervisor [--services] FOLDER REPORT API GATEWAY S3 STATS [PROMETHEUS], the
last ones being descriptors: a pipe to the launcher, and listening sockets of the host. Prometheus runs where it is
given a socket, and what makes the names and addresses of Services work where it is asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..api.client import Credentials, KubeApi
from ..build.tools import Toolbox, locate_toolbox, wanted_tools
from ..component import Component
from ..container.run import CONTAINER_ROOT
from ..layout import (
    API_PORT,
    BRIDGE,
    BRIDGE_ADDRESS,
    GATEWAY_PORT,
    GATEWAY_STATS_PORT,
    POD_NETWORK,
    PROMETHEUS_PORT,
    S3_PORT,
    Layout,
)
from ..machine import linux
from ..machine.process_identity import ProcessIdentity
from . import components
from .addons import Addons
from .boot import boot
from .description import ClusterDescription, S3Access
from .identities import write_identities
from .launch_report import Reporter
from .reaper import Reaper

_log = logging.getLogger(__name__)
_RESTART_SECONDS = 1.0
_TAIL_LINES = 15


class ComponentError(Exception):
    """A component ended before the cluster was ready."""


@dataclass(frozen=True)
class Doors:
    """Descriptors of the listening sockets of the host."""

    api: int
    gateway: int
    s3: int
    stats: int
    prometheus: int | None = None

    def routes(self) -> dict[int, tuple[str, int]]:
        """Where in the cluster's network each of them leads."""
        routes = {
            self.api: ("127.0.0.1", API_PORT),
            self.gateway: ("127.0.0.1", GATEWAY_PORT),
            self.s3: (BRIDGE_ADDRESS, S3_PORT),
            self.stats: ("127.0.0.1", GATEWAY_STATS_PORT),
        }
        if self.prometheus is not None:
            routes[self.prometheus] = (BRIDGE_ADDRESS, PROMETHEUS_PORT)
        return routes


class Supervisor:
    """Keeps components running."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._reaper = Reaper()
        self._tasks: set[asyncio.Task[None]] = set()
        self._booting = True
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reaper.install()

    def start(self, component: Component, pass_fds: Sequence[int] = ()) -> None:
        """Starts a component; from now on it is started again whenever it ends."""
        task = asyncio.get_running_loop().create_task(self._keep(component, pass_fds))
        self._tasks.add(task)

    async def run(self, name: str, argv: Sequence[str]) -> None:
        """Runs a command to its end."""
        _, ended = self._reaper.spawn(argv, environment=os.environ, log=self._log_file(name))
        code = await ended
        if code != 0:
            raise ComponentError(self._obituary(name, code))

    def settle(self) -> None:
        """The cluster is ready: a component that ends is no longer a failure of the start."""
        self._booting = False

    async def _keep(self, component: Component, pass_fds: Sequence[int]) -> None:
        while True:
            environment = {**os.environ, **component.environment}
            pid, ended = self._reaper.spawn(
                component.argv, environment=environment, log=self._log_file(component.name), pass_fds=pass_fds
            )
            _log.info("%s started as process %d", component.name, pid)
            code = await ended
            _log.warning("%s ended with exit code %d", component.name, code)
            if self._booting:
                if not self.failed.done():
                    self.failed.set_exception(ComponentError(self._obituary(component.name, code)))
                return
            await asyncio.sleep(_RESTART_SECONDS)

    def _log_file(self, name: str) -> Path:
        return self._layout.logs / f"{name}.log"

    def _obituary(self, name: str, code: int) -> str:
        lines = self._log_file(name).read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        return "\n".join([f"{name} ended with exit code {code}. The end of its log:", *lines])


def _prepare_mounts() -> ProcessIdentity:
    """Gives this namespace its own /proc and /run; returns who this process is outside."""
    identity = ProcessIdentity.of_self()
    with contextlib.suppress(PermissionError):
        # Refused where parts of the surrounding /proc are hidden; the old one then does, with other numbers.
        linux.mount("proc", "/proc", "proc", linux.MS_NOSUID | linux.MS_NODEV)
    linux.mount("tmpfs", "/run", "tmpfs", linux.MS_NOSUID, "mode=0755")
    Path("/run/netns").mkdir()
    Path(CONTAINER_ROOT).mkdir()
    return identity


def _prepare_network() -> None:
    script = (
        "link set lo up\n"
        # Without the delay a new port of the bridge carries nothing for 15 s.
        f"link add {BRIDGE} type bridge forward_delay 0\n"
        f"address add {BRIDGE_ADDRESS}/{POD_NETWORK.prefixlen} dev {BRIDGE}\n"
        f"link set {BRIDGE} up\n"
    )
    subprocess.run(["ip", "-batch", "-"], input=script, text=True, check=True)


def _forward_packets() -> None:
    """What pods send to the address of a Service comes to the bridge, and goes on to a pod."""
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1\n")


def _host_address(descriptor: int) -> str:
    # Another object for the same socket; closing it would close the descriptor that is handed on.
    with socket.socket(fileno=os.dup(descriptor)) as listening:
        host, port = listening.getsockname()
    return f"{host}:{port}"


def _describe(
    layout: Layout, identity: ProcessIdentity, doors: Doors, toolbox: Toolbox, *, services: bool
) -> ClusterDescription:
    return ClusterDescription(
        name=layout.folder.name,
        process=identity,
        kubeconfig=layout.kubeconfig,
        api_server=f"https://{_host_address(doors.api)}",
        gateway=f"http://{_host_address(doors.gateway)}",
        gateway_stats=f"http://{_host_address(doors.stats)}",
        s3=S3Access(
            endpoint=f"http://{_host_address(doors.s3)}",
            cluster_endpoint=f"http://{BRIDGE_ADDRESS}:{S3_PORT}",
            access_key=secrets.token_hex(10),
            secret_key=secrets.token_urlsafe(30),
        ),
        programs=toolbox.programs,
        prometheus=None if doors.prometheus is None else f"http://{_host_address(doors.prometheus)}",
        cluster_prometheus=None if doors.prometheus is None else f"http://{BRIDGE_ADDRESS}:{PROMETHEUS_PORT}",
        services=services,
    )


async def _main(layout: Layout, identity: ProcessIdentity, reporter: Reporter, doors: Doors, *, services: bool) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        # The kernel ends everything else in the namespace together with its process 1.
        asyncio.get_running_loop().add_signal_handler(number, os._exit, 0)
    supervisor = Supervisor(layout)
    toolbox = locate_toolbox(wanted_tools(prometheus=doors.prometheus is not None, services=services))
    description = _describe(layout, identity, doors, toolbox, services=services)
    write_identities(layout, description.api_server)
    routes = doors.routes()
    supervisor.start(components.forwarder(routes), pass_fds=tuple(routes))
    api = KubeApi(Credentials(f"https://127.0.0.1:{API_PORT}", layout.authority, *layout.pair("admin")))
    addons = Addons(api, layout, toolbox.manifests)
    starting = asyncio.create_task(boot(supervisor, addons, api, layout, description, reporter))
    done, _ = await asyncio.wait({starting, supervisor.failed}, return_when=asyncio.FIRST_COMPLETED)
    for first in done:
        first.result()
    supervisor.settle()
    await api.close()
    temporary = layout.description.with_suffix(".new")
    temporary.touch(mode=0o600)
    temporary.write_text(description.to_json())
    temporary.replace(layout.description)
    reporter.ready()
    await asyncio.get_running_loop().create_future()


def main() -> None:
    """Starts the cluster in the namespaces that this process was given."""
    services = sys.argv[1] == "--services"
    folder, *descriptors = sys.argv[2:] if services else sys.argv[1:]
    layout = Layout(Path(folder))
    reporter, *listening = (int(descriptor) for descriptor in descriptors)
    report = Reporter(reporter)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        identity = _prepare_mounts()
        layout.process.write_text(identity.to_json())
        _prepare_network()
        if services:
            _forward_packets()
        asyncio.run(_main(layout, identity, report, Doors(*listening), services=services))
    except Exception as failure:
        _log.exception("the cluster could not be started")
        report.failed(failure)
        sys.exit(1)


if __name__ == "__main__":
    main()
