"""The operator on a cluster without KServe's InferenceService, which is installed afterwards. A cluster of its own."""

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest

from demo.platform import install
from localcluster.cluster import Cluster
from support.unserved import unserved
from support.waiting import wait

CRD = "inferenceservices.serving.kserve.io"


@pytest.fixture
def own() -> Iterator[Cluster]:
    cluster = Cluster.up(f"own-{uuid4().hex[:6]}")
    yield cluster
    cluster.down()


def test_without_kserve_a_deployment_says_so_and_is_rolled_out_as_soon_as_it_is_installed(own: Cluster) -> None:
    crd = own.get("crd", CRD)
    kept = {key: crd[key] for key in ("apiVersion", "kind", "spec")} | {"metadata": {"name": CRD}}
    own.kubectl("delete", "crd", CRD, "--timeout=240s")
    install(own)
    own.kubectl("apply", "-f", "-", stdin=json.dumps(unserved("default")))

    def status() -> dict[str, object]:
        found: dict[str, object] = own.get("md", "fraud").get("status") or {}
        return found

    def ready_reason() -> str:
        conditions = {c["type"]: c["reason"] for c in status().get("conditions") or []}  # type: ignore[attr-defined]
        return str(conditions.get("Ready", ""))

    wait("the sentence", lambda: ready_reason() == "KServeNotInstalled", state=lambda: str(status()))
    own.kubectl("create", "-f", "-", stdin=json.dumps(kept))
    wait("a candidate", lambda: status().get("candidate"), state=lambda: str(status()))
    path = "/apis/serving.kserve.io/v1beta1/namespaces/default/inferenceservices"
    wait("its InferenceService", lambda: json.loads(own.kubectl("get", "--raw", path))["items"])
