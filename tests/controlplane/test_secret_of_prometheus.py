"""The operator may read the Secret of a Prometheus that people allow it, and no other: snippet of docs/metrics.md."""

import re

import pytest

from demo.platform import ROOT, SYSTEM_NAMESPACE
from localcluster.cluster import Cluster
from localcluster.errors import LocalClusterError


def may_read(cluster: Cluster, namespace: str, secret: str) -> bool:
    account = f"system:serviceaccount:{SYSTEM_NAMESPACE}:timoneiro-operator"
    try:
        answer = cluster.kubectl("-n", namespace, "auth", "can-i", "get", f"secret/{secret}", "--as", account)
    except LocalClusterError:
        # `can-i` ends with an error for "no".
        return False
    return answer.strip() == "yes"


@pytest.fixture
def role() -> str:
    (found,) = re.findall(r"```yaml\n(apiVersion: rbac.*?)```", (ROOT / "docs/metrics.md").read_text(), re.DOTALL)
    return str(found)


def test_the_operator_reads_no_secret_by_itself(platform: Cluster, namespace: str) -> None:
    assert not may_read(platform, namespace, "prometheus-login")


def test_the_role_of_the_docs_allows_the_secret_that_it_names_and_no_other(
    platform: Cluster, namespace: str, role: str
) -> None:
    platform.kubectl("-n", namespace, "apply", "-f", "-", stdin=role)
    assert may_read(platform, namespace, "prometheus-login")
    assert not may_read(platform, namespace, "another")
