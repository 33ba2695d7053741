"""How a release may end."""

import pytest

from chaos.odd_behaviours import BEHAVIOURS
from chaos.releases import RELEASES, verdict
from chaos.table import RATE, cells, fails_in, no_time_for
from demo.load import Blamed, RequestRecord


@pytest.mark.parametrize(
    ("release", "outcome", "expected"),
    [
        ("good canary", "Promoted", "right"),
        ("good canary", "RolledBack", "cautious"),
        ("good canary", "Aborted", "wrong"),
        ("bad canary", "RolledBack", "right"),
        ("bad canary", "Promoted", "wrong"),
        ("never loads", "Promoted", "wrong"),
        ("aborted", "Aborted", "right"),
        ("aborted", "RolledBack", "cautious"),
        ("aborted", "Promoted", "wrong"),
    ],
)
def test_no_fault_excuses_a_wrong_end(release: str, outcome: str, expected: str) -> None:
    assert verdict(RELEASES[release], outcome) == expected


def test_the_table_has_every_way_to_misbehave_with_every_strategy_and_promotion() -> None:
    shown = [behaviour for behaviour in BEHAVIOURS.values() if behaviour.beyond < RATE]
    assert len(list(cells([]))) == len(shown) * 4
    assert {cell.behaviour for cell in cells(["hangs"])} == {"hangs on 30 %", "hangs on all"}


@pytest.mark.parametrize(
    ("sent", "blamed", "fails"),
    [
        (15.0, "nobody", False),
        (15.0, "the model", True),
        (15.0, "the rollout", True),
        (9.0, "the model", False),
        (19.0, None, False),
        (11.0, None, True),
    ],
)
def test_users_suffer_from_what_failed_and_from_what_hangs_and_not_from_what_is_on_its_way(
    sent: float, blamed: Blamed | None, fails: bool
) -> None:
    assert fails_in(RequestRecord(sent=sent, blamed=blamed), began=10.0, ended=20.0) is fails


@pytest.mark.parametrize(
    ("blamed", "detail", "late", "overloaded"),
    [
        (None, "", 14.0, True),
        ("the rollout", "10:00:00 TimeoutError: ", 14.0, True),
        ("the rollout", "10:00:00 HTTP 503: no healthy upstream", 14.0, False),
        ("the model", "", 14.0, False),
        (None, "", 2.0, False),
        (None, "", 20.0, False),
    ],
)
def test_only_a_request_without_an_answer_may_be_the_doing_of_an_overloaded_machine(
    blamed: Blamed | None, detail: str, late: float, overloaded: bool
) -> None:
    request = RequestRecord(sent=10.0, blamed=blamed, detail=detail)
    assert no_time_for(request, ended=18.0, late=[late]) is overloaded
