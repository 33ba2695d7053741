"""A local cluster as tests and demos use it.

Guarantees: up() on a running cluster returns that cluster; up() after a crash starts anew; after down() no process,
no mount, no network and no file of the cluster is left.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .api.jsontypes import Json
from .build.images import build_images, write_images
from .build.tools import Progress, build_tools, wanted_tools
from .control_plane.description import ClusterDescription, S3Access
from .errors import LocalClusterError
from .host import launch
from .host.prerequisites import findings
from .layout import S3_REGION, Layout
from .paths import cluster_folder, state_root

_NAME = re.compile(r"^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$")


def _silent(_text: str) -> None:
    return


@dataclass(frozen=True)
class Cluster:
    """A running cluster; the addresses are those of cluster.json."""

    description: ClusterDescription
    folder: Path

    @classmethod
    def up(
        cls, name: str = "dev", report: Progress = _silent, *, prometheus: bool = False, services: bool = False
    ) -> Cluster:
        """Starts the cluster, or returns it when it runs already. Builds what is missing first.

        Prometheus, and names and addresses of Services, are built and started only where they are asked for; raises
        when the cluster runs already, but without.
        """
        if not _NAME.match(name):
            raise LocalClusterError(
                f"{name!r} is not a cluster name; use up to 42 lower-case letters, digits and dashes."
            )
        tools = wanted_tools(prometheus=prometheus, services=services)
        missing = findings(tools)
        if missing:
            raise LocalClusterError("\n".join(missing))
        layout = Layout(cluster_folder(name))
        # Before minutes of building as well as below, where nobody else can start it any more.
        cls._running(layout, prometheus=prometheus, services=services)
        build_tools(report, tools)
        images = build_images(report)
        with _locked(layout.folder):
            running = cls._running(layout, prometheus=prometheus, services=services)
            if running is None:
                _clear(layout)
            write_images(images, layout.images)
            if running is not None:
                report(f"cluster {name} is running")
                return running
            try:
                launch.start(layout, report, prometheus=prometheus, services=services)
            except KeyboardInterrupt:
                shutil.rmtree(layout.folder)
                raise
        return cls.load(name)

    @classmethod
    def load(cls, name: str = "dev") -> Cluster:
        """A cluster that is running."""
        running = cls._running(Layout(cluster_folder(name)))
        if running is None:
            raise LocalClusterError(f"No cluster {name} is running; start it with `python -m localcluster up`.")
        return running

    @classmethod
    def _running(cls, layout: Layout, *, prometheus: bool = False, services: bool = False) -> Cluster | None:
        try:
            description = ClusterDescription.of_json(layout.description.read_text())
        except FileNotFoundError:
            return None
        if not description.process.alive():
            return None
        lacking = ["Prometheus"] if prometheus and description.prometheus is None else []
        lacking += ["Services"] if services and not description.services else []
        if lacking:
            raise LocalClusterError(
                f"The cluster {description.name} runs without {' and '.join(lacking)}; end it first with"
                f" `python -m localcluster down --name {description.name}`."
            )
        return cls(description, layout.folder)

    @staticmethod
    def names() -> list[str]:
        """All clusters that have left a folder, running or not."""
        root = state_root() / "clusters"
        return sorted(folder.name for folder in root.iterdir() if folder.is_dir()) if root.exists() else []

    @staticmethod
    def remove(name: str) -> bool:
        """Ends a cluster and removes its folder; says whether there was one."""
        layout = Layout(cluster_folder(name))
        if not layout.folder.exists():
            return False
        launch.stop(layout)
        with _locked(layout.folder):
            # Between the two another caller may have started it again.
            launch.stop(layout)
            shutil.rmtree(layout.folder)
        return True

    def down(self) -> None:
        """Ends the cluster and removes its folder."""
        self.remove(self.name)

    @property
    def name(self) -> str:
        """The cluster's name."""
        return self.description.name

    @property
    def kubeconfig(self) -> Path:
        """An administrator's kubeconfig for the host."""
        return self.description.kubeconfig

    @property
    def api_server(self) -> str:
        """https://127.0.0.1:PORT of the API server."""
        return self.description.api_server

    @property
    def gateway(self) -> str:
        """http://127.0.0.1:PORT of the gateway; routes are chosen by the Host header."""
        return self.description.gateway

    @property
    def gateway_stats(self) -> str:
        """http://127.0.0.1:PORT where Envoy serves /stats/prometheus."""
        return self.description.gateway_stats

    @property
    def s3(self) -> S3Access:
        """The object store."""
        return self.description.s3

    @property
    def prometheus(self) -> str | None:
        """http://127.0.0.1:PORT of Prometheus; None in a cluster that was started without."""
        return self.description.prometheus

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """What kubectl prints; raises LocalClusterError with its complaint."""
        return self._run("kubectl", arguments, stdin)

    def get(self, *arguments: str) -> Json:
        """What `kubectl get ... -o json` shows, parsed; raises LocalClusterError with what is not JSON."""
        text = self.kubectl("get", *arguments, "-o", "json")
        try:
            body: Json = json.loads(text)
        except ValueError:
            raise LocalClusterError(f"`kubectl get {' '.join(arguments)}` printed no JSON: {text[:300]!r}") from None
        return body

    def helm(self, *arguments: str) -> str:
        """What helm prints; raises LocalClusterError with its complaint."""
        return self._run("helm", arguments, None)

    def create_s3_credentials(self, namespace: str) -> str:
        """Makes a Secret and the ServiceAccount `models` with which KServe downloads s3:// models; returns its name."""
        account = "models"
        encoded = {
            "AWS_ACCESS_KEY_ID": base64.b64encode(self.s3.access_key.encode()).decode(),
            "AWS_SECRET_ACCESS_KEY": base64.b64encode(self.s3.secret_key.encode()).decode(),
        }
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": "models-s3",
                "namespace": namespace,
                "annotations": {
                    "serving.kserve.io/s3-endpoint": self.s3.cluster_endpoint.removeprefix("http://"),
                    "serving.kserve.io/s3-usehttps": "0",
                    "serving.kserve.io/s3-region": S3_REGION,
                    "serving.kserve.io/s3-verifyssl": "0",
                    "serving.kserve.io/s3-useanoncredential": "false",
                },
            },
            "data": encoded,
        }
        service_account = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": account, "namespace": namespace},
            "secrets": [{"name": "models-s3"}],
        }
        items = {"apiVersion": "v1", "kind": "List", "items": [secret, service_account]}
        self.kubectl("apply", "-f", "-", stdin=json.dumps(items))
        return account

    def _run(self, program: str, arguments: tuple[str, ...], stdin: str | None) -> str:
        path = self.description.programs[program]
        result = subprocess.run(
            [str(path), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"KUBECONFIG": str(self.kubeconfig)},
        )
        if result.returncode != 0:
            raise LocalClusterError(f"`{program} {' '.join(arguments)}` failed:\n{result.stderr.strip()}")
        return result.stdout


def _clear(layout: Layout) -> None:
    """Ends what may be left of a cluster and empties its folder, which stays because it is the lock."""
    launch.stop(layout)
    for path in layout.folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the folder against other callers. The folder is the lock, so that none is left behind."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if folder.exists() and folder.stat().st_ino == os.fstat(descriptor).st_ino:
                yield
                return
        finally:
            os.close(descriptor)
