"""Words for revisions, times and numbers."""

from datetime import timedelta

import pytest

from timoneiro_operator.api.analysis_status import RatioStatus
from timoneiro_operator.api.status import Step
from timoneiro_operator.api.times import moment, read_moment
from timoneiro_operator.cli.presentation.text import age, known_name, status_line
from timoneiro_operator.cli.presentation.view import view_of
from timoneiro_operator.decide.text import number, ratio_text, step_text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (RatioStatus(), "-"),
        (RatioStatus(estimate=2.3, lower=1.4, upper=3.9), "2.3x [1.4, 3.9]"),
        (RatioStatus(lower=1.5), "[1.5, ?]"),
        (RatioStatus(estimate=0.5, upper=0.9), "0.5x [0, 0.9]"),
    ],
)
def test_what_is_not_bounded_is_not_invented(ratio, text) -> None:
    assert ratio_text(ratio) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (119, "119s"), (120, "2m"), (7199, "119m"), (7200, "2h"), (12 * 86400, "12d")]
)
def test_an_age_has_its_largest_unit(seconds, text) -> None:
    born = read_moment("2026-11-24T10:00:00Z")
    assert age(born, born + timedelta(seconds=seconds)) == text


def test_an_age_that_is_unknown_is_a_dash() -> None:
    assert age(None, moment(0.0)) == "-"


def test_a_clock_that_is_behind_makes_no_negative_age() -> None:
    assert age(read_moment("2026-11-24T10:00:00Z"), moment(0.0)) == "0s"


@pytest.mark.parametrize(("value", "text"), [(1.0, "1.0"), (12.4, "12"), (1234.0, "1,234"), (3.2e9, "3.2e+09")])
def test_numbers_have_the_digits_that_matter(value, text) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("kind", "index", "text"), [("Listed", -1, "0/4"), ("Weight", 0, "1/4"), ("Promotion", 4, "promote")]
)
def test_a_step_is_counted_from_one(kind, index, text) -> None:
    assert step_text(Step(kind=kind, index=index, count=4, weight=0)) == text


def test_a_revision_that_is_gone_keeps_its_version_while_the_status_remembers_it(md) -> None:
    status = view_of(md.rolled_back()).status
    assert known_name(status, md.second) == f"version 2 ({md.second})"


def test_a_revision_that_nobody_remembers_is_named_by_its_hash(md) -> None:
    assert known_name(view_of(md.rolled_back()).status, "aaaa0000") == "revision aaaa0000"


def test_the_same_state_gives_the_same_line_whatever_the_time(md) -> None:
    early, late = md.rolling(), md.rolling()
    late["status"]["step"]["startedAt"] = md.at(-50)
    assert status_line("fraud", view_of(early).status) == status_line("fraud", view_of(late).status)
