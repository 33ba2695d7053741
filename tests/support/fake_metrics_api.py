"""Stands in for a metrics server: `metrics.k8s.io` of pods that use as much as a test says.

Fake below the line: what pods use is said, and not measured. The API server that asks it, the autoscalers that read it
and the pods are real. `Usage` installs it in a cluster, where it runs in a pod: this module is its program.
"""

import datetime
import ipaddress
import json
import ssl
import tempfile
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from lightkube.core.client import Client
from lightkube.resources.core_v1 import ConfigMap, Pod

from localcluster.cluster import Cluster
from support.waiting import wait

NAME = "fake-metrics"
NAMESPACE = "default"
_GROUP_VERSION = "metrics.k8s.io/v1beta1"
_API_SERVICE = "v1beta1.metrics.k8s.io"
_PORT = 8443


class Usage:
    """The fake in a cluster. Its pods use nothing until something else is said."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._said: dict[str, str] = {}
        self._apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _metadata()},
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "metadata": _metadata(),
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
                "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
            },
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _metadata(), "data": {}},
            {"apiVersion": "v1", "kind": "Pod", "metadata": _metadata(), "spec": _pod()},
        )
        try:
            self._register(wait("the fake metrics API runs", self._address))
        except BaseException:
            self.close()
            raise

    def say(self, deployment: str, millicores: int) -> None:
        """All ready pods of a Deployment together use so much from now on."""
        self._said[f"isvc.{deployment}"] = str(millicores)
        self._apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": _metadata(), "data": self._said})

    def close(self) -> None:
        """The API first: the API server holds up deletions of namespaces for one that does not answer."""
        self._cluster.kubectl("delete", "apiservice", _API_SERVICE, "--ignore-not-found")
        kinds = "service,pod,configmap,rolebinding,serviceaccount"
        self._cluster.kubectl("-n", NAMESPACE, "delete", kinds, NAME, "--ignore-not-found")

    def _address(self) -> str | None:
        status = self._cluster.get("-n", NAMESPACE, "pod", NAME).get("status") or {}
        ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or [])
        return str(status["podIP"]) if ready else None

    def _register(self, address: str) -> None:
        # By its address: there is no kube-proxy that would make anything of a cluster IP.
        service = {"type": "ExternalName", "externalName": address, "ports": [{"port": _PORT}]}
        group, version = _GROUP_VERSION.split("/")
        spec = {
            "group": group,
            "version": version,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "insecureSkipTLSVerify": True,
            "service": {"name": NAME, "namespace": NAMESPACE, "port": _PORT},
        }
        self._apply(
            {"apiVersion": "v1", "kind": "Service", "metadata": _metadata(), "spec": service},
            {
                "apiVersion": "apiregistration.k8s.io/v1",
                "kind": "APIService",
                "metadata": {"name": _API_SERVICE},
                "spec": spec,
            },
        )
        self._cluster.kubectl("wait", "--for=condition=Available", f"apiservice/{_API_SERVICE}", "--timeout=240s")

    def _apply(self, *bodies: dict[str, Any]) -> None:
        items = {"apiVersion": "v1", "kind": "List", "items": list(bodies)}
        self._cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(items))


def _metadata() -> dict[str, Any]:
    return {"name": NAME, "namespace": NAMESPACE}


def _pod() -> dict[str, Any]:
    return {
        "serviceAccountName": NAME,
        "terminationGracePeriodSeconds": 1,
        "containers": [
            {
                "name": "main",
                "image": "localhost/python:1",
                "command": ["python", "-u", "-m", "support.fake_metrics_api"],
                "env": [
                    {"name": "PYTHONPATH", "value": f"{Path(__file__).parents[1]}:{Path(__file__).parents[2]}/hack"}
                ],
                "readinessProbe": {"tcpSocket": {"port": _PORT}, "periodSeconds": 1},
            }
        ],
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = urlsplit(self.path)
        parts = path.path.strip("/").split("/")
        if path.path.rstrip("/") == f"/apis/{_GROUP_VERSION}":
            pods = {"name": "pods", "singularName": "", "namespaced": True, "kind": "PodMetrics", "verbs": ["list"]}
            self._answer(
                {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": _GROUP_VERSION, "resources": [pods]}
            )
        elif parts[:4] == ["apis", *_GROUP_VERSION.split("/"), "namespaces"] and parts[5:] == ["pods"]:
            selector = parse_qs(path.query).get("labelSelector", [""])[0]
            self._answer(_metrics(parts[4], selector))
        else:
            self._answer({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404}, code=404)

    def _answer(self, body: dict[str, Any], *, code: int = 200) -> None:
        content = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _metrics(namespace: str, selector: str) -> dict[str, Any]:
    client = Client()
    labels: Any = dict(pair.split("=", 1) for pair in selector.split(",") if pair)
    pods = [pod for pod in client.list(Pod, namespace=namespace, labels=labels) if _is_ready(pod)]
    said = client.get(ConfigMap, NAME, namespace=NAMESPACE).data or {}
    apps = [((pod.metadata and pod.metadata.labels) or {}).get("app", "") for pod in pods]
    count = Counter(apps)
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    items = [
        {
            "metadata": {"name": pod.metadata.name if pod.metadata else "", "namespace": namespace},
            "timestamp": now,
            "window": "1s",
            "containers": [
                {"name": "main", "usage": {"cpu": f"{int(said.get(app, 0)) // count[app]}m", "memory": "64Mi"}}
            ],
        }
        for pod, app in zip(pods, apps, strict=True)
    ]
    return {"kind": "PodMetricsList", "apiVersion": _GROUP_VERSION, "metadata": {}, "items": items}


def _is_ready(pod: Pod) -> bool:
    conditions = (pod.status and pod.status.conditions) or []
    return any(c.type == "Ready" and c.status == "True" for c in conditions)


def _context() -> ssl.SSLContext:
    """With a certificate of its own, which nobody checks."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, no_password = serialization.Encoding.PEM, serialization.NoEncryption()
    with tempfile.NamedTemporaryFile() as file:
        file.write(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, no_password))
        file.write(certificate.public_bytes(pem))
        file.flush()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file.name)
    return context


if __name__ == "__main__":
    server = ThreadingHTTPServer(("0.0.0.0", _PORT), _Handler)
    server.socket = _context().wrap_socket(server.socket, server_side=True)
    server.serve_forever()
