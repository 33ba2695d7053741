"""Evidence as text: it survives to the last bit, and what is none of ours is refused."""

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timoneiro_judge.comparison import Comparison
from timoneiro_judge.counts import Counts, Limits, Spread, Weighed, Window
from timoneiro_judge.restarted import Restarted
from timoneiro_judge.text import decode, encode

LIMITS = Limits(tolerance=0.25, margin=1.0, negligible=0.001)
BEGUN = Comparison.begun(LIMITS)
counts = st.builds(
    lambda requests, share: Counts(requests=requests, events=int(requests * share)),
    st.integers(0, 5000),
    st.floats(0, 0.3),
)
windows = st.lists(
    st.builds(lambda c, s, aligned: Window(candidate=c, stable=s, aligned=aligned), counts, counts, st.booleans()),
    max_size=12,
)
limits = st.builds(Limits, tolerance=st.floats(0, 0.9), margin=st.floats(1, 200), negligible=st.floats(1e-6, 0.999))


@given(windows, limits)
def test_a_comparison_survives_the_way_through_the_status_to_the_last_bit(seen: list[Window], limits: Limits) -> None:
    comparison = Comparison.begun(limits)
    for window in seen:
        comparison = comparison.observe(window)
    assert decode(encode(comparison)) == comparison


def test_a_metric_takes_less_than_two_kilobytes_of_the_status() -> None:
    busy = BEGUN
    for _ in range(30):
        busy = busy.observe(
            Window(candidate=Counts(requests=10**9, events=10**6), stable=Counts(requests=10**9, events=10**6))
        )
    assert len(encode(busy)) < 2000


def test_a_state_that_is_not_ours_is_refused_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="another version of the judge"):
        decode("bm90IG91cnM=")


@pytest.mark.parametrize("length", [10, 11, 60, -4])
def test_a_state_that_was_cut_is_refused_with_a_sentence(length: int) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        decode(encode(BEGUN)[:length])


def test_limits_that_cannot_be_are_refused_with_a_sentence() -> None:
    edition, _, packed = encode(BEGUN).partition(":")
    broken = bytearray(base64.b64decode(packed))
    # The negligible rate, in front of everything else but tolerance and margin.
    broken[16:24] = bytes(8)
    with pytest.raises(ValueError, match="cannot be read"):
        decode(f"{edition}:{base64.b64encode(bytes(broken)).decode()}")


@pytest.mark.parametrize(
    "wrong",
    [
        replace(BEGUN, candidate=Counts(requests=1, events=2)),
        replace(BEGUN, weighed=Weighed(requests=1.0, events=-0.5)),
        replace(BEGUN, spread=Spread(chi_square=-1.0)),
        replace(BEGUN, windows=-1),
        replace(BEGUN, higher_ratio=Restarted(BEGUN.higher_ratio.logs, 0.0)),
        replace(BEGUN, higher_rate=Restarted(BEGUN.higher_rate.logs, 1.5)),
        replace(BEGUN, likelihood=(float("nan"), *BEGUN.likelihood[1:])),
        replace(BEGUN, fresh=replace(BEGUN.fresh, best=float("inf"))),
    ],
)
def test_a_state_of_counts_that_cannot_be_is_refused_with_a_sentence(wrong: Comparison) -> None:
    with pytest.raises(ValueError, match="counts that are impossible"):
        decode(encode(wrong))
