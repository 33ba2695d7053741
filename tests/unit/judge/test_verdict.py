"""From evidence to a verdict: what counts how much, what only shows, and what has to be there first."""

import math

import pytest

from timoneiro_judge.comparison import Comparison
from timoneiro_judge.counts import Counts, Dispersion, Limits, Spread, Window
from timoneiro_judge.evidence import log_e_rate_above
from timoneiro_judge.verdict import Guard, Judgement, Part, judge

LIMITS = Limits(tolerance=0.25, margin=1.0, negligible=0.001)


def seen(n_c: int, e_c: int, n_s: int, e_s: int, *, dispersion: Dispersion = Dispersion()) -> Comparison:  # noqa: B008
    window = Window(candidate=Counts(requests=n_c, events=e_c), stable=Counts(requests=n_s, events=e_s))
    return Comparison.begun(LIMITS).observe(window, dispersion)


def verdict(**parts: Part) -> Judgement:
    return judge(parts, false_rollback=0.01, false_promotion=0.05)


BAD, GOOD = seen(100, 8, 900, 2), seen(20_000, 0, 20_000, 0)


def test_a_metric_that_informs_is_called_worse_and_takes_nothing_back() -> None:
    judgement = verdict(errors=Part(evidence=GOOD), declines=Part(evidence=BAD, required=False))
    assert (judgement.verdict, judgement.metrics["declines"]) == ("NotWorse", "Worse")


def test_a_metric_that_informs_does_not_thin_the_evidence_of_the_others() -> None:
    alone = verdict(errors=Part(evidence=BAD))
    beside = verdict(errors=Part(evidence=BAD), declines=Part(evidence=GOOD, required=False))
    assert beside.log_worse == alone.log_worse


def test_evidence_is_averaged_with_the_weights_of_the_metrics() -> None:
    judgement = verdict(a=Part(evidence=BAD, weight=3), b=Part(evidence=GOOD, weight=1))
    expected = math.log((3 * math.exp(BAD.log_worse) + math.exp(GOOD.log_worse)) / 4)
    assert judgement.log_worse == pytest.approx(expected)


def test_metrics_are_judged_the_same_in_whatever_order_they_come() -> None:
    parts = {"a": Part(evidence=BAD, weight=2), "b": Part(evidence=GOOD), "c": Part(evidence=seen(900, 9, 900, 8))}
    forward = judge(parts, false_rollback=0.01, false_promotion=0.05)
    backward = judge(dict(reversed(parts.items())), false_rollback=0.01, false_promotion=0.05)
    assert (forward.verdict, forward.log_worse) == (backward.verdict, backward.log_worse)


def test_every_required_comparison_has_to_be_not_worse_by_itself() -> None:
    judgement = verdict(errors=Part(evidence=GOOD), slow=Part(evidence=seen(50, 0, 50, 0)))
    assert (judgement.verdict, judgement.metrics["slow"]) == ("Undecided", "Undecided")


def test_a_guard_fires_beyond_its_limit_although_the_stable_model_fails_as_often() -> None:
    outage = seen(1000, 200, 9000, 1800)
    assert verdict(errors=Part(evidence=outage)).verdict != "Worse"
    judgement = verdict(errors=Part(evidence=outage), slo=Part(evidence=Guard(of=outage, limit=0.02)))
    assert (judgement.verdict, judgement.metrics["slo"]) == ("Worse", "Worse")


def test_a_guard_that_is_kept_does_not_stand_in_the_way_of_a_promotion() -> None:
    assert verdict(errors=Part(evidence=GOOD), slo=Part(evidence=Guard(of=GOOD, limit=0.02))).verdict == "NotWorse"


def test_guards_alone_prove_nothing() -> None:
    assert verdict(slo=Part(evidence=Guard(of=GOOD, limit=0.02))).verdict == "Undecided"


@pytest.mark.parametrize(("least", "worse"), [(8, "Worse"), (9, "Undecided")])
def test_fewer_events_than_the_minimum_speak_for_nothing(least: int, worse: str) -> None:
    assert verdict(errors=Part(evidence=BAD, min_events=least)).verdict == worse


@pytest.mark.parametrize(("least", "worse"), [(0.05, "Worse"), (0.2, "Undecided")])
def test_a_smaller_difference_than_the_minimum_speaks_for_nothing(least: float, worse: str) -> None:
    assert verdict(errors=Part(evidence=BAD, min_difference=least)).verdict == worse


def test_an_over_dispersion_of_two_halves_the_log_likelihood_ratio() -> None:
    once, twice = seen(100, 8, 900, 2), seen(100, 8, 900, 2, dispersion=Dispersion(factor=2.0))
    assert twice.likelihood == pytest.approx([value / 2 for value in once.likelihood])
    assert (twice.weighed.requests, twice.weighed.events) == (50.0, 4.0)


def test_counts_that_are_shown_are_not_divided_by_the_dispersion() -> None:
    comparison = seen(100, 8, 900, 2, dispersion=Dispersion(factor=2.0))
    assert (comparison.candidate, comparison.stable) == (BAD.candidate, BAD.stable)


@pytest.mark.parametrize(
    ("spread", "factor"),
    [
        (Spread(), 1.5),
        (Spread(chi_square=27.0, freedom=9), 42 / 19),
        (Spread(chi_square=270.0, freedom=90), 2.85),
        (Spread(chi_square=900.0, freedom=90), 4.0),
        (Spread(chi_square=50.0, freedom=90), 1.5),
    ],
)
def test_a_dispersion_is_what_pods_have_shown_so_far_between_its_bounds(spread: Spread, factor: float) -> None:
    assert Dispersion(factor=1.5, most=4.0).of(spread) == pytest.approx(factor)


def wild(chi_square: float) -> Window:
    return Window(
        candidate=Counts(requests=100, events=5),
        stable=Counts(requests=900, events=45),
        spread=Spread(chi_square=chi_square, freedom=10),
    )


def test_a_window_counts_less_by_the_dispersion_that_it_shows_itself() -> None:
    first = Comparison.begun(LIMITS).observe(wild(30.0))
    second = first.observe(wild(0.0))
    assert (first.weighed.events, second.weighed.events) == pytest.approx((5.0 / 2.0, 5.0 / 2.0 + 5.0 / (4 / 3)))


def test_one_broken_pod_is_forgotten_when_its_pods_are_alike_again() -> None:
    """However much it differed: a window counts at most the largest dispersion there may be."""
    comparison = Comparison.begun(LIMITS).observe(wild(1e6), Dispersion(most=4.0))
    assert comparison.spread == Spread(chi_square=40.0, freedom=10)


def test_tempered_evidence_holds_its_bound_where_events_come_in_pairs() -> None:
    """Every failure is counted twice: without tempering, pairs look like twice the evidence. Exact expectation."""
    pairs, rate = 60, 0.02
    mean = 0.0
    for failures in range(pairs + 1):
        log_chance = math.lgamma(pairs + 1) - math.lgamma(failures + 1) - math.lgamma(pairs - failures + 1)
        log_chance += failures * math.log(rate) + (pairs - failures) * math.log1p(-rate)
        window = Window(candidate=Counts(requests=2 * pairs, events=2 * failures), stable=Counts())
        twice = Comparison.begun(LIMITS).observe(window, Dispersion(factor=2.0))
        log_e = log_e_rate_above(requests=twice.weighed.requests, events=twice.weighed.events, rate=rate)
        mean += math.exp(log_chance + log_e)
    assert mean == pytest.approx(1.0)
