"""Do both models answer alike? Evidence from counts in bins."""

import dataclasses
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timoneiro_judge import Bin, Bins, Difference, Part, Shape, ShapeTrial, judge
from timoneiro_judge.shape import MOST_BINS, OTHER

NONSENSE = Bins(candidate={"0": 59, "1": 41}, stable={"0": 873, "1": 27})
ALIKE = Bins(candidate={"0": 97, "1": 3}, stable={"0": 873, "1": 27})
COUNTS = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 50), max_size=4)
WINDOWS = st.lists(st.builds(Bins, candidate=COUNTS, stable=COUNTS), max_size=6)


def after(*windows: Bins, shape: Shape = Shape()) -> Shape:  # noqa: B008
    for window in windows:
        shape = shape.observe(window)
    return shape


def test_the_first_window_is_learned_from_and_proves_nothing() -> None:
    assert after(NONSENSE).log_differs == 0.0


def test_a_model_that_answers_otherwise_is_told_by_its_second_window() -> None:
    assert after(NONSENSE, NONSENSE).log_differs > math.log(100)


def test_models_that_answer_alike_leave_no_evidence() -> None:
    assert after(*[ALIKE] * 50).log_differs <= 0.0


def test_what_differs_by_no_more_than_is_tolerated_leaves_no_evidence() -> None:
    window = Bins(candidate={"0": 880, "1": 120}, stable={"0": 9000, "1": 1000})
    assert after(*[window] * 50).log_differs == pytest.approx(0.0, abs=0.1)
    assert after(*[window] * 50, shape=Shape(tolerance=0.05)).log_differs > math.log(100)


def test_fewer_of_something_is_as_different_as_more_of_it() -> None:
    fewer = Bins(candidate={"0": 900, "1": 3}, stable={"0": 9000, "1": 1000})
    assert after(*[fewer] * 5).log_differs > math.log(100)


def test_the_evidence_is_the_formula_of_the_page() -> None:
    shape = after(NONSENSE)
    share, tolerated = 100 / 1000, math.log(1.25)
    expected = 0.0
    for c, s in ((59, 873), (41, 27)):
        pool = (c + s) / 1000
        log_ratio = math.log((c + 30 * pool) / (100 + 30)) - math.log((s + 30 * pool) / (900 + 30))
        reference = min(tolerated, max(-tolerated, log_ratio))
        odds = (1 + share * (math.exp(log_ratio) - 1)) / (1 + share * (math.exp(reference) - 1))
        expected += c * (log_ratio - reference) - (c + s) * math.log(odds)
    assert shape.observe(NONSENSE).log_differs == pytest.approx(expected, rel=1e-12)


def test_clusters_of_five_count_a_fifth() -> None:
    shape = after(NONSENSE)
    assert shape.observe(NONSENSE, factor=5.0).log_differs == pytest.approx(shape.observe(NONSENSE).log_differs / 5)


@given(WINDOWS, st.sampled_from(["candidate", "stable"]), COUNTS)
def test_a_window_in_which_one_model_has_answered_nothing_proves_nothing(
    windows: list[Bins], idle: str, counts: dict[str, int]
) -> None:
    shape = after(*windows)
    window = dataclasses.replace(Bins(candidate=counts, stable=counts), **{idle: {}})
    assert shape.observe(window).log_differs == shape.log_differs


@given(
    WINDOWS,
    st.lists(st.floats(0.01, 1), min_size=4, max_size=4),
    st.lists(st.floats(-1, 1), min_size=4, max_size=4),
    st.integers(1, 5),
    st.integers(1, 5),
    st.sampled_from([0.0, 0.1, 0.25, 1.0]),
)
def test_whatever_was_learned_no_window_is_expected_to_multiply_the_evidence_of_models_that_are_alike(
    windows: list[Bins], masses: list[float], tilts: list[float], n_c: int, n_s: int, tolerance: float
) -> None:
    # Exact: given the requests of both arms, the expectation is a product over them of what one request multiplies by.
    shape = after(*windows, shape=Shape(tolerance=tolerance))
    stable = [mass / sum(masses) for mass in masses]
    # Normalised, a tilt of half of what is tolerated is at most all of it.
    tilted = [mass * (1 + tolerance) ** (tilt / 2) for mass, tilt in zip(stable, tilts, strict=True)]
    candidate = [mass / sum(tilted) for mass in tilted]
    known = {bin.name for bin in shape.bins}
    factors = []
    for arm, shares in (("candidate", candidate), ("stable", stable)):
        expected = 0.0
        for name, mass in zip("abcd", shares, strict=True):
            gain = _gain_of_one(shape, arm, name, n_c / (n_c + n_s)) if name in known else 0.0
            expected += mass * math.exp(gain)
        factors.append(expected)
    assert n_c * math.log(factors[0]) + n_s * math.log(factors[1]) <= 1e-9


def _gain_of_one(shape: Shape, arm: str, name: str, share: float) -> float:
    """What one request in a bin adds to the evidence, in a window with this share: the formula once more."""
    n_c, n_s = shape.candidate.requests, shape.stable.requests
    bin = next(bin for bin in shape.bins if bin.name == name)
    pool = (bin.candidate + bin.stable) / (n_c + n_s)
    log_ratio = math.log((bin.candidate + 30 * pool) / (n_c + 30) / ((bin.stable + 30 * pool) / (n_s + 30)))
    tolerated = math.log1p(shape.tolerance)
    reference = min(tolerated, max(-tolerated, log_ratio))
    odds = math.log((1 + share * math.expm1(log_ratio)) / (1 + share * math.expm1(reference)))
    return (log_ratio - reference if arm == "candidate" else 0.0) - odds


def test_what_each_request_adds_makes_the_evidence_of_a_window() -> None:
    shape = after(NONSENSE)
    one_by_one = sum(
        number * _gain_of_one(shape, arm, name, 0.1)
        for arm, counts in (("candidate", NONSENSE.candidate), ("stable", NONSENSE.stable))
        for name, number in counts.items()
    )
    assert shape.observe(NONSENSE).log_differs == pytest.approx(one_by_one, rel=1e-9)


def test_load_that_both_share_leaves_the_evidence_of_nobody() -> None:
    random_walk, shape = random.Random(3), Shape()
    for _ in range(60):
        share = random_walk.random()
        load = random_walk.choice([10, 1000])
        drifted = {"0": round(load * share), "1": load - round(load * share)}
        shape = shape.observe(Bins(candidate=drifted, stable={name: 9 * number for name, number in drifted.items()}))
    assert shape.log_differs <= 0.0


def test_the_bin_that_differs_the_most_is_named_with_both_shares() -> None:
    shape = after(Bins(candidate={"a": 50, "b": 9, "c": 41}, stable={"a": 88, "b": 9, "c": 3}))
    assert shape.most_different == Difference(bin="c", candidate=0.41, stable=0.03)
    assert shape.difference == pytest.approx(0.38)


def test_nothing_counted_differs_in_nothing() -> None:
    assert (Shape().most_different, Shape().difference) == (None, 0.0)


@pytest.mark.parametrize("idle", ["candidate", "stable"])
def test_a_model_that_has_answered_nothing_has_no_share_of_anything(idle: str) -> None:
    found = after(dataclasses.replace(ALIKE, **{idle: {}})).most_different
    assert found is not None
    assert getattr(found, idle) == 0.0


def test_bins_without_a_request_take_no_place() -> None:
    assert after(Bins(candidate={"a": 1, "b": 0}, stable={"c": 0})).bins == (Bin(name="a", candidate=1),)


def test_more_bins_than_there_is_room_for_are_counted_together() -> None:
    names = [f"class {index}" for index in range(MOST_BINS + 5)]
    shape = after(Bins(candidate=dict.fromkeys(names, 1), stable=dict.fromkeys(names, 2)))
    assert len(shape.bins) == MOST_BINS + 1
    assert shape.bins[-1] == Bin(name=OTHER, candidate=5, stable=10)


@given(st.lists(st.builds(Bins, candidate=st.dictionaries(st.text(), st.integers(0, 9)), stable=COUNTS), max_size=4))
def test_a_shape_survives_as_text_to_the_last_bit(windows: list[Bins]) -> None:
    shape = after(*windows, shape=Shape(tolerance=0.1))
    assert Shape.decode(shape.encode()) == shape


def test_the_text_of_the_largest_shape_is_small() -> None:
    names = ["é" * 40 + str(index) for index in range(9)] + [f"{index:02}" + "é" * 40 for index in range(40)]
    window = Bins(candidate=dict.fromkeys(names, 2**40), stable=dict.fromkeys(names, 2**40))
    assert len(after(window, window).encode()) <= 2048


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "another version of the judge"),
        ("deadbeef:AAAA", "another version of the judge"),
        ("{edition}:AAAA", "not evidence of the judge"),
        ("{edition}:!", "padding|base64"),
    ],
)
def test_a_text_that_is_no_shape_of_this_edition_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Shape.decode(text.format(edition=Shape().encode().partition(":")[0]))


@pytest.mark.parametrize(
    "shape",
    [
        Shape(bins=(Bin(name="a", candidate=-1),)),
        Shape(bins=(Bin(name="a", candidate=2**62 + 1),)),
        Shape(bins=(Bin(name="a"), Bin(name="a"))),
        Shape(log_differs=math.nan),
        Shape(log_differs=math.inf),
        Shape(tolerance=-0.1),
        Shape(tolerance=math.inf),
    ],
)
def test_evidence_that_there_cannot_be_is_refused(shape: Shape) -> None:
    with pytest.raises(ValueError, match="the saved evidence"):
        Shape.decode(shape.encode())


# In a judgement


def test_a_shape_that_decides_and_differs_rolls_back_and_is_called_different() -> None:
    judgement = judge({"answers": Part(evidence=after(*[NONSENSE] * 3))}, false_rollback=0.01, false_promotion=0.05)
    assert (judgement.verdict, judgement.metrics["answers"]) == ("Worse", "Differs")


def test_a_shape_that_informs_is_called_different_and_rolls_nothing_back() -> None:
    part = Part(evidence=after(*[NONSENSE] * 3), required=False)
    judgement = judge({"answers": part}, false_rollback=0.01, false_promotion=0.05)
    assert (judgement.verdict, judgement.metrics["answers"]) == ("Undecided", "Differs")


@pytest.mark.parametrize(("least", "verdict"), [(0.3, "Differs"), (0.5, "Undecided")])
def test_a_shape_that_differs_by_less_than_the_minimum_says_nothing(least: float, verdict: str) -> None:
    part = Part(evidence=after(*[NONSENSE] * 3), min_difference=least, min_events=1000)
    assert judge({"answers": part}, false_rollback=0.01, false_promotion=0.05).metrics["answers"] == verdict


# As a notebook uses it


def test_a_trial_of_nonsense_ends_with_its_verdict_and_the_bin() -> None:
    trial = ShapeTrial()
    for _ in range(3):
        trial = trial.add(candidate={0: 59, 1: 41}, stable={0: 873, 1: 27})
    assert (trial.verdict, trial.evidence > 100) == ("Differs", True)
    assert trial.most_different == Difference(bin="1", candidate=0.41, stable=0.03)


def test_a_trial_of_nothing_is_undecided() -> None:
    assert (ShapeTrial().verdict, ShapeTrial().evidence, ShapeTrial().most_different) == ("Undecided", 1.0, None)


def test_more_evidence_than_a_double_holds_is_infinite() -> None:
    trial = ShapeTrial(counted=Shape(log_differs=1000.0))
    assert trial.evidence == math.inf


def test_a_trial_of_shapes_survives_as_text_to_the_last_bit() -> None:
    trial = ShapeTrial(tolerance=0.1, false_alarm=0.02).add(candidate={"a": 3}, stable={"b": 4})
    assert ShapeTrial.from_text(trial.to_text()) == trial


@pytest.mark.parametrize("text", ["", "0.01", "a b", "0.01 deadbeef:AAAA", "0.7 {}"])
def test_a_text_that_is_no_trial_of_shapes_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a saved trial|another version|false_alarm"):
        ShapeTrial.from_text(text.format(Shape().encode()))


@pytest.mark.parametrize("value", [-1, 0.5, math.nan, math.inf, 2.0**60])
def test_what_is_no_count_is_refused_with_the_bin_and_the_model(value: float) -> None:
    with pytest.raises(ValueError, match=r"bin b of the stable model has .* answers, which is not a count"):
        ShapeTrial().add(candidate={"a": 1}, stable={"b": value})  # type: ignore[dict-item]


@pytest.mark.parametrize("value", [0, 2**53])
def test_a_count_at_the_end_of_its_range_is_a_count(value: int) -> None:
    assert ShapeTrial().add(candidate={"a": 1, "b": value}, stable={"a": 1}).verdict == "Undecided"


def test_the_model_that_shows_no_count_is_named() -> None:
    with pytest.raises(ValueError, match="bin a of the candidate has -1 answers"):
        ShapeTrial().add(candidate={"a": -1}, stable={"b": 1})


def test_a_tolerance_of_nothing_is_one() -> None:
    assert ShapeTrial(tolerance=0.0).verdict == "Undecided"


@pytest.mark.parametrize(
    "settings", [{"tolerance": -0.1}, {"tolerance": math.inf}, {"false_alarm": 0.5}, {"false_alarm": 0.0}]
)
def test_a_setting_out_of_its_range_is_named(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        ShapeTrial(**settings)
