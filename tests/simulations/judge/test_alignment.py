"""Two equal models behind one outage, scraped at different moments, as Prometheus does it."""

import math
from itertools import pairwise

import numpy as np
import pytest

from timoneiro_judge.comparison import Comparison
from timoneiro_judge.counts import Counts, Limits, Window

LIMITS = Limits(tolerance=0.25, margin=1.0, negligible=0.001)
INTERVAL, LOOKS, OUTAGE = 30, 20, 20


# Requests and failures of the candidate and of the stable model, and how many seconds they are of.
Windows = list[tuple[int, ...]]


def scraped(dice: np.random.Generator, *, every: int, weight: float) -> tuple[Windows, Windows]:
    """Requests and failures of candidate and stable model between looks, each at its last scrape before the look; and
    the same with the candidate's last scrape before that of the stable model, as the operator counts them.

    100 requests a second, 0.2 % of which fail; for 20 s half of them do.
    """
    seconds = INTERVAL * LOOKS
    rates = np.full(seconds, 0.002)
    begin = dice.integers(2 * INTERVAL, seconds - 2 * INTERVAL)
    rates[begin : begin + OUTAGE] = 0.5
    totals = []
    for share in (weight, 1 - weight):
        requests = dice.poisson(100 * share, seconds)
        for counts in (requests, dice.binomial(requests, rates)):
            totals.append(np.concatenate([[0], np.cumsum(counts)]))
    phases = dice.integers(0, every, 2)
    both: tuple[list[list[int]], list[list[int]]] = ([], [])
    for at in range(2 * every, seconds + 1, max(INTERVAL, every)):
        candidate, stable = ((at - phase) // every * every + phase for phase in phases)
        before = (stable - phases[0]) // every * every + phases[0]
        if not both[1] and before < stable:
            # The first window of the candidate begins after that of the stable model.
            before += every
        if both[1] and before == both[1][-1][4]:
            # A window stays open until every pod was scraped in it.
            continue
        for seen, moment in zip(both, (candidate, before), strict=True):
            counts = [int(total[m]) for m, total in zip((moment, moment, stable, stable), totals, strict=True)]
            seen.append([*counts, moment, stable])
    first, second = ([tuple(np.subtract(b, a).tolist()) for a, b in pairwise(seen)] for seen in both)
    return first, second


def rolled_back(windows: Windows) -> bool:
    comparison = Comparison.begun(LIMITS)
    for n_c, e_c, n_s, e_s, candidate_seconds, stable_seconds in windows:
        window = Window(
            candidate=Counts(requests=n_c, events=e_c),
            stable=Counts(requests=n_s, events=e_s),
            aligned=False,
            candidate_seconds=candidate_seconds,
            stable_seconds=stable_seconds,
        )
        comparison = comparison.observe(window)
        if comparison.log_worse >= math.log(100):
            return True
    return False


@pytest.mark.parametrize(("every", "weight"), [(15, 0.05), (15, 0.5), (30, 0.05), (60, 0.05)])
def test_an_outage_that_both_share_takes_no_candidate_back_when_the_stable_model_is_read_last(
    every: int, weight: float
) -> None:
    dice = np.random.default_rng(20261125)
    played = [scraped(dice, every=every, weight=weight) for _ in range(150)]
    assert not any(rolled_back(windows) for _, windows in played)
    # What would happen if each were read at its last scrape.
    assert any(rolled_back(windows) for windows, _ in played)
