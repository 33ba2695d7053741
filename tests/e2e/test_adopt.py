"""Moving to Timoneiro and away from it on the local cluster: what serves already is taken over, and let go again."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.acts import production_rows
from demo.load import Load, Tally
from demo.platform import BUCKET, apply, model_deployment, s3
from localcluster.cluster import Cluster
from support.background import Background
from support.waiting import wait

NAME = "moving"
HOST = f"{NAME}.models.example.com"


class Move:
    """An InferenceService that somebody has made without Timoneiro, its clients, and those of the ModelDeployment."""

    def __init__(self, cluster: Cluster, package: Path) -> None:
        self.cluster = cluster
        self._package = package
        self._background = Background()
        self._loads: list[Load] = []
        predictor = {
            "minReplicas": 1,
            "maxReplicas": 1,
            "serviceAccountName": "models",
            "model": {
                "modelFormat": {"name": "sklearn", "version": "1"},
                "runtime": "timoneiro-serving-runtime",
                "storageUri": self.upload("1"),
            },
        }
        apply(
            cluster,
            {
                "apiVersion": "serving.kserve.io/v1beta1",
                "kind": "InferenceService",
                "metadata": {"name": NAME, "namespace": "default"},
                "spec": {"predictor": predictor},
            },
        )
        self.wait("KServe's own address", lambda: self.service()["status"].get("url") and self._is_ready())

    def upload(self, version: str) -> str:
        for path in self._package.iterdir():
            s3(self.cluster).put_object(Bucket=BUCKET, Key=f"{NAME}/{version}/{path.name}", Body=path.read_bytes())
        return f"s3://{BUCKET}/{NAME}/{version}/"

    def service(self) -> dict[str, Any]:
        found: dict[str, Any] = self.cluster.get("isvc", NAME)
        return {"status": {}, **found}

    def _is_ready(self) -> bool:
        conditions = self.service()["status"].get("conditions") or []
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

    def call(self, host: str) -> Load:
        """Clients that send requests to `host` from now on."""
        url = f"{self.cluster.gateway}/v1/models/{NAME}:predict"
        load = Load(url=url, host=host, rows=production_rows(), rate=40)
        self._loads.append(load)
        self._background.call(load.start)
        return load

    def nothing_is_lost(self) -> bool:
        """Each request so far was answered."""
        for load in self._loads:
            tally: Tally = self._background.run(load.closed())
            assert tally.whole, tally
            assert (tally.failed_by_rollout, tally.failed_by_model) == (0, 0), tally.details
            assert tally.answered > 0
        return True

    def timoneiro(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "timoneiro_operator.cli.main", *arguments]
        environment = {**os.environ, "KUBECONFIG": str(self.cluster.kubeconfig), "NO_COLOR": "1", "COLUMNS": "160"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=150)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{self._state()}"
        return done.stdout

    def pods(self, service: str) -> dict[str, int]:
        """Restarts by uid of the pods of an InferenceService."""
        found = self.cluster.get("pods", "-l", f"serving.kserve.io/inferenceservice={service}")["items"]
        return {p["metadata"]["uid"]: sum(c["restartCount"] for c in p["status"]["containerStatuses"]) for p in found}

    def status(self) -> dict[str, Any]:
        return self.cluster.get("md", NAME).get("status") or {}

    def wait(self, what: str, condition: Any) -> Any:
        return wait(what, condition, state=self._state)

    def _state(self) -> str:
        status = self.cluster.kubectl("get", "md", "--ignore-not-found", NAME, "-o", "jsonpath={.status.message}")
        return f"{status}\n{self.cluster.kubectl('get', 'isvc,pods,httproutes')}"

    def close(self) -> None:
        for load in self._loads:
            self._background.run(load.stop())
        self._background.close()
        ours = f"timoneiro.dev/model-deployment={NAME}"
        self.cluster.kubectl("delete", "md", NAME, "--ignore-not-found", "--timeout=240s")
        self.cluster.kubectl("delete", "isvc", NAME, "--ignore-not-found", "--timeout=240s")
        self.cluster.kubectl("delete", "isvc,servingruntime,httproute", "-l", ours, "--timeout=240s")


@pytest.fixture(scope="module")
def move(platform: Cluster, packages: dict[str, Path]) -> Iterator[Move]:
    made = Move(platform, packages["good"])
    yield made
    made.close()


def test_a_model_is_adopted_replaced_let_go_and_adopted_again_without_a_restart_or_a_lost_request(move: Move) -> None:
    before, spec = move.pods(NAME), move.service()["spec"]
    move.call(move.service()["status"]["url"].removeprefix("http://"))

    # Adopted: the same pods, and KServe's route beside ours.
    assert "serves all traffic" in move.timoneiro("adopt", NAME, "--hostname", HOST)
    assert move.status()["stable"]["inferenceService"] == NAME
    move.call(HOST)

    # Replaced: the next model is rolled out beside it, by evidence.
    people = model_deployment(NAME, host=HOST)
    body = {**people, "spec": {part: people["spec"][part] for part in ("rollout", "analysis")}}
    apply(move.cluster, body)
    model = {"format": {"name": "sklearn", "version": "1"}, "uri": move.upload("2"), "version": "2"}
    apply(move.cluster, {**people, "spec": {"model": model}}, manager="timoneiro-pipeline")
    move.wait("the promotion", lambda: move.status()["stable"].get("version") == "2")
    assert [entry["outcome"] for entry in move.status()["history"]] == ["Adopted", "Promoted"]
    move.wait("the end of the old model's time", lambda: "retiring" not in move.status())
    assert move.nothing_is_lost()
    # And what was adopted stands as it did.
    assert (move.pods(NAME), move.service()["spec"]) == (before, spec)

    # Let go: the route and the new model stay.
    made = move.cluster.get("md", NAME)["spec"]
    service = move.status()["stable"]["inferenceService"]
    second = move.pods(service)
    assert f"timoneiro adopt {service}" in move.timoneiro("release", NAME)
    assert "ownerReferences" not in move.cluster.get("isvc", service)["metadata"]
    assert move.nothing_is_lost()

    # Adopted again, with its route.
    route = move.cluster.get("httproute", "-l", f"timoneiro.dev/model-deployment={NAME}")["items"]
    assert "serves all traffic" in move.timoneiro("adopt", service)
    after = move.cluster.get("httproute", "-l", f"timoneiro.dev/model-deployment={NAME}")["items"]
    assert [item["metadata"]["uid"] for item in after] == [item["metadata"]["uid"] for item in route]
    assert after[0]["metadata"]["ownerReferences"][0]["uid"] == move.cluster.get("md", NAME)["metadata"]["uid"]
    assert move.pods(service) == second
    assert set(second.values()) | set(before.values()) == {0}
    assert move.nothing_is_lost()

    # Let go once more, and made again from Git: what it has made before is its own again.
    move.timoneiro("release", NAME)
    del made["adopt"]
    apply(move.cluster, {**people, "spec": made}, manager="git")
    move.wait("that it is healthy", lambda: move.status().get("phase") == "Healthy")
    owner = move.cluster.get("isvc", service)["metadata"]["ownerReferences"][0]["uid"]
    assert owner == move.cluster.get("md", NAME)["metadata"]["uid"]
    assert (move.status()["stable"]["inferenceService"], move.pods(service)) == (service, second)
    assert move.nothing_is_lost()
