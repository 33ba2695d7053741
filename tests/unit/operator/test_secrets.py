"""Secrets of a source of counts: read when they are needed, kept for a while, and what is to be done otherwise."""

import base64
from typing import Any

import pytest
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import Status as ApiStatus

from timoneiro_operator.metrics.problem import ProblemError
from timoneiro_operator.targets.secrets import SecretReader


class FakeClient:
    """An API server that has one Secret, or says why not."""

    def __init__(self, code: int | None = None) -> None:
        self.code, self.asked = code, 0

    async def secret(self, key: tuple[str, str]) -> dict[str, Any]:
        self.asked += 1
        if self.code is not None:
            raise ApiError(status=ApiStatus(code=self.code, message="words of the API server"))
        return {"data": {"token": base64.b64encode(b"abc").decode()}}


async def test_a_secret_is_kept_for_a_minute_and_read_anew_after_it() -> None:
    client, now = FakeClient(), [0.0]
    reader = SecretReader(client, clock=lambda: now[0])  # type: ignore[arg-type]
    assert await reader.read("ns", "login") == {"token": b"abc"}
    now[0] = 59.0
    await reader.read("ns", "login")
    assert client.asked == 1
    now[0] = 61.0
    await reader.read("ns", "login")
    assert client.asked == 2


async def test_secrets_of_other_namespaces_are_others() -> None:
    client = FakeClient()
    reader = SecretReader(client)  # type: ignore[arg-type]
    await reader.read("ns", "login")
    await reader.read("other", "login")
    assert client.asked == 2


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (403, "the operator may not read the Secret login: give it the Role of docs/metrics.md"),
        (404, "there is no Secret login in namespace ns"),
        (500, "the Secret login cannot be read: words of the API server"),
    ],
)
async def test_a_secret_that_cannot_be_read_says_what_is_to_be_done(code: int, sentence: str) -> None:
    with pytest.raises(ProblemError) as caught:
        await SecretReader(FakeClient(code)).read("ns", "login")  # type: ignore[arg-type]
    assert tuple(caught.value.problem) == ("SecretUnreadable", sentence)
