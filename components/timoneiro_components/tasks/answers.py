"""What a model said about rows whose answers are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class ModelAnswers:
    """`truth` and `predicted` of shape (n,): classes as text, or float64. `probabilities` of shape (n, classes) in the
    order of `classes`, whose last one is judged where there are two; None and () of a number."""

    truth: Array
    predicted: Array
    probabilities: Array | None = None
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, rows: Array) -> ModelAnswers:
        """Those of some rows, by position or by truth values."""
        probabilities = None if self.probabilities is None else self.probabilities[rows]
        return ModelAnswers(self.truth[rows], self.predicted[rows], probabilities, self.classes)

    @property
    def positive(self) -> Array:
        """Of two classes: whether the judged one is true, shape (n,)."""
        return np.asarray(self.truth == self.classes[-1])

    @property
    def score(self) -> Array:
        """Of two classes: the probability of the judged one, shape (n,)."""
        if self.probabilities is None:
            raise ValueError("a model without probabilities has no score")
        return np.asarray(self.probabilities[:, -1])
