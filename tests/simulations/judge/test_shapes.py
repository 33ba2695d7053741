"""Rollouts with answers in bins, played many times: models that are alike are hardly ever called different."""

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from timoneiro_judge import Bins, Shape

WINDOWS = 40
BOUND = math.log(100)
SCORES = (30, 20, 14, 10, 8, 6, 5, 4, 2, 1)
# As far from those as is tolerated: five bins 1.25 times as large, and the rest about as much smaller.
EDGE = tuple(mass * (1.25 if index in (1, 3, 5) else 0.86) for index, mass in enumerate(SCORES))


def rollout(
    dice: random.Random, candidate: Sequence[float], stable: Sequence[float], share: float, *, drift: float = 0.0
) -> Shape:
    """Forty windows of about sixty requests; with `drift`, each with another mix of inputs, which both models get."""
    shape = Shape()
    for _ in range(WINDOWS):
        tilt = [math.exp(drift * dice.gauss(0, 1)) for _ in stable]
        requests = dice.randint(20, 100)
        arms = (Counter[str](), Counter[str]())
        to_candidate = sum(dice.random() < share for _ in range(requests))
        for arm, masses, number in ((0, candidate, to_candidate), (1, stable, requests - to_candidate)):
            weights = [mass * factor for mass, factor in zip(masses, tilt, strict=True)]
            arms[arm].update(map(str, dice.choices(range(len(masses)), weights, k=number)))
        shape = shape.observe(Bins(candidate=arms[0], stable=arms[1]))
        if shape.log_differs >= BOUND:
            break
    return shape


@pytest.mark.parametrize(
    ("candidate", "share", "drift"), [(SCORES, 0.1, 0.0), (SCORES, 0.5, 0.0), (SCORES, 0.25, 1.0), (EDGE, 0.5, 0.0)]
)
def test_models_that_are_alike_are_called_different_no_more_often_than_is_promised(
    candidate: Sequence[float], share: float, drift: float
) -> None:
    dice = random.Random(20261127)
    false = sum(rollout(dice, candidate, SCORES, share, drift=drift).log_differs >= BOUND for _ in range(400))
    # At one in a hundred, more than eleven of four hundred come by chance once in a thousand.
    assert false <= 11


@pytest.mark.parametrize(
    "upset", [lambda scores: scores[::-1], lambda scores: (*scores[:-1], 40)], ids=["turned", "too sure"]
)
def test_a_model_that_answers_nonsense_is_told_within_the_rollout(
    upset: Callable[[Sequence[float]], Sequence[float]],
) -> None:
    dice = random.Random(20261127)
    assert all(rollout(dice, upset(SCORES), SCORES, 0.25).log_differs >= BOUND for _ in range(50))
