"""A model store and a Kubernetes API on loopback, as small as a run of the pipeline needs them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

from support.loopback import listening


class LoopbackStore(ThreadingHTTPServer):
    """Objects by path (`/bucket/key`), with the three S3 requests that publishing makes."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        super().__init__(("127.0.0.1", 0), _StoreHandler)


class _StoreHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # boto3 waits a second for the "100 Continue" that 1.0 does not have
    server: LoopbackStore

    def do_PUT(self) -> None:  # the name is http.server's
        self.server.objects[unquote(urlsplit(self.path).path)] = self.rfile.read(int(self.headers["content-length"]))
        self._answer(b"")

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if "list-type" in address.query:
            prefix = parse_qs(address.query)["prefix"][0]
            bucket = unquote(address.path).rstrip("/") + "/"
            keys = [path.removeprefix(bucket) for path in self.server.objects if path.startswith(bucket + prefix)]
            contents = "".join(f"<Contents><Key>{escape(key)}</Key></Contents>" for key in keys)
            self._answer(f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>".encode())
        else:
            self._answer(self.server.objects[unquote(address.path)])

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


class LoopbackCluster(ThreadingHTTPServer):
    """One ModelDeployment, `default/diagnosis`; `applied` holds what was sent to it by PATCH. What is applied is rolled
    out at once."""

    def __init__(self) -> None:
        self.deployment: dict[str, Any] = {"metadata": {"name": "diagnosis", "uid": "u-1", "generation": 0}}
        self.applied: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), _ClusterHandler)

    def roll_out(self, model: dict[str, Any]) -> None:
        """The operator has seen `model`, and it serves all traffic."""
        self.deployment["metadata"]["generation"] += 1
        self.deployment["spec"] = {"model": model}
        self.deployment["status"] = {
            "observedGeneration": self.deployment["metadata"]["generation"],
            "phase": "Healthy",
            "message": "it serves all traffic",
            "stable": {"revision": "c1", "version": model["version"], "uri": model["uri"]},
        }


class _ClusterHandler(BaseHTTPRequestHandler):
    server: LoopbackCluster

    def do_GET(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        query = parse_qs(urlsplit(self.path).query)
        self.server.applied.append(
            {"body": body, "type": self.headers["content-type"], "manager": query["fieldManager"][0]}
        )
        self._answer()
        self.server.roll_out(body["spec"]["model"])

    def _answer(self) -> None:
        known = urlsplit(self.path).path.endswith("/namespaces/default/modeldeployments/diagnosis")
        body = json.dumps(self.server.deployment if known else {"message": "not found"}).encode()
        self.send_response(200 if known else 404)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def store() -> Iterator[LoopbackStore]:
    server = LoopbackStore()
    with listening(server):
        yield server


@pytest.fixture(scope="module")
def cluster() -> Iterator[LoopbackCluster]:
    server = LoopbackCluster()
    with listening(server):
        yield server


@pytest.fixture(scope="module")
def environment(
    store: LoopbackStore, cluster: LoopbackCluster, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Environment of a run that finds both and nothing else."""
    path: Path = tmp_path_factory.mktemp("kube") / "config"
    address = f"http://127.0.0.1:{cluster.server_port}"
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": {"server": address}}],
                "users": [{"name": "u", "user": {}}],
            }
        )
    )
    return {
        "KUBECONFIG": str(path),
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{store.server_port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "here",
    }
