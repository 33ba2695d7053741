"""Outages that both models share count for little, and what only one of them does counts in full."""

import pytest

from timoneiro_judge.counts import Counts, Window
from timoneiro_judge.usual import Usual

QUIET = Window(candidate=Counts(requests=1000, events=5), stable=Counts(requests=1000, events=5))


def known(windows: int = 10, events: int = 5) -> Usual:
    usual = Usual()
    for _ in range(windows):
        usual = usual.after(Counts(requests=1000, events=events))
    return usual


def window(candidate: int, stable: int, *, aligned: bool = True) -> Window:
    return Window(
        candidate=Counts(requests=1000, events=candidate),
        stable=Counts(requests=1000, events=stable),
        aligned=aligned,
    )


def test_the_first_window_counts_in_full_whatever_is_in_it() -> None:
    assert Usual().weight(window(500, 500)) == 1.0


@pytest.mark.parametrize("events", [0, 5, 15])
def test_what_is_usual_counts_in_full(events: int) -> None:
    assert known().weight(window(events, events)) == 1.0


def test_an_outage_of_both_counts_the_less_the_larger_it_is() -> None:
    small, large = known().weight(window(60, 60)), known().weight(window(200, 200))
    assert 0 < large < small < 1
    assert large == pytest.approx(small * (60 / 200) ** 2)


@pytest.mark.parametrize(("candidate", "stable"), [(200, 5), (5, 200), (200, 0)])
def test_what_only_one_of_them_does_counts_in_full(candidate: int, stable: int) -> None:
    assert known().weight(window(candidate, stable)) == 1.0


def test_where_the_arms_are_read_one_after_the_other_the_window_after_an_outage_counts_as_little() -> None:
    usual = known()
    during, after = window(5, 200, aligned=False), window(200, 5, aligned=False)
    assert usual.weight(during) == usual.after(during.stable).weight(after) < 0.1


def test_it_is_told_when_the_stable_model_has_clearly_more_than_usual() -> None:
    usual = known()
    assert not usual.exceeded
    assert usual.after(Counts(requests=1000, events=20)).exceeded


def test_an_outage_does_not_become_usual() -> None:
    calm = known()
    assert calm.after(Counts(requests=1000, events=900)).weight(window(200, 200)) < 0.1


def test_what_is_often_becomes_usual() -> None:
    assert known(windows=30, events=200).weight(window(200, 200)) == 1.0


def test_a_window_without_requests_of_the_stable_model_teaches_nothing() -> None:
    assert known().after(Counts()) == known()


def test_a_stable_model_that_never_fails_may_begin_to() -> None:
    """One failure where none is usual is no outage."""
    assert known(events=0).weight(window(2, 2)) == 1.0
