"""The GitOps snippets of docs/gitops.md do what the page says: nobody fights over a field."""

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from demo.platform import ROOT
from localcluster.cluster import Cluster
from support.asking import ask
from support.waiting import wait

Get = Callable[..., dict[str, Any]]
PAGE = (ROOT / "docs/gitops.md").read_text()
MODEL = {"format": {"name": "nobody-serves-this"}, "uri": "s3://models/fraud/1"}


def snippets() -> list[dict[str, Any]]:
    """Every YAML document on the page."""
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    return [body for block in blocks for body in yaml.safe_load_all(block)]


def snippet(kind: str) -> dict[str, Any]:
    return copy.deepcopy(next(body for body in snippets() if body["kind"] == kind))


def apply(cluster: Cluster, namespace: str, body: dict[str, Any], manager: str, *flags: str) -> None:
    """What Argo CD with ServerSideApply, Flux and the pipeline do: a server-side apply under their own name."""
    cluster.kubectl(
        "-n",
        namespace,
        "apply",
        "--server-side",
        f"--field-manager={manager}",
        *flags,
        "-f",
        "-",
        stdin=json.dumps(body),
    )


@pytest.fixture
def in_git(namespace: str) -> dict[str, Any]:
    """The ModelDeployment of the page, as people keep it in Git: without a model."""
    body = snippet("ModelDeployment")
    body["metadata"] = {"name": "fraud"}
    body["spec"]["route"]["hostnames"] = [f"{namespace}.example.com"]
    assert "model" not in body["spec"]
    return body


def published(namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "timoneiro.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "fraud"},
        "spec": {"model": MODEL},
    }


@pytest.mark.parametrize("tool", ["argocd-controller", "kustomize-controller"])
def test_a_gitops_tool_that_applies_again_and_again_changes_nothing_that_others_own(
    platform: Cluster, namespace: str, get: Get, in_git: dict[str, Any], tool: str
) -> None:
    apply(platform, namespace, in_git, tool)
    apply(platform, namespace, published(namespace), "timoneiro-pipeline")
    wait("a candidate", lambda: (get("md", "fraud").get("status") or {}).get("candidate"))
    ask(platform, namespace, "{}")
    wait("the answer", lambda: get("md", "fraud")["status"].get("commands"))
    before = get("md", "fraud")
    for _ in range(3):
        apply(platform, namespace, in_git, tool, "--force-conflicts")
    after = get("md", "fraud")
    assert after["spec"] == before["spec"]
    assert after["spec"]["model"] == MODEL
    assert after["metadata"]["annotations"] == before["metadata"]["annotations"]
    assert after["metadata"]["generation"] == before["metadata"]["generation"]


def test_three_managers_own_three_parts_of_one_deployment(
    platform: Cluster, namespace: str, get: Get, in_git: dict[str, Any]
) -> None:
    rollout = in_git["spec"].pop("rollout")
    apply(platform, namespace, in_git, "platform-team")
    apply(platform, namespace, published(namespace), "timoneiro-pipeline")
    identity = {key: in_git[key] for key in ("apiVersion", "kind", "metadata")}
    apply(platform, namespace, {**identity, "spec": {"rollout": rollout}}, "release-managers")
    wait("a status", lambda: (get("md", "fraud").get("status") or {}).get("candidate"))
    text = platform.kubectl("-n", namespace, "get", "md", "fraud", "-o", "json", "--show-managed-fields")
    fields = {
        (entry["manager"], entry.get("subresource", "")): set(entry["fieldsV1"].get("f:spec", {}))
        for entry in json.loads(text)["metadata"]["managedFields"]
    }
    assert fields["timoneiro-pipeline", ""] == {"f:model"}
    assert fields["release-managers", ""] == {"f:rollout"}
    assert "f:route" in fields["platform-team", ""]
    assert fields["timoneiro-operator", "status"] == set()
    assert ("timoneiro-operator", "") not in fields


def test_argo_cd_is_told_to_ignore_just_what_others_write(platform: Cluster) -> None:
    application = snippet("Application")
    assert "ServerSideApply=true" in application["spec"]["syncPolicy"]["syncOptions"]
    assert "RespectIgnoreDifferences=true" in application["spec"]["syncPolicy"]["syncOptions"]
    (ignored,) = application["spec"]["ignoreDifferences"]
    assert (ignored["group"], ignored["kind"]) == ("timoneiro.dev", "ModelDeployment")
    assert ignored["managedFieldsManagers"] == ["timoneiro-pipeline", "kubectl-timoneiro"]


def test_the_children_of_a_deployment_ask_flux_to_leave_them_alone() -> None:
    source = (ROOT / "operator/timoneiro_operator/traffic/gateway.py").read_text()
    assert '"kustomize.toolkit.fluxcd.io/reconcile": "disabled"' in source
    assert "kustomize.toolkit.fluxcd.io/reconcile" in PAGE
    assert snippet("Kustomization")["apiVersion"].startswith("kustomize.toolkit.fluxcd.io/")
