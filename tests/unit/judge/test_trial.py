"""The judge as a notebook uses it."""

import doctest
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import timoneiro_judge
from timoneiro_judge import Limits, Needs, Ratio, Trial

PAGE = Path(__file__).parents[3] / "docs" / "judge-library.md"
TABLE = {
    "candidate_requests": [1000, 500],
    "candidate_events": [12, 3],
    "stable_requests": [9000, 4500],
    "stable_events": [45, 21],
}
FEW = Trial().add(candidate=(1000, 12), stable=(9000, 45))


def test_the_page_shows_what_its_examples_print() -> None:
    result = doctest.testfile(str(PAGE), module_relative=False)
    assert result.attempted > 10
    assert result.failed == 0


def test_what_the_package_promises_is_there() -> None:
    assert [name for name in timoneiro_judge.__all__ if not hasattr(timoneiro_judge, name)] == []


def test_a_window_makes_another_trial_and_leaves_the_old_one() -> None:
    trial = Trial()
    assert trial.add(candidate=(10, 1), stable=(90, 1)).candidate.requests == 10
    assert trial.candidate.requests == 0


def test_nothing_counted_decides_nothing_and_bounds_nothing() -> None:
    assert Trial().verdict == "Undecided"
    assert Trial().ratio == Ratio(None, None, None)
    assert Trial().needs == Needs(None, None)


def test_more_evidence_than_a_double_holds_is_infinite() -> None:
    assert Trial().add(candidate=(10**6, 10**5), stable=(10**6, 100)).evidence.worse == math.inf


def test_what_is_needed_is_nothing_once_it_is_reached() -> None:
    trial = Trial().add(candidate=(10_000, 300), stable=(90_000, 300))
    assert (trial.verdict, trial.needs.worse) == ("Worse", 0.0)


def test_about_as_many_requests_as_were_foreseen_are_enough() -> None:
    trial = FEW
    for _ in range(math.ceil((FEW.needs.worse or 0) / 1000)):
        trial = trial.add(candidate=(1000, 12), stable=(9000, 45))
    assert math.log(trial.evidence.worse) == pytest.approx(math.log(100), rel=0.25)


def test_events_that_come_in_clusters_count_less_and_need_more() -> None:
    once, five = (Trial(dispersion=d).add(candidate=(1000, 25), stable=(9000, 45)) for d in (1.0, 5.0))
    assert 1.0 < five.evidence.worse < once.evidence.worse
    before = [Trial(dispersion=d).before(rate=0.005).worse for d in (1.0, 5.0)]
    assert before[1] == pytest.approx(5 * (before[0] or 0.0), rel=0.02)
    assert Trial.from_text(five.to_text()) == five


def test_a_trial_survives_as_text_to_the_last_bit() -> None:
    trial = Trial.from_frame(TABLE, false_rollback=0.02, limits=Limits(tolerance=0.1))
    assert Trial.from_text(trial.to_text()) == trial


@pytest.mark.parametrize("text", ["", "0.01 0.05", "a b c", "0.01 0.05 1.0 deadbeef:AAAA", "0.7 0.05 1.0 {}"])
def test_a_text_that_is_no_trial_of_this_edition_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a saved trial|another version|false_rollback"):
        Trial.from_text(text.format(FEW.to_text().split()[-1]))


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ((-1, 0), "requests of the candidate are -1, which is not a count"),
        ((10, 0.5), r"events of the candidate are 0\.5, which is not a count"),
        ((10, math.nan), "events of the candidate are nan, which is not a count"),
        ((2.0**60, 0), "which is not a count"),
        ((10, 11), "the candidate has 11 events of 10 requests: more events than requests"),
    ],
)
def test_what_is_no_count_is_named(counts: tuple[Any, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Trial().add(candidate=counts, stable=(10, 0))


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"false_rollback": 0.0}, "false_rollback"),
        ({"false_promotion": 0.5}, "false_promotion"),
        ({"dispersion": 0.5}, "dispersion"),
        ({"dispersion": math.inf}, "dispersion"),
        ({"limits": Limits(tolerance=1.0)}, "tolerance"),
        ({"limits": Limits(margin=math.inf)}, "tolerance"),
        ({"limits": Limits(negligible=0.0)}, "negligible"),
        ({"limits": Limits(negligible=1.0)}, "negligible"),
    ],
)
def test_a_setting_that_is_out_of_range_is_named(settings: dict[str, Any], name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Trial(**settings)


@pytest.mark.parametrize(
    "settings", [{"dispersion": 1.0}, {"limits": Limits(tolerance=0.0)}, {"limits": Limits(negligible=0.999)}]
)
def test_a_setting_at_the_end_of_its_range_is_taken(settings: dict[str, Any]) -> None:
    assert Trial(**settings).verdict == "Undecided"


@pytest.mark.parametrize("counts", [(0, 0), (1, 1), (2**53, 0)])
def test_counts_at_the_ends_of_their_range_are_counts(counts: tuple[int, int]) -> None:
    trial = Trial().add(candidate=counts, stable=(1, 0))
    assert (trial.candidate.requests, trial.candidate.events) == counts


def test_the_probabilities_of_a_trial_survive_as_text_each_for_itself() -> None:
    trial = Trial(false_rollback=0.02, false_promotion=0.07, dispersion=3.0).add(candidate=(9, 1), stable=(9, 0))
    assert Trial.from_text(trial.to_text()) == trial


class Columns:
    """A table of which iteration gives rows, as that of some libraries does; `columns` are its names."""

    columns = tuple(TABLE)

    def __iter__(self) -> Iterator[int]:
        return iter([0, 1])

    def __getitem__(self, name: str) -> list[int]:
        return TABLE[name]


def test_a_table_says_itself_which_columns_it_has() -> None:
    assert Trial.from_frame(Columns()) == Trial.from_frame(TABLE)


def test_a_data_frame_is_as_good_as_windows_one_by_one() -> None:
    frame = pd.DataFrame(TABLE).astype({"stable_events": float})
    assert Trial.from_frame(frame) == FEW.add(candidate=(500, 3), stable=(4500, 21))


def test_a_column_that_is_missing_is_named() -> None:
    with pytest.raises(ValueError, match="lacks stable_requests, stable_events; it needs the columns candidate_"):
        Trial.from_frame({name: values for name, values in TABLE.items() if not name.startswith("stable")})


def test_the_row_that_is_no_count_is_named() -> None:
    with pytest.raises(ValueError, match="row 1: events of the stable model are -5"):
        Trial.from_frame({**TABLE, "stable_events": [45, -5]})


def test_before_the_first_request_a_trial_tells_what_it_will_take() -> None:
    needs = Trial().before(rate=0.005, share=0.5)
    assert needs.not_worse == pytest.approx(7_226, rel=0.02)
    assert needs.worse == pytest.approx(16_384, rel=0.02)


def test_a_small_share_needs_fewer_requests_since_the_stable_model_gets_the_others() -> None:
    small, half = (Trial().before(rate=0.005, share=share).worse for share in (0.05, 0.5))
    assert small is not None
    assert half is not None
    assert small < half


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rate": 1.0}, "rate is 1.0"),
        ({"rate": -0.1}, "rate is -0.1"),
        ({"rate": 0.1, "share": 0.0}, "share"),
        ({"rate": 0.1, "share": 1.0}, "share"),
    ],
)
def test_what_is_no_rate_and_no_share_is_refused(settings: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Trial().before(**settings)


def test_a_stable_model_that_never_fails_needs_something_too() -> None:
    needed = Trial().before(rate=0.0)
    assert needed.not_worse is not None and needed.not_worse > 0


def test_a_notebook_shows_the_verdict_and_the_counts() -> None:
    trial = Trial().add(candidate=(1000, 3), stable=(20_000, 40))
    assert repr(trial) == "<Trial: Undecided, 3 of 1,000 against 40 of 20,000>"


@pytest.mark.parametrize("counts", [1000, (1000,), (1000, 1, 1), ("many", 1), None])
def test_what_is_no_pair_of_counts_is_told_with_how_to_write_one(counts: Any) -> None:
    with pytest.raises(ValueError, match=r"the candidate is .*: write \(requests, events\), such as \(1000, 3\)"):
        Trial().add(candidate=counts, stable=(1000, 1))


def test_columns_of_different_lengths_are_told_with_their_lengths() -> None:
    table = {column: [1, 1] for column in TABLE} | {"stable_events": [1]}
    with pytest.raises(ValueError, match=r"different numbers of rows: candidate_requests 2, .*stable_events 1"):
        Trial.from_frame(table)


def test_a_text_that_is_no_trial_is_told_without_words_of_python() -> None:
    with pytest.raises(ValueError, match=r"^this is not a saved trial: it must be what Trial\.to_text gave$"):
        Trial.from_text("foo")
