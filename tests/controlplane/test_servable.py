"""What the schema of our own CRD cannot see is asked of the API server and of KServe before anything is touched."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from localcluster.cluster import Cluster
from localcluster.errors import LocalClusterError
from support.unserved import unserved
from support.waiting import wait

Get = Callable[..., dict[str, Any]]


def applied(cluster: Cluster, namespace: str, predictor: dict[str, Any]) -> None:
    body = unserved(namespace)
    body["spec"]["predictor"] = predictor
    cluster.kubectl("-n", namespace, "apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(body))


def ready(get: Get) -> dict[str, Any]:
    conditions = (get("md", "fraud").get("status") or {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == "Ready"), {})


@pytest.mark.parametrize(
    ("predictor", "words"),
    [
        ({"tolerations": [{"kye": "gpu"}]}, "spec.predictor.tolerations[0].kye: field not declared in schema"),
        ({"resources": {"limitz": {"cpu": "1"}}}, "spec.predictor.resources.limitz: field not declared in schema"),
        ({"logger": {"mode": "nobody"}}, 'spec.predictor.logger.mode: Unsupported value: "nobody"'),
        ({"maxReplicas": 2, "autoScaling": {"metrics": [{"type": "Resource"}]}}, "metricSpec.Resource is not set"),
    ],
)
def test_what_kserve_does_not_take_is_an_invalid_spec_and_nothing_is_made(
    platform: Cluster, namespace: str, get: Get, predictor: dict[str, Any], words: str
) -> None:
    applied(platform, namespace, predictor)
    told = wait("an answer", lambda: (found := ready(get)).get("reason") == "InvalidSpec" and found)
    assert words in told["message"]
    assert platform.get("-n", namespace, "isvc")["items"] == []


def test_what_was_mended_goes_on(platform: Cluster, namespace: str, get: Get) -> None:
    applied(platform, namespace, {"tolerations": [{"kye": "gpu"}]})
    wait("an answer", lambda: ready(get).get("reason") == "InvalidSpec")
    applied(platform, namespace, {"tolerations": [{"key": "gpu", "operator": "Exists"}]})
    wait("a candidate", lambda: get("md", "fraud")["status"].get("candidate"))


def test_a_field_that_is_misspelt_at_the_top_is_refused_when_it_is_applied(platform: Cluster, namespace: str) -> None:
    with pytest.raises(LocalClusterError, match="nodeSelectr"):
        applied(platform, namespace, {"nodeSelectr": {"gpu": "a100"}})
