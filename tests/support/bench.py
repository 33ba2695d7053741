"""One ModelDeployment on the local cluster, under load and watched from outside, for the end-to-end tests."""

import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
from lightkube import Client, KubeConfig
from lightkube.core.exceptions import ApiError
from lightkube.generic_resource import create_namespaced_resource

from demo.acts import DEFINITION, production_rows
from demo.load import Load, Tally
from demo.platform import BUCKET, SYSTEM_NAMESPACE, apply, model_deployment, s3
from localcluster.cluster import Cluster
from localcluster.errors import LocalClusterError
from support.background import Background
from support.outside import Outside
from support.waiting import wait
from timoneiro_components.definition.reading import read_training
from timoneiro_components.package import package
from timoneiro_components.train import train
from timoneiro_operator.api import names
from timoneiro_serving.digest import directory_digest

NAMESPACE = "default"
_DEPLOYMENT: Any = create_namespaced_resource(names.GROUP, names.VERSION, names.KIND, names.PLURAL)
# A rollout that is over soon after nothing has spoken against it: for tests of something else.
QUICK: dict[str, Any] = {
    "rollout": {
        "canary": {"steps": [{"weight": 50, "for": "3s"}]},
        "progressDeadline": "240s",
        "keepStable": "3s",
        "holdback": 0,
        "scaleDownDelay": "2s",
    },
    "analysis": {
        "interval": "1s",
        "warmUp": "0s",
        "minRequests": 40,
        "promotion": "NoHarm",
        "metrics": [{"name": "errors", "negligible": 0.01}],
    },
}


def make_package(folder: Path, *, impute: bool) -> Path:
    """A model package as the pipeline makes it; without an imputer it fails on requests that leave a value out."""
    from timoneiro_components.ingest import ingest  # noqa: PLC0415

    settings = [f"spec.model.impute={str(impute).lower()}", "spec.split.folds=3"]
    training = read_training(DEFINITION, settings)
    data, model = folder / "data", folder / "model"
    said = {name: folder / name for name in ("privacy", "dataset")}
    ingest(training, data=data, holdout=folder / "holdout", **said)
    train(training, data=data, model=model, test=folder / "test")
    made = folder / "package"
    package(training, model=model, data=data, **said, destination=made, version="1")
    return made


class Bench:
    """One ModelDeployment, and what a user and an outside observer can do with it."""

    def __init__(
        self, cluster: Cluster, packages: dict[str, Path], *, name: str, rate: float = 60, **spec: Any
    ) -> None:
        """`rate`: requests a second, once the load has started."""
        self.cluster = cluster
        self.name, self.host = name, f"{name}.models.example.com"
        self.outside = Outside(cluster.kubeconfig, namespace=NAMESPACE, name=name)
        # Tests ask for the status five times a second: a kubectl each time would take a fifth of the machine.
        self._api = Client(KubeConfig.from_file(cluster.kubeconfig), namespace=NAMESPACE, trust_env=False)
        self._packages = packages
        self._versions = itertools.count(1)
        self._background = Background()
        self._load = Load(url=self.url, host=self.host, rows=production_rows(), rate=rate)
        self.configure(**spec)

    @property
    def url(self) -> str:
        return f"{self.cluster.gateway}/v1/models/{self.name}:predict"

    def configure(self, **spec: Any) -> None:
        """What people own of the spec: all but the model."""
        apply(self.cluster, model_deployment(self.name, host=self.host, **spec))

    def timoneiro(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command line, as a person runs it; never raises."""
        command = [sys.executable, "-m", "timoneiro_operator.cli.main", *arguments]
        environment = {**os.environ, "KUBECONFIG": str(self.cluster.kubeconfig), "NO_COLOR": "1", "COLUMNS": "160"}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)

    def start_load(self) -> None:
        self._background.call(self._load.start)

    def close(self) -> None:
        tally: Tally = self._background.run(self._load.stop())
        self._background.close()
        self.outside.close()
        self._api.close()
        self.cluster.kubectl("delete", "modeldeployment", self.name, "--ignore-not-found", "--timeout=240s")
        assert tally.whole, tally

    @property
    def sent(self) -> int:
        """Requests so far: where a count `since` now begins."""
        return int(self._background.call(lambda: self._load.sent))

    def tally(self, *, since: int) -> Tally:
        """What became of the requests since then, each of which is closed."""
        tally: Tally = self._background.run(self._load.closed(since))
        assert tally.whole, tally
        return tally

    def upload(self, kind: str, *, change: Callable[[str, bytes], bytes] | None = None) -> tuple[str, dict[str, Any]]:
        """Puts a package into the store as a new version; returns the version and its `spec.model`."""
        version = str(next(self._versions))
        store, folder = s3(self.cluster), self._packages[kind]
        for path in sorted(folder.iterdir()):
            content = path.read_bytes()
            content = change(path.name, content) if change else content
            store.put_object(Bucket=BUCKET, Key=f"{self.name}/{version}/{path.name}", Body=content)
        model = {
            "format": {"name": "sklearn", "version": "1"},
            "uri": f"s3://{BUCKET}/{self.name}/{version}/",
            "digest": directory_digest(folder),
            "version": version,
        }
        return version, model

    def publish(self, model: dict[str, Any]) -> None:
        """What the pipeline does at its end."""
        body = {
            "apiVersion": "timoneiro.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": self.name, "namespace": NAMESPACE},
            "spec": {"model": model},
        }
        apply(self.cluster, body, manager="timoneiro-pipeline")

    def release(self, kind: str) -> str:
        version, model = self.upload(kind)
        self.publish(model)
        return version

    def status(self) -> dict[str, Any]:
        """What the API server says now; raises LocalClusterError when it says nothing."""
        try:
            body: dict[str, Any] = self._api.get(_DEPLOYMENT, self.name).to_dict()
        except (ApiError, httpx2.TransportError) as error:
            raise LocalClusterError(f"ModelDeployment {self.name} could not be read: {error!r}") from error
        return body.get("status") or {}

    def outcome(self, version: str) -> dict[str, Any] | None:
        """How the rollout of `version` ended; None while it has not."""
        entries = self.status().get("history") or []
        return next((entry for entry in reversed(entries) if entry.get("version") == version), None)

    def wait(self, what: str, condition: Callable[[], Any]) -> Any:
        """What `condition` returns once it is true; prints the state when the deadline passes."""
        return wait(what, condition, state=self._state)

    def wait_for_shares(self, revision: str, shares: list[int], *, since: int) -> None:
        """Until these are the last different percents that a revision has had, from the route's version `since` on.

        Routes are watched apart from the status, and may be seen later than it.
        """

        def seen() -> list[int]:
            given = [routed.get(revision, 0) for routed in self.outside.routes()[since:]]
            return [share for i, share in enumerate(given) if not i or share != given[i - 1]][-len(shares) :]

        self.wait(f"the shares {shares} of {revision}", lambda: seen() == shares)

    def _state(self) -> str:
        status = {key: value for key, value in self.status().items() if key not in ("analysis", "history")}
        return f"{json.dumps(status, indent=1)}\n{self.cluster.kubectl('get', 'pods', '-o', 'wide')}"

    def stable_pods(self) -> dict[str, int]:
        """Restarts by uid of the pods of the stable model: the same before and after means untouched."""
        service = self.status()["stable"]["inferenceService"]
        selector = f"serving.kserve.io/inferenceservice={service}"
        pods = self.cluster.get("pods", "-l", selector)["items"]
        return {
            pod["metadata"]["uid"]: sum(c["restartCount"] for c in pod["status"].get("containerStatuses") or ())
            for pod in pods
        }

    def kill_operators(self) -> None:
        """SIGKILL to every process of the operator, as nodes that run out of memory would do it."""
        pids = [pid for pid in descendants(self.cluster.description.process.pid) if _is_operator(pid)]
        assert pids, "the operator does not run"
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

    def leader(self) -> str:
        """The pod that leads."""
        lease = self.cluster.get("-n", SYSTEM_NAMESPACE, "lease", "timoneiro-operator")
        return str(lease["spec"]["holderIdentity"])


def descendants(pid: int) -> list[int]:
    """All processes below `pid`."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        children = parents.get(todo.pop(), [])
        found += children
        todo += children
    return found


def _is_operator(pid: int) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"timoneiro_operator" in command and b"-m" in command
