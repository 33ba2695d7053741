"""Nobody asks for a command in the name of somebody else: the policy of the chart on a real API server."""

import json
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from localcluster.cluster import Cluster
from localcluster.errors import LocalClusterError
from render_manifests import TEMPLATE
from support.asking import ask
from support.unserved import unserved
from support.waiting import wait

Get = Callable[..., dict[str, Any]]
POLICY = "timoneiro-command-by"
BINDING = "validatingadmissionpolicybinding"


@pytest.fixture
def fraud(platform: Cluster, namespace: str, get: Get) -> str:
    """The namespace of a deployment that ana and ben may both edit."""
    for arguments in (
        ("role", "editor", "--verb=get,list,patch,update", "--resource=modeldeployments.timoneiro.dev"),
        ("rolebinding", "editors", "--role=editor", "--user=ana", "--user=ben"),
    ):
        platform.kubectl("-n", namespace, "create", *arguments)
    platform.kubectl("-n", namespace, "apply", "-f", "-", stdin=json.dumps(unserved(namespace)))
    wait("a candidate", lambda: (get("md", "fraud").get("status") or {}).get("candidate"))
    return namespace


def answered(cluster: Cluster, namespace: str, text: str, **who: str) -> dict[str, Any]:
    """What the operator puts on record."""

    def records() -> list[dict[str, Any]]:
        return cluster.get("-n", namespace, "md", "fraud")["status"].get("commands") or []

    before = [record["id"] for record in records()]
    ask(cluster, namespace, text, **who)
    new: dict[str, Any] = wait("an answer", lambda: next((r for r in records() if r["id"] not in before), None))
    return new


def edit(cluster: Cluster, namespace: str, user: str, **annotations: str | None) -> None:
    given = {f"timoneiro.dev/{name.replace('_', '-')}": value for name, value in annotations.items()}
    patch = json.dumps({"metadata": {"annotations": given}})
    cluster.kubectl("--as", user, "-n", namespace, "patch", "md", "fraud", "--type=merge", "-p", patch)


def test_who_gives_another_name_is_refused_with_a_sentence(platform: Cluster, fraud: str) -> None:
    with pytest.raises(LocalClusterError) as caught:
        ask(platform, fraud, "abort", by="ben", as_user="ana")
    assert (
        "who asks for a command gives the own name: the annotation timoneiro.dev/command-by must be 'ana', not 'ben' "
        "(kubectl timoneiro writes it like that)"
    ) in str(caught.value)


@pytest.mark.parametrize(
    "annotations",
    [{"command": "promote"}, {"command_by": None}, {"command_by": "eve"}, {"command": "promote", "command_by": None}],
    ids=["another command under the name", "no name", "another name", "another command without a name"],
)
def test_a_command_of_somebody_else_is_not_made_another_one(
    platform: Cluster, fraud: str, annotations: dict[str, str | None]
) -> None:
    ask(platform, fraud, "abort", as_user="ana")
    with pytest.raises(LocalClusterError, match="who asks for a command gives the own name"):
        edit(platform, fraud, "ben", **annotations)


def test_whatever_leaves_the_command_alone_or_takes_it_away_passes(platform: Cluster, fraud: str, get: Get) -> None:
    ask(platform, fraud, "abort", as_user="ana")
    edit(platform, fraud, "ben", note="seen")
    spec = {**unserved(fraud), "metadata": {"name": "fraud", "labels": {"team": "b"}}}
    platform.kubectl(
        "--as", "ben", "-n", fraud, "apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(spec)
    )
    kept = get("md", "fraud")["metadata"]["annotations"]
    assert (kept["timoneiro.dev/command"], kept["timoneiro.dev/command-by"]) == ("abort", "ana")
    edit(platform, fraud, "ben", command=None, command_by=None)
    assert "timoneiro.dev/command" not in get("md", "fraud")["metadata"]["annotations"]


def test_a_status_brings_no_command(platform: Cluster, fraud: str, get: Get) -> None:
    """Else the policy would be passed by, since it does not look at those."""
    patch = json.dumps({"metadata": {"annotations": {"timoneiro.dev/command": "abort"}}})
    platform.kubectl("-n", fraud, "patch", "md", "fraud", "--subresource=status", "--type=merge", "-p", patch)
    assert "timoneiro.dev/command" not in (get("md", "fraud")["metadata"].get("annotations") or {})


def test_the_policy_can_be_switched_off(platform: Cluster) -> None:
    text = platform.helm(*TEMPLATE, "--set", "commandPolicy.install=false")
    assert "kind: ModelDeployment" in text
    assert "ValidatingAdmissionPolicy\n" not in text


@pytest.fixture
def unbound(platform: Cluster) -> Iterator[Callable[[], None]]:
    """Takes the policy away; it comes back after the test."""
    body = platform.get(BINDING, POLICY)
    body["metadata"] = {key: body["metadata"][key] for key in ("name", "labels", "annotations")}
    yield lambda: platform.kubectl("delete", BINDING, POLICY, "--ignore-not-found") and None
    platform.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(body))


def test_a_name_counts_as_proven_while_the_policy_stands_and_as_claimed_without_it(
    platform: Cluster, fraud: str, unbound: Callable[[], None]
) -> None:
    numbers = count()

    def is_proven() -> bool:
        record = answered(platform, fraud, f"nonsense {next(numbers)}", as_user="ana")
        assert record["by"] == "ana"
        return record.get("verified", False)

    wait("a proven name", is_proven)
    unbound()

    def forged() -> dict[str, Any] | None:
        try:
            return answered(platform, fraud, f"forged {next(numbers)}", by="ben", as_user="ana")
        except LocalClusterError:
            # It takes the API server a moment to notice.
            return None

    record = wait("a forged name", forged)
    assert (record["by"], record.get("verified", False)) == ("ben", False)
