"""A real API server whose CRD is older than the operator: it says so, and goes on with the fields that there are."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from localcluster.cluster import Cluster
from support.crd import crd, without
from support.operators import ready, start_anew
from support.unserved import unserved
from support.waiting import wait

Get = Callable[..., dict[str, Any]]


def serve(cluster: Cluster, body: dict[str, Any]) -> None:
    """With the labels and annotations that it has: by them Helm knows its own."""
    found = cluster.get("crd", body["metadata"]["name"])["metadata"]
    metadata = {key: found[key] for key in ("name", "labels", "annotations") if key in found}
    cluster.kubectl("replace", "-f", "-", stdin=json.dumps({**body, "metadata": metadata}))


@pytest.fixture(params=["candidate", "step", "conditions.reason"])
def lacking(platform: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A field of the status that the CRD does not have when the operator starts."""
    serve(platform, without(request.param))
    start_anew(platform)
    yield request.param
    serve(platform, crd())


def condition(get: Get) -> dict[str, Any]:
    conditions = (get("md", "fraud").get("status") or {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == "OperatorReady"), {})


def test_an_older_crd_is_said_and_stops_nothing(platform: Cluster, namespace: str, get: Get, lacking: str) -> None:
    platform.kubectl("-n", namespace, "apply", "-f", "-", stdin=json.dumps(unserved(namespace)))
    fields = f"does not declare status.{lacking}"
    sentence = f"the CRD is older than the operator and {fields}: apply the CRD of this version"
    wait("the condition", lambda: condition(get).get("message") == sentence, state=lambda: str(condition(get)))
    path = f"/apis/serving.kserve.io/v1beta1/namespaces/{namespace}/inferenceservices"
    wait("its InferenceService", lambda: json.loads(platform.kubectl("get", "--raw", path))["items"])
    events = platform.get("-n", namespace, "events")["items"]
    assert [event["message"] for event in events if event["reason"] == "CRDOutdated"] == [sentence]
    wait("operators that are not ready", lambda: ready(platform) < 2)

    serve(platform, crd())
    wait("that it is over", lambda: condition(get).get("status") == "True")
    wait("operators that are ready", lambda: ready(platform) == 2)
