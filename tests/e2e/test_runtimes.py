"""Serving runtimes on the local cluster: those of others are left alone, and ours never change under what serves."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from demo.platform import BUCKET, ROOT, SYSTEM_NAMESPACE, apply, install, model_deployment, s3
from localcluster.cluster import Cluster
from localcluster.errors import LocalClusterError
from support.bench import QUICK, Bench
from support.waiting import wait
from timoneiro_operator.api.deployment import parse, revision_of
from timoneiro_operator.api.status import Snapshot, Stable, Status
from timoneiro_operator.serving.inference_service import build_inference_service

OWN = "timoneiro-serving-runtime"
OLD = "timoneiro-serving"


def uninstall(cluster: Cluster) -> None:
    cluster.helm("uninstall", "timoneiro", "--namespace", SYSTEM_NAMESPACE, "--wait", "--timeout", "90s")


def ready_pods(cluster: Cluster, service: str) -> set[str]:
    """Uids of the ready pods of an InferenceService."""
    pods = cluster.get("pods", "-l", f"serving.kserve.io/inferenceservice={service}")["items"]
    return {
        pod["metadata"]["uid"]
        for pod in pods
        if any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))
        and "deletionTimestamp" not in pod["metadata"]
    }


def runtime_of_the_chart(name: str, **format_: Any) -> dict[str, Any]:
    """The runtime of the chart under another name, selected by KServe for the formats that it loads."""
    body: dict[str, Any] = yaml.safe_load((ROOT / "manifests/operator/servingruntime.yaml").read_text())
    body["metadata"] = {"name": name}
    for entry in body["spec"]["supportedModelFormats"]:
        entry.update(format_)
    return body


def chart_of(folder: Path, body: dict[str, Any]) -> Path:
    """What matters here of an older version of the chart: one object of it."""
    (folder / "templates").mkdir()
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: timoneiro\nversion: 0.0.9\n")
    # KServe's placeholders are none of Helm's.
    text = yaml.safe_dump(body).replace("{{.Name}}", '{{ "{{.Name}}" }}')
    (folder / "templates" / "servingruntime.yaml").write_text(text)
    return folder


def upload(cluster: Cluster, package: Path, name: str) -> str:
    for path in package.iterdir():
        s3(cluster).put_object(Bucket=BUCKET, Key=f"{name}/1/{path.name}", Body=path.read_bytes())
    return f"s3://{BUCKET}/{name}/1/"


@pytest.fixture
def without_timoneiro(platform: Cluster) -> Iterator[Cluster]:
    """The cluster after the chart was uninstalled; it is installed again in any case."""
    uninstall(platform)
    yield platform
    install(platform)


def test_what_other_teams_serve_keeps_its_pods_and_its_runtime_when_the_chart_is_installed(
    without_timoneiro: Cluster, packages: dict[str, Path]
) -> None:
    cluster = without_timoneiro
    apply(cluster, runtime_of_the_chart("theirs", autoSelect=True, priority=1))
    predictor = {
        "minReplicas": 1,
        "maxReplicas": 1,
        "serviceAccountName": "models",
        "model": {
            "modelFormat": {"name": "sklearn", "version": "1"},
            "storageUri": upload(cluster, packages["good"], "theirs"),
        },
    }
    theirs = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": "theirs",
            "namespace": "default",
            "annotations": {
                "serving.kserve.io/deploymentMode": "Standard",
                "serving.kserve.io/autoscalerClass": "none",
            },
        },
        "spec": {"predictor": predictor},
    }
    try:
        apply(cluster, theirs)
        before = wait("a ready pod of another team", lambda: ready_pods(cluster, "theirs"))
        install(cluster)
        # KServe looks at the runtimes again when anything of the InferenceService changes.
        predictor |= {"minReplicas": 2, "maxReplicas": 2}
        apply(cluster, theirs)
        after = wait("a second pod", lambda: len(p := ready_pods(cluster, "theirs")) == 2 and p)
        assert before < after
        assert cluster.get("isvc", "theirs")["status"]["clusterServingRuntimeName"] == "theirs"
    finally:
        cluster.kubectl("delete", "isvc", "theirs", "--ignore-not-found")
        cluster.kubectl("delete", "clusterservingruntime", "theirs", "--ignore-not-found")


@pytest.fixture(scope="module")
def bench(open_bench: Callable[..., Bench]) -> Bench:
    return open_bench("runtimes", **QUICK)


def promoted(bench: Bench) -> list[str]:
    return [entry["reason"] for entry in bench.status().get("history") or [] if entry["outcome"] == "Promoted"]


def image_and_env(bench: Bench) -> dict[str, Any]:
    """The first container of the pods that serve."""
    service = bench.status()["stable"]["inferenceService"]
    pods = bench.cluster.get("pods", "-l", f"serving.kserve.io/inferenceservice={service}")["items"]
    container: dict[str, Any] = pods[0]["spec"]["containers"][0]
    return container


@pytest.mark.usefixtures("nothing_is_lost_and_no_rule_is_broken")
def test_an_edit_of_the_runtime_leaves_what_serves_alone_and_comes_as_a_rollout_that_is_judged(bench: Bench) -> None:
    before, done = bench.stable_pods(), len(promoted(bench))
    new = [{"op": "add", "path": "/spec/containers/0/env/-", "value": {"name": "NEW_BY_ADMIN", "value": "1"}}]
    bench.cluster.kubectl("patch", "clusterservingruntime", OWN, "--type=json", "-p", json.dumps(new))
    bench.wait("a candidate with traffic", lambda: (bench.status().get("step") or {}).get("weight"))
    assert bench.stable_pods() == before
    said = bench.cluster.kubectl(
        "get", "events", "--field-selector=reason=RolloutStarted", "-o", "jsonpath={.items[*].message}"
    )
    assert f"the serving runtime {OWN} has changed" in said
    bench.wait("the promotion", lambda: len(promoted(bench)) > done)
    assert {"name": "NEW_BY_ADMIN", "value": "1"} in image_and_env(bench)["env"]


@pytest.mark.usefixtures("nothing_is_lost_and_no_rule_is_broken")
def test_a_new_runtime_by_helm_upgrade_comes_as_a_rollout_that_is_judged(bench: Bench) -> None:
    before, done = bench.stable_pods(), len(promoted(bench))
    install(bench.cluster, "--set", "servingRuntime.resources.requests.cpu=110m")
    bench.wait("a candidate with traffic", lambda: (bench.status().get("step") or {}).get("weight"))
    assert bench.stable_pods() == before
    bench.wait("the promotion", lambda: len(promoted(bench)) > done)
    assert image_and_env(bench)["resources"]["requests"]["cpu"] == "110m"


# The operator that comes back removes the second pod, which is ready and serves; no request may be lost by it.
@pytest.mark.usefixtures("nothing_is_lost")
def test_what_serves_goes_on_after_the_chart_was_uninstalled_and_can_still_be_scaled(
    bench: Bench, without_timoneiro: Cluster
) -> None:
    service, before = bench.status()["stable"]["inferenceService"], set(bench.stable_pods())
    with pytest.raises(LocalClusterError, match="NotFound"):
        without_timoneiro.get("clusterservingruntime", OWN)
    two = {"spec": {"predictor": {"minReplicas": 2, "maxReplicas": 2}}}
    without_timoneiro.kubectl("patch", "isvc", service, "--type=merge", "-p", json.dumps(two))
    after = bench.wait("a second pod", lambda: len(p := ready_pods(bench.cluster, service)) == 2 and p)
    assert before < after


def test_what_an_older_version_has_made_keeps_its_pods_and_gets_the_runtime_that_they_are_made_of(
    without_timoneiro: Cluster, packages: dict[str, Path], tmp_path: Path
) -> None:
    cluster = without_timoneiro
    old = runtime_of_the_chart(OLD, autoSelect=True, priority=2)
    cluster.helm("install", "timoneiro", str(chart_of(tmp_path, old)), "--namespace", SYSTEM_NAMESPACE)
    body = model_deployment("older", host="older.models.example.com")
    uri = upload(cluster, packages["good"], "older")
    body["spec"]["model"] = {"format": {"name": "sklearn", "version": "1"}, "uri": uri, "version": "1"}
    try:
        apply(cluster, body)
        deployment = parse(cluster.get("md", "older"))
        revision = revision_of(deployment.model, deployment.spec.predictor)
        snapshot = Snapshot(revision=revision, model=deployment.model, predictor=deployment.spec.predictor)
        service = f"older-{revision}"
        stable = Stable(revision=revision, inference_service=service, uri=uri, version="1", ready=True)
        status = Status(phase="Healthy", stable=stable, revisions=(snapshot,), observed_generation=1)
        cluster.kubectl(
            "patch",
            "md",
            "older",
            "--subresource=status",
            "--type=merge",
            "-p",
            json.dumps({"status": msgspec.to_builtins(status)}),
        )
        apply(cluster, build_inference_service(deployment, snapshot), manager="timoneiro-operator")
        before = wait("a ready pod", lambda: ready_pods(cluster, service))
        install(cluster)

        def runtime() -> dict[str, Any]:
            (known,) = cluster.get("md", "older")["status"]["revisions"]
            found: dict[str, Any] = known.get("runtime") or {}
            return found

        wait("its runtime in the status", lambda: runtime().get("name") == OLD)
        named = "jsonpath={.spec.predictor.model.runtime}"
        wait("a runtime of its own", lambda: cluster.kubectl("get", "isvc", service, "-o", named) == service)
        wait("that it is healthy", lambda: cluster.get("md", "older")["status"]["phase"] == "Healthy")
        after = cluster.get("md", "older")["status"]
        assert ready_pods(cluster, service) == before
        assert (after.get("candidate"), after.get("restored")) == (None, None)
        kept = cluster.get("clusterservingruntime", OLD)
        assert kept["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
        assert kept["spec"]["supportedModelFormats"] == old["spec"]["supportedModelFormats"]
        uninstall(cluster)
        assert cluster.get("clusterservingruntime", OLD)["metadata"]["uid"] == kept["metadata"]["uid"]
    finally:
        cluster.kubectl("delete", "md", "older", "--ignore-not-found", "--timeout=240s")
        cluster.kubectl("delete", "clusterservingruntime", OLD, "--ignore-not-found")
