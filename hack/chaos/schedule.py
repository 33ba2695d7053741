"""Which rollout meets which fault, and when. Pure: the same seed gives the same rounds on every machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

When = Literal["published", "in a step"]


@dataclass(frozen=True)
class Round:
    """One rollout and the fault that it meets `delay` seconds after `moment`; a fault that lasts does so `seconds`."""

    number: int
    release: str
    fault: str
    moment: When
    delay: float
    seconds: float


def rounds(seed: int, *, releases: Sequence[str], faults: Sequence[str]) -> Iterator[Round]:
    """Without end. Every fault and every release comes once before any comes twice."""
    dice = Random(seed)  # noqa: S311 (a plan is no secret)
    releases_left, faults_left = _bags(dice, releases), _bags(dice, faults)
    number = 0
    while True:
        number += 1
        yield Round(
            number=number,
            release=next(releases_left),
            fault=next(faults_left),
            moment=dice.choice(("published", "in a step")),
            delay=round(dice.uniform(0.0, 3.0), 1),
            seconds=round(dice.uniform(4.0, 12.0), 1),
        )


def _bags(dice: Random, names: Sequence[str]) -> Iterator[str]:
    while True:
        yield from dice.sample(names, len(names))
