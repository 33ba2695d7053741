"""Who may do what, who owns which field, and what goes when its owner goes: on the real API server."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from demo.platform import ROOT, SYSTEM_NAMESPACE
from localcluster.cluster import Cluster
from localcluster.errors import LocalClusterError
from render_manifests import TEMPLATE, render
from support.unserved import unserved
from support.waiting import wait

OPERATOR = f"system:serviceaccount:{SYSTEM_NAMESPACE}:timoneiro-operator"
Get = Callable[..., dict[str, Any]]


def apply(cluster: Cluster, namespace: str, body: dict[str, Any], manager: str) -> None:
    cluster.kubectl(
        "-n", namespace, "apply", "--server-side", f"--field-manager={manager}", "-f", "-", stdin=json.dumps(body)
    )


@pytest.mark.parametrize(
    ("verb", "resource", "allowed"),
    [
        ("list", "modeldeployments.timoneiro.dev", True),
        ("patch", "modeldeployments.timoneiro.dev/status", True),
        ("create", "inferenceservices.serving.kserve.io", True),
        ("delete", "inferenceservices.serving.kserve.io", True),
        ("list", "clusterservingruntimes.serving.kserve.io", True),
        ("patch", "clusterservingruntimes.serving.kserve.io", False),
        ("create", "servingruntimes.serving.kserve.io", True),
        ("patch", "httproutes.gateway.networking.k8s.io", True),
        ("list", "pods", True),
        ("create", "events", True),
        ("patch", "events", True),
        ("list", "services.serving.knative.dev", True),
        ("patch", "services.serving.knative.dev", False),
        ("update", "leases.coordination.k8s.io", False),
        ("patch", "modeldeployments.timoneiro.dev", False),
        ("delete", "modeldeployments.timoneiro.dev", False),
        ("delete", "httproutes.gateway.networking.k8s.io", False),
        ("get", "secrets", False),
        ("list", "secrets", False),
        ("create", "pods", False),
        ("delete", "pods", False),
        ("get", "configmaps", False),
        ("get", "deployments.apps", True),
        ("list", "deployments.apps", False),
        ("create", "deployments.apps", False),
        ("create", "clusterroles.rbac.authorization.k8s.io", False),
    ],
)
def test_the_operator_may_do_what_it_needs_and_nothing_else(
    platform: Cluster, verb: str, resource: str, allowed: bool
) -> None:
    name, _, subresource = resource.partition("/")
    try:
        answer = platform.kubectl(
            "auth", "can-i", verb, name, f"--subresource={subresource}", f"--as={OPERATOR}", "--all-namespaces"
        )
    except LocalClusterError as refusal:
        answer = str(refusal)
    assert answer.strip().splitlines()[-1].endswith("yes") is allowed


def test_no_rule_has_a_wildcard(platform: Cluster) -> None:
    role = platform.get("clusterrole", "timoneiro-operator")
    assert not any("*" in rule[part] for rule in role["rules"] for part in ("apiGroups", "resources", "verbs"))


def test_the_operator_writes_a_status_and_leaves_the_spec_alone(platform: Cluster, namespace: str, get: Get) -> None:
    apply(platform, namespace, unserved(namespace), "people")
    body = wait("a status", lambda: (b := get("md", "fraud")).get("status") and b)
    assert body["status"]["phase"] == "Pending"
    assert body["metadata"]["generation"] == 1
    assert "finalizers" not in body["metadata"]
    assert "annotations" not in body["metadata"]


def test_a_pipeline_owns_the_model_and_people_own_the_rest_without_a_fight(
    platform: Cluster, namespace: str, get: Get
) -> None:
    rest = unserved(namespace)
    model = rest["spec"].pop("model")
    apply(platform, namespace, rest, "people")
    identity = {key: rest[key] for key in ("apiVersion", "kind", "metadata")}
    apply(platform, namespace, {**identity, "spec": {"model": model}}, "timoneiro-pipeline")
    rest["spec"]["route"]["hostnames"] = ["other.example.com"]
    apply(platform, namespace, rest, "people")
    spec = get("md", "fraud")["spec"]
    assert (spec["model"]["uri"], spec["route"]["hostnames"]) == (model["uri"], ["other.example.com"])


def test_a_second_owner_of_the_model_is_told_who_the_first_is(platform: Cluster, namespace: str) -> None:
    apply(platform, namespace, unserved(namespace), "timoneiro-pipeline")
    other = unserved(namespace)
    other["spec"]["model"]["uri"] = "s3://models/fraud/2"
    with pytest.raises(LocalClusterError, match="timoneiro-pipeline"):
        apply(platform, namespace, other, "somebody-else")


def test_one_inference_service_is_made_for_the_revision_and_owned(platform: Cluster, namespace: str, get: Get) -> None:
    apply(platform, namespace, unserved(namespace), "people")
    status = wait("a candidate", lambda: (get("md", "fraud").get("status") or {}).get("candidate"))
    service = wait("an InferenceService", lambda: _maybe(get, "isvc", status["inferenceService"]))
    owner = service["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("ModelDeployment", "fraud", True)


def test_what_belongs_to_a_deployment_goes_with_it_and_nothing_hangs(
    platform: Cluster, namespace: str, get: Get
) -> None:
    apply(platform, namespace, unserved(namespace), "people")
    status = wait("a candidate", lambda: (get("md", "fraud").get("status") or {}).get("candidate"))
    wait("an InferenceService", lambda: _maybe(get, "isvc", status["inferenceService"]))
    platform.kubectl("-n", namespace, "delete", "md", "fraud", "--timeout=240s")
    wait("the end of the InferenceService", lambda: _maybe(get, "isvc", status["inferenceService"]) is None)


def test_a_format_that_nobody_serves_is_named_in_the_message(platform: Cluster, namespace: str, get: Get) -> None:
    apply(platform, namespace, unserved(namespace), "people")
    sentence = "no serving runtime of the cluster supports the format nobody-serves-this"
    wait("the sentence", lambda: sentence in (get("md", "fraud").get("status") or {}).get("message", ""))


def test_an_idle_deployment_is_not_written_again(platform: Cluster, namespace: str, get: Get) -> None:
    rest = unserved(namespace)
    del rest["spec"]["model"]
    apply(platform, namespace, rest, "people")
    version = wait("a status", lambda: (b := get("md", "fraud")).get("status") and b["metadata"]["resourceVersion"])
    apply(platform, namespace, unserved(namespace, "later"), "people")
    wait("a status of another one that came later", lambda: get("md", "later").get("status"))
    assert get("md", "fraud")["metadata"]["resourceVersion"] == version


def test_the_manifests_are_what_the_chart_renders(cluster: Cluster) -> None:
    rendered = render(cluster.helm)
    on_disk = {
        str(path.relative_to(ROOT / "manifests")): path.read_text()
        for folder in ("crd", "operator")
        for path in Path(ROOT / "manifests" / folder).glob("*.yaml")
        if path.name != "kustomization.yaml"
    }
    assert on_disk == rendered


def test_kustomize_builds_the_same_objects_as_the_chart(cluster: Cluster) -> None:
    def identities(text: str) -> set[tuple[str, str, str]]:
        bodies = [body for body in yaml.safe_load_all(text) if body]
        return {(b["kind"], b["metadata"].get("namespace", ""), b["metadata"]["name"]) for b in bodies}

    chart = cluster.helm(*TEMPLATE)
    built = cluster.kubectl("kustomize", str(ROOT / "manifests"))
    assert identities(built) == identities(chart) | {("Namespace", "", SYSTEM_NAMESPACE)}


def test_the_chart_refuses_values_that_it_does_not_know(cluster: Cluster) -> None:
    with pytest.raises(LocalClusterError, match="workers"):
        cluster.helm(*TEMPLATE, "--set", "operator.workers=2")


def _maybe(get: Get, kind: str, name: str) -> dict[str, Any] | None:
    try:
        return get(kind, name)
    except LocalClusterError as error:
        if "NotFound" in str(error):
            return None
        raise
