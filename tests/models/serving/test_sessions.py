"""Sessions: each counted once when it is over, by whether all of its requests went well."""

import asyncio
from typing import Any

import pytest

from timoneiro_serving.__main__ import _parser
from timoneiro_serving.accounting import AccountForRequests, Accounts
from timoneiro_serving.sessions import IDLE_SECONDS, LONGEST_SECONDS, Sessions


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(clock: Clock) -> Sessions:
    return Sessions("X-User-Id", clock)


def counted(sessions: Sessions) -> dict[str, float]:
    (family,) = sessions.collect()
    return {sample.labels["outcome"]: sample.value for sample in family.samples}


def whose(sessions: Sessions, user: str) -> bytes:
    found = sessions.whose([(b"host", b"h"), (b"x-user-id", user.encode())])
    assert found is not None
    return found


def test_a_session_counts_when_it_has_been_idle_and_not_before(sessions: Sessions, clock: Clock) -> None:
    ana = whose(sessions, "ana")
    sessions.ended(ana, failed=False)
    clock.now = 50.0
    sessions.ended(ana, failed=False)
    clock.now = 50.0 + IDLE_SECONDS - 1
    assert counted(sessions) == {"well": 0, "failed": 0}
    clock.now += 1
    assert counted(sessions) == {"well": 1, "failed": 0}


def test_a_session_has_failed_once_however_many_of_its_requests_have(sessions: Sessions, clock: Clock) -> None:
    for failed in (False, True, True, False):
        sessions.ended(whose(sessions, "ana"), failed=failed)
    sessions.ended(whose(sessions, "bia"), failed=False)
    clock.now = IDLE_SECONDS
    assert counted(sessions) == {"well": 1, "failed": 1}


def test_a_user_who_never_pauses_counts_every_ten_minutes(sessions: Sessions, clock: Clock) -> None:
    ana = whose(sessions, "ana")
    while clock.now <= LONGEST_SECONDS:
        sessions.ended(ana, failed=clock.now == 0.0)
        clock.now += 30.0
    assert counted(sessions) == {"well": 0, "failed": 1}


def test_with_too_many_open_the_one_that_was_idle_for_longest_ends(clock: Clock) -> None:
    sessions = Sessions("x-user-id", clock, most=2)
    for user, failed in (("ana", True), ("bia", False), ("ana", False), ("eva", False)):
        sessions.ended(whose(sessions, user), failed=failed)
    # Bia's: Ana's has been heard of since.
    assert counted(sessions) == {"well": 1, "failed": 0}


@pytest.mark.parametrize("headers", [[], [(b"x-user", b"ana")], [(b"x-user-id", b"  ")]])
def test_a_request_that_does_not_say_whose_it_is_belongs_to_none(
    sessions: Sessions, headers: list[tuple[bytes, bytes]]
) -> None:
    assert sessions.whose(headers) is None


def test_what_the_header_said_is_not_kept_and_means_nothing_to_another_process(sessions: Sessions) -> None:
    ana = whose(sessions, "ana")
    assert ana == whose(sessions, "ana") != whose(sessions, "bia")
    assert ana != whose(Sessions("x-user-id"), "ana")
    assert b"ana" not in ana


class Asked:
    """Requests of a user through the layer that accounts for them."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self.status, self.hangs = 200, False
        self.accounts = Accounts(10.0, clock, sessions)
        self._layer = AccountForRequests(self._answer, self.accounts)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        if self.hangs:
            await asyncio.Event().wait()
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    async def by(self, user: str) -> None:
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/models/m:predict",
            "headers": [(b"x-user-id", user.encode())],
        }
        messages = [{"type": "http.request", "body": b"{}", "more_body": False}]

        async def receive() -> Any:
            return messages.pop() if messages else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            del message

        await self._layer(scope, receive, send)


@pytest.mark.parametrize(("status", "expected"), [(200, (1, 0)), (500, (0, 1)), (400, (0, 0))])
async def test_how_a_request_is_answered_is_how_its_session_went(
    sessions: Sessions, clock: Clock, status: int, expected: tuple[int, int]
) -> None:
    asked = Asked(sessions, clock)
    asked.status = status
    await asked.by("ana")
    clock.now = IDLE_SECONDS
    assert tuple(counted(sessions).values()) == expected


async def test_a_session_whose_request_hangs_has_failed(sessions: Sessions, clock: Clock) -> None:
    asked = Asked(sessions, clock)
    asked.hangs = True
    task = asyncio.create_task(asked.by("ana"))
    await asyncio.sleep(0)
    clock.now = 11.0
    assert asked.accounts.hanging == 1
    clock.now += IDLE_SECONDS
    assert counted(sessions) == {"well": 0, "failed": 1}
    task.cancel()


@pytest.mark.parametrize("text", ["x user", "x-user:", "ü"])
def test_what_is_no_name_of_a_header_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _parser().parse_args(["--model_name", "m", "--session_header", text])
    assert "is not the name of a header such as x-user-id" in capsys.readouterr().err
