"""Evidence that the gateway does not split as it says."""

import math

import numpy as np
import pytest

from timoneiro_judge.routing import ALPHA, log_e_mismatch

BOUND = math.log(1 / ALPHA)


@pytest.mark.parametrize("weight", [1, 5, 25, 50, 75, 99])
def test_a_share_that_is_as_accepted_is_never_called_a_mismatch(weight: int) -> None:
    """200 steps of 60 looks; at most one in a thousand may ever be called wrong."""
    dice = np.random.default_rng(weight)
    candidate = np.cumsum(dice.binomial(3000, weight / 100, size=(200, 60)), axis=1)
    total = 3000 * np.arange(1, 61)
    worst = max(
        log_e_mismatch(candidate=int(c), stable=int(n - c), weight=weight)
        for row in candidate
        for c, n in zip(row, total, strict=True)
    )
    assert worst < BOUND


def test_a_share_that_is_a_little_off_is_tolerated() -> None:
    assert log_e_mismatch(candidate=120_000, stable=880_000, weight=10) < BOUND


@pytest.mark.parametrize(("candidate", "stable"), [(0, 100), (500, 500), (20, 980)])
def test_a_share_that_is_far_off_is_known_after_few_requests(candidate: int, stable: int) -> None:
    assert log_e_mismatch(candidate=candidate, stable=stable, weight=10) >= BOUND


def test_without_requests_there_is_no_evidence() -> None:
    assert log_e_mismatch(candidate=0, stable=0, weight=10) == pytest.approx(0.0, abs=1e-9)
