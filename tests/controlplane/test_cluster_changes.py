"""What happens to the cluster around a ModelDeployment: names taken twice, namespaces that go, CRDs that come later."""

import json
from collections.abc import Callable
from typing import Any

from demo.platform import SYSTEM_NAMESPACE
from localcluster.cluster import Cluster
from localcluster.errors import LocalClusterError
from support.asking import ask, user
from support.unserved import unserved
from support.waiting import wait

Get = Callable[..., dict[str, Any]]
KNATIVE_CRD = "services.serving.knative.dev"


def apply(cluster: Cluster, namespace: str, body: dict[str, Any]) -> None:
    cluster.kubectl(
        "-n", namespace, "apply", "--server-side", "--field-manager=people", "-f", "-", stdin=json.dumps(body)
    )


def ready_reason(get: Get, name: str) -> str:
    conditions = (get("md", name).get("status") or {}).get("conditions") or []
    return next((c["reason"] for c in conditions if c["type"] == "Ready"), "")


def test_a_host_name_belongs_to_one_deployment_and_to_the_next_when_that_goes(
    platform: Cluster, namespace: str, get: Get
) -> None:
    hosts = [f"{namespace}.example.com"]
    apply(platform, namespace, unserved(namespace, "first", hostnames=hosts))
    wait("a candidate", lambda: (get("md", "first").get("status") or {}).get("candidate"))
    apply(platform, namespace, unserved(namespace, "second", hostnames=["other.example.com", *hosts]))
    wait("the conflict", lambda: ready_reason(get, "second") == "HostnameConflict")
    sentence = f"the host name {hosts[0]} belongs to ModelDeployment {namespace}/first: choose another one"
    assert get("md", "second")["status"]["message"] == sentence
    assert (
        platform.kubectl("-n", namespace, "get", "isvc", "-l", "timoneiro.dev/model-deployment=second", "-o", "name")
        == ""
    )
    platform.kubectl("-n", namespace, "delete", "md", "first", "--timeout=240s")
    wait("the end of the conflict", lambda: (get("md", "second")["status"]).get("candidate"))


def test_a_namespace_with_a_deployment_in_it_can_be_deleted(platform: Cluster) -> None:
    name = "going-away"
    platform.kubectl("create", "namespace", name)
    apply(platform, name, unserved(name))
    wait(
        "an InferenceService",
        lambda: platform.kubectl("-n", name, "get", "isvc", "-o", "name"),
    )
    platform.kubectl("delete", "namespace", name, "--timeout=240s")


def restart_operator(cluster: Cluster) -> None:
    cluster.kubectl("-n", SYSTEM_NAMESPACE, "rollout", "restart", "deployment/timoneiro-operator")
    cluster.kubectl("-n", SYSTEM_NAMESPACE, "rollout", "status", "deployment/timoneiro-operator", "--timeout=240s")


def test_a_driver_that_the_cluster_lacks_is_said_and_used_as_soon_as_it_is_installed(
    platform: Cluster, namespace: str, get: Get
) -> None:
    crd = platform.get("crd", KNATIVE_CRD)
    kept = {key: crd[key] for key in ("apiVersion", "kind", "spec")} | {"metadata": {"name": KNATIVE_CRD}}
    platform.kubectl("delete", "crd", KNATIVE_CRD, "--timeout=240s")
    try:
        restart_operator(platform)
        body = unserved(namespace, driver="Knative")
        apply(platform, namespace, body)
        wait("the sentence", lambda: ready_reason(get, "fraud") == "DriverNotInstalled")
        assert "install Knative Serving, or use driver Gateway" in get("md", "fraud")["status"]["message"]
        apply(platform, namespace, unserved(namespace, "other"))
        wait("that others are served", lambda: (get("md", "other").get("status") or {}).get("candidate"))
    finally:
        platform.kubectl("create", "-f", "-", stdin=json.dumps(kept))
    wait("a candidate", lambda: (get("md", "fraud").get("status") or {}).get("candidate"))


def test_one_of_two_operators_leads_and_the_other_stands_by(platform: Cluster) -> None:
    selector = "app.kubernetes.io/component=operator"
    pods = platform.get("-n", SYSTEM_NAMESPACE, "pods", "-l", selector)["items"]
    lease = platform.get("-n", SYSTEM_NAMESPACE, "lease", "timoneiro-operator")
    ready = {
        pod["metadata"]["name"]
        for pod in pods
        if any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"]["conditions"])
    }
    assert len(ready) == 2
    assert lease["spec"]["holderIdentity"] in ready


def test_an_invalid_spec_that_the_schema_cannot_see_is_a_condition(platform: Cluster, namespace: str, get: Get) -> None:
    name = "a-name-too-long-for-this-namespace"
    apply(platform, namespace, unserved(namespace, name))
    wait("the condition", lambda: ready_reason(get, name) == "InvalidSpec")
    assert "choose a shorter name" in get("md", name)["status"]["message"]


def test_a_command_in_the_annotation_is_answered_in_the_status(platform: Cluster, namespace: str, get: Get) -> None:
    apply(platform, namespace, unserved(namespace))
    wait("a candidate", lambda: (get("md", "fraud").get("status") or {}).get("candidate"))
    ask(platform, namespace, "promote it!")
    answer = wait("an answer", lambda: (get("md", "fraud")["status"].get("commands") or [None])[-1])
    assert (answer["outcome"], answer["by"]) == ("Refused", user(platform))
    assert "the annotation is not a command" in answer["message"]


def test_a_deployment_that_is_gone_leaves_nothing_to_wait_for(platform: Cluster, namespace: str) -> None:
    apply(platform, namespace, unserved(namespace))
    platform.kubectl("-n", namespace, "delete", "md", "fraud", "--timeout=240s")

    def left() -> str:
        try:
            return platform.kubectl("-n", namespace, "get", "isvc", "-o", "name")
        except LocalClusterError as error:
            return str(error)

    wait("the end of its children", lambda: not left())
