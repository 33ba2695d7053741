"""The API server's normal forms and a webhook that adds what it likes: neither is taken for somebody's edit."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.platform import SYSTEM_NAMESPACE, apply
from localcluster.build.images import DEVELOPMENT_IMAGE
from localcluster.cluster import Cluster
from localcluster.control_plane.certificates import CertificateAuthority
from support.asking import ask
from support.unserved import unserved
from support.waiting import wait

Get = Callable[..., dict[str, Any]]
ENV = [
    {
        "name": "CPUS",
        "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1000m", "containerName": "c"}},
    },
    {"name": "FIELD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
]
WEBHOOK = """
import base64, json, os, ssl
from http.server import BaseHTTPRequestHandler, HTTPServer

class Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["request"]
        env = request["object"]["spec"]["predictor"]["model"].get("env", [])
        patch = [{"op": "add", "path": "/spec/predictor/model/env/-", "value": {"name": "ADDED", "value": "1"}}]
        if any(entry["name"] == "ADDED" for entry in env):
            patch = []
        answer = {"uid": request["uid"], "allowed": True, "patchType": "JSONPatch",
                  "patch": base64.b64encode(json.dumps(patch).encode()).decode()}
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": answer}
        body = json.dumps(review).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

for name in ("hook.crt", "hook.key"):
    with open("/tmp/" + name, "wb") as file:
        file.write(base64.b64decode(os.environ[name[-3:].upper()]))
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/tmp/hook.crt", "/tmp/hook.key")
server = HTTPServer(("0.0.0.0", 8443), Hook)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


@pytest.fixture
def webhook(platform: Cluster, namespace: str, tmp_path: Path) -> Iterator[None]:
    """Adds a variable to each InferenceService of the namespace, whoever writes it."""
    authority = CertificateAuthority(tmp_path)
    authority.server("hook", [f"10.244.1.{number}" for number in range(1, 255)])
    encoded = {name: base64.b64encode((tmp_path / f"hook.{name}").read_bytes()).decode() for name in ("crt", "key")}
    container = {
        "name": "hook",
        "image": f"{DEVELOPMENT_IMAGE}:1",
        "command": ["python", "-c", WEBHOOK],
        "env": [{"name": name.upper(), "value": value} for name, value in encoded.items()],
        "readinessProbe": {"tcpSocket": {"port": 8443}, "periodSeconds": 1},
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "hook", "namespace": namespace},
        "spec": {"containers": [container]},
    }
    apply(platform, pod)
    platform.kubectl("-n", namespace, "wait", "pod/hook", "--for=condition=Ready", "--timeout=240s")
    address = platform.get("-n", namespace, "pod", "hook")["status"]["podIP"]
    rule = {
        "apiGroups": ["serving.kserve.io"],
        "apiVersions": ["v1beta1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["inferenceservices"],
    }
    hook = {
        "name": "hook.example.com",
        "clientConfig": {
            "url": f"https://{address}:8443/",
            "caBundle": base64.b64encode((tmp_path / "ca.crt").read_bytes()).decode(),
        },
        "rules": [rule],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    body = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": namespace},
        "webhooks": [hook],
    }
    apply(platform, body)
    yield
    platform.kubectl("delete", "mutatingwebhookconfiguration", namespace)


def answered(platform: Cluster, namespace: str, get: Get) -> None:
    """A pass of the operator, told by its answer to a command."""
    number = len(get("md", "fraud")["status"].get("commands") or [])
    ask(platform, namespace, f"nonsense {number}")
    wait("an answer", lambda: len(get("md", "fraud")["status"].get("commands") or []) > number)


@pytest.mark.usefixtures("webhook")
def test_nothing_is_written_again_and_nobody_is_blamed(platform: Cluster, namespace: str, get: Get) -> None:
    body = unserved(namespace)
    body["metadata"]["namespace"] = namespace
    body["spec"]["predictor"] = {"env": ENV}
    apply(platform, body)
    name = wait("a candidate", lambda: (get("md", "fraud").get("status") or {}).get("candidate"))["inferenceService"]
    service = wait(
        "its InferenceService",
        lambda: _made(platform, namespace, name),
        state=lambda: get("md", "fraud")["status"]["message"],
    )
    env = service["spec"]["predictor"]["model"]["env"]
    assert [entry["name"] for entry in env] == ["CPUS", "FIELD", "ADDED"]
    assert env[0]["valueFrom"]["resourceFieldRef"]["divisor"] == "1"
    for _ in range(2):
        answered(platform, namespace, get)
    operator = "deployment/timoneiro-operator"
    platform.kubectl("-n", SYSTEM_NAMESPACE, "rollout", "restart", operator)
    platform.kubectl("-n", SYSTEM_NAMESPACE, "rollout", "status", operator, "--timeout=240s")
    for _ in range(2):
        answered(platform, namespace, get)
    after = _made(platform, namespace, name)
    assert after is not None
    assert after["metadata"]["generation"] == service["metadata"]["generation"]
    assert _ours(after) == _ours(service)
    assert "restored" not in get("md", "fraud")["status"]


def _made(platform: Cluster, namespace: str, name: str) -> dict[str, Any] | None:
    found = platform.get("-n", namespace, "isvc", "--show-managed-fields")["items"]
    return next((service for service in found if service["metadata"]["name"] == name), None)


def _ours(service: dict[str, Any]) -> list[str]:
    """When the operator has written it."""
    fields = service["metadata"].get("managedFields") or []
    return [entry["time"] for entry in fields if entry["manager"] == "timoneiro-operator"]
