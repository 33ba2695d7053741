"""What people are told of what the cluster refuses: in the words of what refuses it, and with where the traffic is."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.bench import NAMESPACE, QUICK, Bench

POLICY = "freeze-told"


@pytest.fixture(scope="module")
def bench(open_bench: Callable[..., Bench]) -> Bench:
    return open_bench("told", **QUICK)


@pytest.fixture
def made(bench: Bench) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Makes objects that are deleted at the end of the test, whatever became of it."""
    bodies: list[dict[str, Any]] = []

    def make(body: dict[str, Any]) -> None:
        bodies.append(body)
        bench.cluster.kubectl("apply", "-f", "-", stdin=json.dumps(body))

    yield make
    for body in bodies:
        bench.cluster.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=json.dumps(body))


def told(bench: Bench) -> dict[str, str]:
    """What `status`, `explain` and `get` print."""
    return {command: bench.timoneiro(command, bench.name).stdout for command in ("status", "explain", "get")}


def reasons(bench: Bench) -> set[str]:
    """Reasons of the events about it."""
    events = bench.cluster.get("events", "--field-selector", f"involvedObject.name={bench.name}")["items"]
    return {event["reason"] for event in events}


def wait_for_words(bench: Bench, words: str) -> None:
    bench.wait(f"'{words}' in the status", lambda: words in bench.status().get("message", ""))


@pytest.mark.usefixtures("nothing_is_lost_and_no_rule_is_broken")
def test_a_quota_is_quoted_and_rejects_nothing(bench: Bench, made: Callable[[dict[str, Any]], None]) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "full", "namespace": NAMESPACE},
        "spec": {"hard": {"pods": "0"}},
    }
    made(quota)
    bench.wait("the quota counts", lambda: bench.cluster.get("resourcequota", "full").get("status", {}).get("used"))
    version = bench.release("good")
    wait_for_words(bench, "exceeded quota")
    assert [command for command, text in told(bench).items() if "exceeded quota: full" not in text] == []
    assert bench.status().get("rejected") is None
    bench.cluster.kubectl("delete", "resourcequota", "full")
    # Kubernetes tries again after pauses that double.
    entry = bench.wait("there is room", lambda: bench.outcome(version))
    assert entry["outcome"] == "Promoted"


@pytest.mark.usefixtures("nothing_is_lost_and_no_rule_is_broken")
def test_a_policy_that_denies_a_write_is_quoted_and_no_gateway_is_blamed(
    bench: Bench, made: Callable[[dict[str, Any]], None]
) -> None:
    rules = {
        "apiGroups": ["gateway.networking.k8s.io"],
        "apiVersions": ["v1"],
        "operations": ["UPDATE"],
        "resources": ["httproutes"],
    }
    denial = {"expression": f"object.metadata.name != '{bench.name}'", "message": "change freeze until Monday 08:00"}
    group = "admissionregistration.k8s.io/v1"
    made(
        {
            "apiVersion": group,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": POLICY},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": [rules]},
                "validations": [denial],
            },
        }
    )
    binding = {"policyName": POLICY, "validationActions": ["Deny"]}
    kind = "ValidatingAdmissionPolicyBinding"
    made({"apiVersion": group, "kind": kind, "metadata": {"name": POLICY}, "spec": binding})
    version = bench.release("good")
    wait_for_words(bench, "change freeze until Monday 08:00")
    stable = bench.status()["stable"]["revision"]
    for command, text in told(bench).items():
        assert "change freeze until Monday 08:00" in text, command
        assert "gateway" not in text.replace("gateway.networking", ""), text
    assert set(bench.outside.routes()[-1].items()) >= {(stable, 100)}
    bench.cluster.kubectl("delete", kind.lower(), POLICY)
    entry = bench.wait("the freeze is over", lambda: bench.outcome(version))
    assert entry["outcome"] == "Promoted"
    assert reasons(bench) >= {"Refused", "Recovered", "Promoted"}
