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
    reason="no errors in 812 requests: not worse",
    seconds=52,
    highest_weight=100,
    tally=Tally(sent=3000, answered=2990, failed_by_model=10),
    seen=[Seen(time=float(t), weight=20 if t > 2 else 0, worse=1.0, not_worse=1.5**t) for t in range(10)],
)
BAD = replace(ACT, expected="RolledBack")
LOST = replace(
    ACT, tally=Tally(sent=3000, answered=2989, failed_by_model=10, failed_by_rollout=1, details=("10:00:00 HTTP 503",))
)


OPEN = replace(ACT, tally=Tally(sent=3000, answered=2998, open=2))


@pytest.mark.parametrize(("act", "ok"), [(ACT, True), (BAD, False), (LOST, False), (OPEN, False)])
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
    assert "A release did not end as expected." in page([ACT, BAD], 10)


BUSY = Tally(sent=100, answered=99, failed_by_rollout=1, late=60, held_back=20, details=("10:00:00 TimeoutError",))


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (BAD, "it ended as Promoted, and should have ended as RolledBack: no errors in 812 requests: not worse"),
        (replace(ACT, outcome="Undecided"), "it did not end in time, and should have ended as Promoted"),
        (LOST, "1 of 3,000 requests were lost by the rollout; first: 10:00:00 HTTP 503"),
        (OPEN, "2 of 3,000 requests are unaccounted for"),
        (replace(ACT, tally=BUSY), "this machine is overloaded: 60 requests could not be sent when they were due"),
        (replace(ACT, tally=BUSY), "20 requests were held back, since too many were open"),
    ],
)
def test_what_went_wrong_is_said_in_words_on_the_page_and_in_the_summary(act: Act, words: str) -> None:
    assert words in " ".join(act.wrong)
    assert words in page([act], 10)
    assert words in json.dumps(summary([act], 10))


def test_a_busy_machine_is_no_fault_of_an_act_that_went_well() -> None:
    assert replace(ACT, tally=Tally(sent=10, answered=10, late=5, held_back=3)).ok


def test_a_deployment_without_a_status_can_be_looked_at() -> None:
    assert read({"metadata": {"name": "x"}}, 1.0) == Seen(time=1.0)
