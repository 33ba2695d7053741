"""Puts a proxy between each operator and the API server of a cluster, and speaks with it; gives them other clocks.

The API server itself carries what the campaign says to the proxies: nothing else leads from here to a pod.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from chaos import clocks
from chaos.api_faults import Trouble
from chaos.proxy import CONTROL_PORT, PORT
from demo.platform import ROOT, SYSTEM_NAMESPACE
from localcluster.build.images import DEVELOPMENT_IMAGE
from localcluster.cluster import Cluster
from localcluster.layout import Layout

_DEPLOYMENT, _SECRET = "timoneiro-operator", "api-proxy"


def install(cluster: Cluster) -> None:
    """Returns when all operators run behind a proxy."""
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(_secret(cluster)))
    cluster.kubectl(
        "-n",
        SYSTEM_NAMESPACE,
        "patch",
        "deployment",
        _DEPLOYMENT,
        "--type=strategic",
        "-p",
        json.dumps(_patch(cluster)),
    )
    cluster.kubectl("-n", SYSTEM_NAMESPACE, "rollout", "status", f"deployment/{_DEPLOYMENT}", "--timeout=120s")


class Proxied:
    """The proxies of all operators of a cluster, by the name of the pod."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def trouble(self, pod: str, trouble: Trouble | None) -> None:
        self._ask(pod, "trouble", {"trouble": trouble.value if trouble else None})

    def hold(self, pod: str, *, write: int, after: bool) -> None:
        """The operator will be held at its `write`-th write from now on."""
        self._ask(pod, "hold", {"write": write, "after": after})

    def reached(self, pod: str) -> bool:
        """Whether it is held by now."""
        return bool(self.state(pod)["reached"])

    def release(self, pod: str) -> None:
        """Nobody is held any more; a write that was held is not answered."""
        self._ask(pod, "release", {})

    def state(self, pod: str) -> dict[str, Any]:
        """`calls`: [verb, resource, count]; `writes`: [time, method, path]."""
        answer: dict[str, Any] = json.loads(self._cluster.kubectl("get", "--raw", _path(pod, "state")))
        return answer

    def _ask(self, pod: str, what: str, body: dict[str, Any]) -> None:
        self._cluster.kubectl("create", "--raw", _path(pod, what), "-f", "-", stdin=json.dumps(body))


def _path(pod: str, what: str) -> str:
    return f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/pods/{pod}:{CONTROL_PORT}/proxy/{what}"


def _secret(cluster: Cluster) -> dict[str, Any]:
    """The API server's own certificate: the operators trust it, and it is good for 127.0.0.1."""
    certificate, key = Layout(cluster.folder).pair("kube-apiserver")
    data = {"tls.crt": certificate.read_bytes(), "tls.key": key.read_bytes()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": _SECRET, "namespace": SYSTEM_NAMESPACE},
        "data": {name: base64.b64encode(content).decode() for name, content in data.items()},
    }


def _patch(cluster: Cluster) -> dict[str, Any]:
    library = clocks.library()
    operator = {
        "name": "operator",
        "env": [
            {"name": "KUBERNETES_SERVICE_HOST", "value": "127.0.0.1"},
            {"name": "KUBERNETES_SERVICE_PORT", "value": str(PORT)},
            *(clocks.environment(library) if library else []),
        ],
        "volumeMounts": [clocks.MOUNT],
    }
    proxy = {
        "name": _SECRET,
        "image": f"{DEVELOPMENT_IMAGE}:campaign",
        "args": ["-m", "chaos.proxy", "/certificates"],
        "env": [{"name": "PYTHONPATH", "value": str(ROOT / "hack")}],
        "volumeMounts": [{"name": _SECRET, "mountPath": "/certificates", "readOnly": True}],
    }
    volumes = [{"name": _SECRET, "secret": {"secretName": _SECRET}}, clocks.volume(cluster)]
    return {"spec": {"template": {"spec": {"containers": [operator, proxy], "volumes": volumes}}}}
