"""Evidence for "not worse" that begins anew, and what vetoes it."""

import math

from timoneiro_judge.comparison import Comparison
from timoneiro_judge.counts import Counts, Limits, Window
from timoneiro_judge.forecast import is_soon_proven
from timoneiro_judge.verdict import Part, judge

LIMITS = Limits(tolerance=0.25, margin=1.0, negligible=0.001)


def played(comparison: Comparison, *, windows: int, events: int) -> Comparison:
    """With windows of 1,500 requests to each arm; 8 of the stable model's fail in each."""
    for _ in range(windows):
        comparison = comparison.observe(
            Window(candidate=Counts(requests=1500, events=events), stable=Counts(requests=1500, events=8))
        )
    return comparison


def verdict(comparison: Comparison) -> str:
    return judge({"errors": Part(evidence=comparison)}, false_rollback=0.01, false_promotion=0.05).verdict


GOOD = played(Comparison.begun(LIMITS), windows=20, events=8)


def test_what_was_proven_before_is_not_proven_any_more_when_it_begins_anew() -> None:
    assert (verdict(GOOD), verdict(GOOD.renewed())) == ("NotWorse", "Undecided")


def test_evidence_that_begins_anew_is_that_of_a_comparison_that_begins() -> None:
    once = played(Comparison.begun(LIMITS), windows=3, events=8)
    assert played(GOOD.renewed(), windows=3, events=8).fresh == once.fresh


def test_evidence_for_worse_goes_on_where_it_was() -> None:
    renewed = GOOD.renewed()
    assert (renewed.log_worse, renewed.ratio, renewed.candidate) == (GOOD.log_worse, GOOD.ratio, GOOD.candidate)


def test_the_beginning_of_evidence_for_worse_vetoes_what_was_proven_before() -> None:
    turned = played(GOOD, windows=5, events=20)
    assert math.log(3) <= turned.log_worse < math.log(100)
    assert verdict(turned) == "Undecided"


def test_a_busy_service_soon_proves_it_again_and_a_quiet_one_does_not() -> None:
    def soon(requests: float) -> bool:
        return is_soon_proven(LIMITS, base=0.005, share=0.5, requests=requests, false_promotion=0.05)

    assert soon(60_000)
    assert not soon(6_000)


def test_a_service_that_never_fails_proves_it_by_its_rate() -> None:
    assert is_soon_proven(LIMITS, base=0.0, share=0.5, requests=20_000, false_promotion=0.05)
    assert not is_soon_proven(LIMITS, base=0.0, share=0.5, requests=2_000, false_promotion=0.05)
