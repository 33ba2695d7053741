"""A real API server that refuses the operator something: it never restarts for that, says so, and recovers."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from localcluster.cluster import Cluster
from support.operators import restarts, start_anew
from support.unserved import unserved
from support.waiting import wait

Get = Callable[..., dict[str, Any]]
ROLE = "timoneiro-operator"


def without(role: dict[str, Any], permission: str) -> dict[str, Any]:
    """The role without one verb of one resource."""
    verb, resource = permission.split(" ")
    role = copy.deepcopy(role)
    for rule in role["rules"]:
        if rule["resources"] == [resource]:
            rule["verbs"] = [other for other in rule["verbs"] if other != verb]
    role["rules"] = [rule for rule in role["rules"] if rule["verbs"]]
    return role


def replace(cluster: Cluster, role: dict[str, Any]) -> None:
    metadata = {key: role["metadata"][key] for key in ("name", "labels", "annotations") if key in role["metadata"]}
    cluster.kubectl("replace", "-f", "-", stdin=json.dumps({**role, "metadata": metadata}))


@pytest.fixture
def role(platform: Cluster) -> Iterator[dict[str, Any]]:
    found = platform.get("clusterrole", ROLE)
    yield found
    replace(platform, found)


def condition(get: Get) -> dict[str, Any]:
    conditions = (get("md", "fraud").get("status") or {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == "OperatorReady"), {})


@pytest.mark.parametrize("permission", ["list pods", "watch httproutes", "create events", "delete inferenceservices"])
def test_a_missing_permission_is_a_condition_until_it_is_granted_and_no_restart(
    platform: Cluster, namespace: str, get: Get, role: dict[str, Any], permission: str
) -> None:
    replace(platform, without(role, permission))
    start_anew(platform)
    platform.kubectl("-n", namespace, "apply", "-f", "-", stdin=json.dumps(unserved(namespace)))
    sentence = f"the operator may not {permission}"
    wait("the condition", lambda: condition(get).get("message", "").startswith(sentence))
    replace(platform, role)
    wait("that it is over", lambda: condition(get).get("status") == "True")
    assert restarts(platform) == [0, 0]


def test_a_list_that_nobody_uses_concerns_nobody(
    platform: Cluster, namespace: str, get: Get, role: dict[str, Any]
) -> None:
    replace(platform, without(role, "list services"))
    start_anew(platform)
    platform.kubectl("-n", namespace, "apply", "-f", "-", stdin=json.dumps(unserved(namespace)))
    wait("a candidate", lambda: (get("md", "fraud").get("status") or {}).get("candidate"))
    assert condition(get)["status"] == "True"
    assert restarts(platform) == [0, 0]


def test_without_the_right_to_write_a_status_an_event_and_readiness_tell(
    platform: Cluster, namespace: str, get: Get, role: dict[str, Any]
) -> None:
    replace(platform, without(role, "patch modeldeployments/status"))
    start_anew(platform)
    platform.kubectl("-n", namespace, "apply", "-f", "-", stdin=json.dumps(unserved(namespace)))

    def reasons() -> list[str]:
        return [event["reason"] for event in platform.get("-n", namespace, "events")["items"]]

    wait("the event", lambda: "PermissionMissing" in reasons(), state=lambda: str(reasons()))
    replace(platform, role)
    wait("a candidate", lambda: (get("md", "fraud").get("status") or {}).get("candidate"))
    assert restarts(platform) == [0, 0]
