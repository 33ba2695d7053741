"""How a release may end."""

import pytest

from chaos.odd_behaviours import BEHAVIOURS
from chaos.releases import RELEASES, verdict
from chaos.table import cells


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
    assert len(list(cells([]))) == len(BEHAVIOURS) * 4
    assert {cell.behaviour for cell in cells(["hangs"])} == {"hangs on 30 %", "hangs on all"}
