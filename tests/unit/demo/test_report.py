"""The report says what happened, and can say that it went wrong."""

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from demo.load import Tally
from demo.report import Act, page, summary, write
from demo.watch import Seen, read

ACT = Act(
    title="Version 2",
    story="A <better> model.",
    version="2",
    expected="Promoted",
    outcome="Promoted",
    reason="errors none after 812 requests: not worse",
    seconds=52,
    highest_weight=100,
    tally=Tally(3000, 2990, 10, 0, []),
    seen=[Seen(time=float(t), weight=20 if t > 2 else 0, worse=1.0, not_worse=1.5**t) for t in range(10)],
)
BAD = replace(ACT, expected="RolledBack")
LOST = replace(ACT, tally=Tally(3000, 2989, 10, 1, ["10:00:00 HTTP 503"]))


@pytest.mark.parametrize(("act", "ok"), [(ACT, True), (BAD, False), (LOST, False)])
def test_an_act_is_well_only_if_it_ended_as_it_had_to_and_lost_no_request(act: Act, ok: bool) -> None:
    assert act.ok is ok


def test_the_summary_adds_the_acts_up() -> None:
    figures = summary([ACT, replace(ACT, outcome="RolledBack", expected="RolledBack"), LOST], 200.04)
    names = ("promoted", "rolled_back", "requests_total", "requests_failed_by_rollout", "seconds")
    assert [figures[name] for name in names] == [2, 1, 9000, 1, 200.0]


def test_the_page_is_whole_and_loads_nothing_from_anywhere(tmp_path: Path) -> None:
    write(tmp_path, [ACT, BAD], 10)
    text = (tmp_path / "index.html").read_text()
    open_tags: list[str] = []

    class Balanced(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert not any(name in ("src", "href") for name, _ in attrs)
            if tag != "meta":
                open_tags.append(tag)

        def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            pass

        def handle_endtag(self, tag: str) -> None:
            assert open_tags.pop() == tag

    Balanced().feed(text)
    assert open_tags == []
    assert "<script" not in text
    assert "A &lt;better&gt; model." in text
    assert json.loads((tmp_path / "summary.json").read_text())["acts"][1]["ok"] is False


def test_a_page_with_a_release_that_went_wrong_says_so_first() -> None:
    assert "A release did not end as it had to." in page([ACT, BAD], 10)


def test_a_deployment_without_a_status_can_be_looked_at() -> None:
    assert read({"metadata": {"name": "x"}}, 1.0) == Seen(time=1.0)
