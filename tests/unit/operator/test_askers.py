"""Who has asked counts as proven only where the policy stood for as long as the command can have been written."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import Status as ApiStatus

from timoneiro_operator.api.names import ANNOTATION_COMMAND, ANNOTATION_COMMAND_BY
from timoneiro_operator.kube.askers import Askers

KEY = ("ns", "fraud")
Body = dict[str, Any]


class FakeClient:
    """Has what an API server has: one policy with its binding, and ModelDeployments."""

    def __init__(self) -> None:
        self.policy: Body = {"metadata": {"uid": "p", "generation": 1}}
        self.binding: Body = {"metadata": {"uid": "b", "generation": 1}, "spec": {"validationActions": ["Deny"]}}
        self.failure: Exception | None = None
        self.bodies: list[Body] = []
        self.asked = 0

    async def command_policy(self) -> tuple[Body, Body]:
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        return self.policy, self.binding

    async def list_all(self, kind: str, take: Callable[[Body], None]) -> int:
        for listed in self.bodies:
            take(listed)
        return 1


def refusal(code: int) -> ApiError:
    return ApiError(status=ApiStatus(code=code, message="no"))


def body(command: str | None = None, by: str | None = None, *, uid: str = "u") -> Body:
    annotations = {ANNOTATION_COMMAND: command, ANNOTATION_COMMAND_BY: by}
    given = {name: value for name, value in annotations.items() if value is not None}
    return {"metadata": {"name": KEY[1], "namespace": KEY[0], "uid": uid, "annotations": given}}


class Watched:
    """A process that leads, and what it sees of the deployment."""

    def __init__(self, *there: Body) -> None:
        self.client = FakeClient()
        self.client.bodies = list(there)
        self.askers = Askers(self.client)  # type: ignore[arg-type]

    def look(self, times: int = 2) -> None:
        for _ in range(times):
            asyncio.run(self.askers.look())

    def proven(self, seen: Body) -> bool:
        """One pass."""
        self.askers.notice(KEY, seen)
        return asyncio.run(self.askers.proven(KEY, seen))


def test_a_command_that_was_written_while_the_policy_stood_is_proven() -> None:
    watched = Watched(body())
    watched.look()
    assert watched.proven(body("abort", "ana"))


def test_a_command_that_was_there_before_the_policy_was_known_is_not() -> None:
    watched = Watched(body("abort", "ana"))
    watched.look()
    assert not watched.proven(body("abort", "ana"))
    assert watched.proven(body("abort again", "ana"))


def test_a_command_that_came_with_its_deployment_is_not() -> None:
    """The policy lets pass what is created."""
    watched = Watched()
    watched.look()
    assert not watched.proven(body("abort", "ana"))
    assert watched.proven(body("abort", "ben"))


def test_a_command_that_came_with_a_deployment_that_was_made_anew_is_not() -> None:
    watched = Watched(body())
    watched.look()
    assert not watched.proven(body("abort", "ana", uid="another"))


def test_a_deployment_that_is_gone_is_forgotten() -> None:
    watched = Watched(body())
    watched.look()
    watched.askers.forget(KEY)
    assert not watched.proven(body("abort", "ana"))


def test_a_command_without_a_name_is_not_proven() -> None:
    watched = Watched(body())
    watched.look()
    assert not watched.proven(body("abort"))


def test_a_policy_that_was_seen_once_may_not_have_been_noticed_by_every_api_server() -> None:
    watched = Watched(body())
    watched.look(times=1)
    assert not watched.proven(body("abort", "ana"))
    assert watched.askers.due


@pytest.mark.parametrize(
    ("part", "changed"),
    [
        ("policy", {"metadata": {"uid": "p2", "generation": 1}}),
        ("policy", {"metadata": {"uid": "p", "generation": 2}}),
        ("binding", {"metadata": {"uid": "b2", "generation": 1}, "spec": {"validationActions": ["Deny"]}}),
        ("binding", {"metadata": {"uid": "b", "generation": 2}, "spec": {"validationActions": ["Deny"]}}),
    ],
)
def test_a_policy_that_was_made_anew_or_edited_proves_nothing_until_it_has_stood_again(
    part: str, changed: Body
) -> None:
    watched = Watched(body())
    watched.look()
    setattr(watched.client, part, changed)
    assert not watched.proven(body("abort", "ana"))
    watched.client.bodies = [body("abort", "ana")]
    watched.look()
    assert not watched.proven(body("abort", "ana"))
    assert watched.proven(body("pause", "ana"))


@pytest.mark.parametrize(
    "spec",
    [
        {"validationActions": ["Audit"]},
        {"validationActions": ["Deny"], "matchResources": {"namespaceSelector": {"matchLabels": {"team": "a"}}}},
    ],
)
def test_a_policy_that_denies_nothing_or_not_everywhere_proves_nothing(spec: Body) -> None:
    watched = Watched(body())
    watched.client.binding["spec"] = spec
    watched.look(times=3)
    assert not watched.proven(body("abort", "ana"))


def test_a_policy_that_is_being_deleted_proves_nothing() -> None:
    watched = Watched(body())
    watched.client.policy["metadata"]["deletionTimestamp"] = "2026-11-24T10:00:00Z"
    watched.look(times=3)
    assert not watched.proven(body("abort", "ana"))


@pytest.mark.parametrize("failure", [refusal(404), refusal(403), refusal(500), TimeoutError()])
def test_what_cannot_be_read_proves_nothing_and_stops_nothing(failure: Exception) -> None:
    watched = Watched(body())
    watched.look()
    watched.client.failure = failure
    assert not watched.proven(body("abort", "ana"))
    watched.look()
    assert not watched.proven(body("pause", "ana"))


@pytest.mark.parametrize(("failure", "due"), [(refusal(404), False), (refusal(403), False), (refusal(500), True)])
def test_where_there_is_no_policy_nobody_looks_again_until_a_command_comes(failure: Exception, due: bool) -> None:
    watched = Watched(body())
    watched.client.failure = failure
    watched.look()
    assert watched.askers.due is due
    watched.proven(body("abort", "ana"))
    assert watched.askers.due


def test_once_all_is_known_nothing_is_read_while_there_is_no_command() -> None:
    watched = Watched(body())
    watched.look()
    assert not watched.askers.due
    before = watched.client.asked
    watched.askers.notice(KEY, body())
    assert watched.client.asked == before
