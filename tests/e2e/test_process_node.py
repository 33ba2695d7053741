"""The process node, seen through the API server: what a Deployment, an EndpointSlice and a person see of a kubelet."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from localcluster.cluster import Cluster
from support.bench import descendants
from support.waiting import wait

SERVER = """
import http.server, os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: (print("asked to stop", flush=True), sys.exit(0)))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        code = 500 if os.path.exists("/tmp" + self.path) else 200
        if self.path.startswith("/touch/"):
            open("/tmp/" + self.path.removeprefix("/touch/"), "w").close()
        self.send_response(code); self.send_header("content-length", "2"); self.end_headers(); self.wfile.write(b"ok")
    def log_message(self, *_): pass
http.server.HTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"""


class Node:
    """A namespace on the cluster, and pods in it."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.cluster.kubectl("-n", self.namespace, *arguments, stdin=stdin)

    def apply(self, *bodies: dict[str, Any]) -> None:
        items = {"apiVersion": "v1", "kind": "List", "items": list(bodies)}
        self.kubectl("apply", "-f", "-", stdin=json.dumps(items))

    def get(self, kind: str, name: str) -> dict[str, Any]:
        return self.cluster.get("-n", self.namespace, kind, name)

    def run(self, name: str, code: str, **pod: Any) -> None:
        """A pod with one Python container; keys of its container are merged in under `container`."""
        container = {"name": "main", "image": "localhost/python:1", "command": ["python", "-u", "-c", code]}
        spec = {"containers": [container | pod.pop("container", {})], "terminationGracePeriodSeconds": 10, **pod}
        self.apply(
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec}
        )

    def container(self, name: str, kind: str = "containerStatuses") -> dict[str, Any]:
        statuses = self.get("pod", name).get("status", {}).get(kind) or [{}]
        first: dict[str, Any] = statuses[0]
        return first

    def ended(self, name: str, *, kind: str = "containerStatuses") -> dict[str, Any]:
        """How the container of a pod ended, once it has."""

        def terminated() -> Any:
            status = self.container(name, kind)
            return (status.get("state") or {}).get("terminated") or (status.get("lastState") or {}).get("terminated")

        result: dict[str, Any] = wait(f"{name} ends", terminated, state=lambda: json.dumps(self.container(name)))
        return result

    def ready(self, name: str) -> bool:
        conditions = self.get("pod", name).get("status", {}).get("conditions") or []
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

    def until_ready(self, name: str) -> None:
        wait(f"{name} is ready", lambda: self.ready(name), state=lambda: json.dumps(self.get("pod", name)["status"]))


@pytest.fixture
def node(cluster: Cluster) -> Iterator[Node]:
    name = f"node-{uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    wait(
        "the default ServiceAccount is there",
        lambda: "default" in cluster.kubectl("-n", name, "get", "serviceaccounts", "-o", "name"),
    )
    yield Node(cluster, name)
    cluster.kubectl("delete", "namespace", name, "--wait=false")


def test_a_deployment_becomes_available(node: Node) -> None:
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {
            "containers": [
                {
                    "name": "web",
                    "image": "localhost/python:1",
                    "command": ["python", "-c", SERVER],
                    "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 1},
                }
            ]
        },
    }
    selector = {"matchLabels": {"app": "web"}}
    node.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web"},
            "spec": {"replicas": 2, "selector": selector, "template": template},
        }
    )
    node.kubectl("rollout", "status", "deployment/web", "--timeout=240s")
    assert node.get("deployment", "web")["status"]["availableReplicas"] == 2


def test_pods_reach_each_other_by_address(node: Node) -> None:
    node.run("server", SERVER)
    address = wait("the server has an address", lambda: node.get("pod", "server")["status"].get("podIP"))
    client = f"""
import time, urllib.request
for _ in range(100):
    try: print(urllib.request.urlopen("http://{address}:8080/hello").read().decode()); break
    except OSError: time.sleep(0.1)
else: raise SystemExit(1)
"""
    node.run("client", client, restartPolicy="Never")
    assert node.ended("client")["exitCode"] == 0


def test_a_failing_init_container_keeps_the_main_one_from_starting(node: Node) -> None:
    init = {"name": "init", "image": "localhost/python:1", "command": ["python", "-c", "raise SystemExit(7)"]}
    node.run("pod", SERVER, initContainers=[init])
    assert node.ended("pod", kind="initContainerStatuses")["exitCode"] == 7
    assert node.container("pod")["state"]["waiting"]["reason"] == "PodInitializing"


def test_a_crash_loop_is_counted_and_named(node: Node) -> None:
    node.run("pod", "raise SystemExit(3)")
    wait("it was restarted twice", lambda: node.container("pod").get("restartCount", 0) >= 2)
    state = wait("it waits", lambda: (node.container("pod").get("state") or {}).get("waiting"))
    assert state["reason"] == "CrashLoopBackOff"
    assert node.container("pod")["lastState"]["terminated"]["exitCode"] == 3


def test_a_pod_that_is_not_ready_any_more_leaves_the_endpoints(node: Node) -> None:
    node.run(
        "pod",
        SERVER,
        container={
            "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 1, "failureThreshold": 1}
        },
    )
    node.apply(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "pod"},
            "spec": {"selector": {"app": "pod"}, "ports": [{"port": 80, "targetPort": 8080}]},
        }
    )

    def ready_endpoints() -> list[str]:
        selector = "kubernetes.io/service-name=pod"
        slices = node.cluster.get("-n", node.namespace, "endpointslices", "-l", selector)
        endpoints = [e for item in slices["items"] for e in item.get("endpoints") or []]
        return [address for e in endpoints if e["conditions"].get("ready") for address in e["addresses"]]

    address = wait("the pod is an endpoint", ready_endpoints)[0]
    touch = f"import urllib.request; urllib.request.urlopen('http://{address}:8080/touch/ready')"
    node.run("client", touch, restartPolicy="Never")
    wait("the pod is no endpoint any more", lambda: not ready_endpoints())


def test_a_failing_liveness_probe_restarts_the_container(node: Node) -> None:
    probe = {"httpGet": {"path": "/nobody", "port": 9}, "periodSeconds": 1, "failureThreshold": 1}
    node.run("pod", SERVER, container={"livenessProbe": probe})
    wait("it was restarted", lambda: node.container("pod").get("restartCount", 0) >= 1)


def test_a_container_that_has_more_memory_than_its_limit_is_killed_and_it_is_said_why(node: Node) -> None:
    leak = "import time\nblocks = []\nwhile True:\n blocks.append(b'x' * 2**20)\n time.sleep(0.01)"
    node.run("leaks", leak, container={"resources": {"limits": {"memory": "64Mi"}}}, restartPolicy="Never")
    ended = node.ended("leaks")
    assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")


def test_a_container_is_asked_to_stop_before_it_is_killed(node: Node) -> None:
    node.run("pod", SERVER, container={"readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1}})
    node.until_ready("pod")
    logs = node.cluster.folder / "pods"
    node.kubectl("delete", "pod", "pod", "--timeout=9s")
    written = [path.read_text() for path in logs.glob(f"{node.namespace}_pod_*/main/*.log")]
    assert written == ["asked to stop\n"]


def test_a_container_that_ignores_the_request_is_killed_after_its_grace(node: Node) -> None:
    deaf = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(1)"
    node.run("pod", deaf, terminationGracePeriodSeconds=1)
    wait("it runs", lambda: (node.container("pod").get("state") or {}).get("running"))
    node.kubectl("delete", "pod", "pod", "--timeout=15s")


def test_config_maps_secrets_and_scratch_space_are_at_their_mount_paths(node: Node) -> None:
    node.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"key": "from a map"}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"key": "from a secret"}},
    )
    code = """
from pathlib import Path
assert Path("/etc/app/config/key").read_text() == "from a map"
assert Path("/nowhere/on/the/host/key").read_text() == "from a secret"
Path("/scratch/file").write_text("x")
try: Path("/etc/app/config/key").write_text("x")
except OSError: print("read-only")
else: raise SystemExit("a ConfigMap can be written")
"""
    mounts = [
        {"name": "c", "mountPath": "/etc/app/config"},
        {"name": "s", "mountPath": "/nowhere/on/the/host"},
        {"name": "e", "mountPath": "/scratch"},
    ]
    volumes = [
        {"name": "c", "configMap": {"name": "c"}},
        {"name": "s", "secret": {"secretName": "s"}},
        {"name": "e", "emptyDir": {}},
    ]
    node.run("pod", code, restartPolicy="Never", volumes=volumes, container={"volumeMounts": mounts})
    assert node.ended("pod")["exitCode"] == 0


def test_a_secret_that_is_missing_is_waited_for_and_named(node: Node) -> None:
    reference = [{"name": "V", "valueFrom": {"secretKeyRef": {"name": "later", "key": "k"}}}]
    node.run("pod", "import os; print(os.environ['V'])", restartPolicy="Never", container={"env": reference})
    waiting = wait(
        "the missing secret is named",
        lambda: (
            (w := (node.container("pod").get("state") or {}).get("waiting") or {}).get("reason")
            == "CreateContainerConfigError"
            and w
        ),
    )
    assert 'secret "later" not found' in waiting["message"]
    node.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "later"}, "stringData": {"k": "v"}})
    assert node.ended("pod")["exitCode"] == 0


def test_a_pod_is_known_to_the_api_server_as_its_service_account(node: Node) -> None:
    code = """
import json, os, ssl, urllib.request
account = "/var/run/secrets/kubernetes.io/serviceaccount/"
address = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
request = urllib.request.Request(
    address + "/apis/authentication.k8s.io/v1/selfsubjectreviews", data=json.dumps(body).encode(),
    headers={"Authorization": "Bearer " + open(account + "token").read(), "Content-Type": "application/json"})
answer = urllib.request.urlopen(request, context=ssl.create_default_context(cafile=account + "ca.crt"))
open("/dev/termination-log", "w").write(json.load(answer)["status"]["userInfo"]["username"])
"""
    node.run("pod", code, restartPolicy="Never")
    assert node.ended("pod")["message"] == f"system:serviceaccount:{node.namespace}:default"


def test_an_unknown_image_never_runs(node: Node) -> None:
    node.run("pod", "", container={"image": "nobody/knows-this:1", "command": None})
    waiting = wait("the image is refused", lambda: (node.container("pod").get("state") or {}).get("waiting"))
    assert waiting["reason"] in ("ErrImagePull", "ImagePullBackOff")
    assert "nobody/knows-this:1" in waiting["message"]


def test_the_last_lines_of_the_log_are_the_last_words_where_that_was_asked_for(node: Node) -> None:
    policy = {"terminationMessagePolicy": "FallbackToLogsOnError"}
    node.run("pod", "print('why'); raise SystemExit(1)", restartPolicy="Never", container=policy)
    assert node.ended("pod")["message"] == "why\n"


def test_a_node_that_was_killed_takes_its_pods_up_again(node: Node) -> None:
    node.run("pod", SERVER, container={"readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1}})
    node.until_ready("pod")
    before = node.container("pod")["restartCount"]
    agents = [
        pid
        for pid in descendants(node.cluster.description.process.pid)
        if b"localcluster.node" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    ]
    os.kill(agents[0], signal.SIGKILL)
    wait("the container was started again", lambda: node.container("pod").get("restartCount", 0) > before)
    node.until_ready("pod")
