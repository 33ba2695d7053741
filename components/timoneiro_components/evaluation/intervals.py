"""How sure a figure is: the bootstrap, over groups of rows (Efron 1979; Field and Welsh 2007 for groups).

Guarantees: two models are compared on the same resamples, so that what both find hard cancels; the same rows and seed
give the same intervals. Of more than 20,000 rows so many are resampled, and deviations shrunk by the root of the ratio.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..tasks.answers import Array, ModelAnswers

_MOST_ROWS = 20_000
_RESAMPLES = 200
LEVEL = 0.9


@dataclass(frozen=True)
class Estimate:
    """A figure of the rows at hand, and between what it is with 90 % confidence; NaN where rows do not tell."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Resampling:
    """Resamples of n test rows. `groups`: for each row the number of its group, shape (n,); groups are drawn whole."""

    groups: Array
    seed: int

    def estimate(self, figure: Callable[[ModelAnswers], float], answers: ModelAnswers) -> Estimate:
        """The figure with its interval; the interval's ends are where 5 % of the resamples are beyond."""
        found = figure(answers)
        deviations = self._deviations(lambda rows: figure(answers.take(rows)))
        return Estimate(found, found + _quantile(deviations, 0.05), found + _quantile(deviations, 0.95))

    def difference(
        self, figure: Callable[[ModelAnswers], float], one: ModelAnswers, other: ModelAnswers, confidence: float
    ) -> tuple[float, float, float]:
        """`one` minus `other` on the same rows, and between what it is: each end is passed with 1 - `confidence`."""
        found = figure(one) - figure(other)
        deviations = self._deviations(
            lambda rows: figure(one.take(rows)) - figure(other.take(rows)), tail=1 - confidence
        )
        return found, found + _quantile(deviations, 1 - confidence), found + _quantile(deviations, confidence)

    def _deviations(self, figure: Callable[[Array], float], *, tail: float = 0.05) -> Array:
        """By how much the figure of each resample is off that of the rows that are resampled; NaN left out."""
        rows, count, scale = self._drawn
        centre = figure(rows)
        random = np.random.default_rng(self.seed)
        resamples = max(_RESAMPLES, math.ceil(20 / tail))
        found = [figure(rows[self._positions(random, count)]) - centre for _ in range(resamples)]
        return np.array([deviation for deviation in found if math.isfinite(deviation)]) * scale

    @cached_property
    def _drawn(self) -> tuple[Array, int, float]:
        """Rows that are resampled, the number of their groups, and what deviations are multiplied by."""
        names = np.unique(self.groups)
        if len(self.groups) <= _MOST_ROWS:
            return np.arange(len(self.groups)), len(names), 1.0
        kept = max(1, int(len(names) * _MOST_ROWS / len(self.groups)))
        some = np.random.default_rng(self.seed).permutation(names)[:kept]
        return np.flatnonzero(np.isin(self.groups, some)), kept, math.sqrt(kept / len(names))

    @cached_property
    def _group_numbers(self) -> Array:
        """For each row that is resampled the number of its group, from 0 on."""
        return np.asarray(np.unique(self.groups[self._drawn[0]], return_inverse=True)[1])

    def _positions(self, random: np.random.Generator, count: int) -> Array:
        """Positions of the rows of one resample: each as often as its group was drawn."""
        times = np.bincount(random.integers(0, count, count), minlength=count)
        return np.repeat(np.arange(len(self._group_numbers)), times[self._group_numbers])


def _quantile(deviations: Array, share: float) -> float:
    return float(np.quantile(deviations, share)) if len(deviations) else math.nan
