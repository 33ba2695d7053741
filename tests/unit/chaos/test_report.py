"""docs/reliability.md."""

import json
from pathlib import Path

from chaos.record import CampaignRecord, PlayedRound
from chaos.report import page, publish, publish_table
from chaos.table import Cell, Ended, cells


def played(number: int, *, verdict: str = "right", safe: float | None = 1.0, missed: bool = False) -> PlayedRound:
    return PlayedRound(
        number=number,
        release="good canary",
        fault="kill Envoy",
        moment="published",
        end="Promoted",
        reason="",
        verdict=verdict,
        seconds=10.0,
        safe_seconds=safe,
        missed=missed,
    )


def record(**fields: object) -> CampaignRecord:
    made = CampaignRecord(seed=7, seconds=600.0, date="2026-11-26", rounds=[played(1), played(2, safe=3.0)])
    made.requests = {"sent": 12_000, "answered": 11_990, "lost": 10, "unexcused": 0}
    made.excused = {"kill Envoy": 10}
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_a_page_says_what_was_seen() -> None:
    text = page([record()])
    assert "| 7 | 10 min | 2 | 12,000 |" in text
    assert "| kill Envoy | 2 | 2 right | 3.0 s, 3.0 s | 10 |" in text
    assert "None." in text


def test_a_violation_is_published() -> None:
    assert "- seed 7: a request was lost" in page([record(violations=["a request was lost"])])


def test_a_round_in_which_the_fault_befell_nothing_is_none_of_its_rounds() -> None:
    assert "| kill Envoy | 1 |" in page([record(rounds=[played(1), played(2, missed=True)])])


def test_runs_can_be_added(tmp_path: Path) -> None:
    publish(tmp_path, record(), add=False)
    publish(tmp_path, record(seed=8), add=True)
    assert [run["seed"] for run in json.loads((tmp_path / "reliability.json").read_text())["runs"]] == [7, 8]
    publish(tmp_path, record(seed=9), add=False)
    assert [run["seed"] for run in json.loads((tmp_path / "reliability.json").read_text())["runs"]] == [9]


def test_a_harmful_server_that_was_promoted_is_bold_and_a_cell_that_is_played_again_replaces_the_one_before(
    tmp_path: Path,
) -> None:
    cell = Cell("hangs on 30 %", "Canary", "NoHarm")
    publish(tmp_path, record(), add=False)
    publish_table(tmp_path, [Ended(cell, "Promoted", "none", 10.0, 100, 40, 0)])
    assert "| hangs on 30 % | Canary | NoHarm | **Promoted** |" in (tmp_path / "reliability.md").read_text()
    publish_table(tmp_path, [Ended(cell, "RolledBack", "worse", 10.0, 20, 4, 0)])
    text = (tmp_path / "reliability.md").read_text()
    assert "**Promoted**" not in text
    assert "| 7 | 10 min |" in text


def test_what_an_overloaded_machine_left_unanswered_is_published_apart_from_what_failed(tmp_path: Path) -> None:
    cell = Cell("well", "Canary", "NoHarm")
    publish_table(tmp_path, [Ended(cell, "Promoted", "none", 10.0, 100, 0, 3)])
    assert "| 100 % | 0 (and 3) |" in (tmp_path / "reliability.md").read_text()


def test_what_was_counted_together_with_requests_on_their_way_is_published_as_an_upper_bound(tmp_path: Path) -> None:
    publish_table(tmp_path, [Ended(Cell("well", "Canary", "NoHarm"), "Promoted", "none", 10.0, 100, 5, None)])
    assert "| 100 % | <= 5 |" in (tmp_path / "reliability.md").read_text()


def test_what_was_not_played_is_named(tmp_path: Path) -> None:
    publish_table(tmp_path, [Ended(cell, "Holding", "", 10.0, 0, 0, 0) for cell in list(cells([]))[1:]])
    assert "Not played: well (Canary, Evidence)." in (tmp_path / "reliability.md").read_text()
