"""What the model answers, counted in bins: classes, scores and numbers, for whoever compares two models.

One answer of each request counts, its first row: rows of one request depend on each other. The counters only grow, and
there are at most MOST_CLASSES + len(SCORE_BOUNDS) + len(number bounds) of them and three more, whatever is answered.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

import numpy as np
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from .estimators import Answer

MOST_CLASSES = 50
OTHER = "other"
_LONGEST_CLASS = 64
SCORE_BOUNDS: tuple[float, ...] = tuple(tenth / 10 for tenth in range(1, 10))
# Where nobody says better: 1, 2 and 5 of each power of ten, of either sign.
_POSITIVE = tuple(float(f"{digit}e{power}") for power in range(-3, 7) for digit in (1, 2, 5))
NUMBER_BOUNDS: tuple[float, ...] = (*(-bound for bound in reversed(_POSITIVE)), 0.0, *_POSITIVE)


class Predictions(Collector):
    """Answers of this process. `classes`: those of the model, as far as it says; shown before the first answer."""

    def __init__(self, classes: Sequence[str] = (), number_bounds: Sequence[float] = NUMBER_BOUNDS) -> None:
        self._classifies = bool(classes)
        self._classes = {name[:_LONGEST_CLASS]: 0 for name in classes[:MOST_CLASSES]}
        self._scores = _Histogram(SCORE_BOUNDS)
        self._numbers = _Histogram(number_bounds)

    def count(self, answer: Answer) -> None:
        """One more request was answered, all of whose rows are in `answer`."""
        if not len(answer.predictions):
            return
        predicted, probabilities = answer.predictions[0], answer.probabilities
        if self._classifies or probabilities is not None or answer.predictions.dtype.kind != "f":
            name = str(predicted)[:_LONGEST_CLASS]
            if name not in self._classes and len(self._classes) >= MOST_CLASSES:
                name = OTHER
            self._classes[name] = self._classes.get(name, 0) + 1
        else:
            self._numbers.count(float(predicted))
        if probabilities is not None:
            self._scores.count(_score(probabilities[0]))

    def collect(self) -> Iterable[Metric]:
        """What is shown to Prometheus."""
        classes = CounterMetricFamily(
            "timoneiro_predicted_classes", "Answered requests by the class of their first row", labels=["class"]
        )
        for name, number in self._classes.items():
            classes.add_metric([name], number)
        yield classes
        yield self._scores.shown(
            "timoneiro_predicted_scores",
            "Answered requests by the probability of their first row: of two classes the last, else the highest",
        )
        yield self._numbers.shown(
            "timoneiro_predicted_numbers", "Answered requests by the number that their first row got"
        )


class _Histogram:
    """Counts of values up to each bound, and of those beyond the last one."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)

    def count(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1

    def shown(self, name: str, help_text: str) -> Metric:
        """Without series before the first value: who reads them takes this model for one that gives none."""
        family = HistogramMetricFamily(name, help_text)
        total = np.cumsum(self._counts).tolist()
        if total[-1]:
            labels = [*(f"{bound:g}" for bound in self._bounds), "+Inf"]
            # A sum of answers means nothing, and would take values of requests out of the process.
            family.add_metric([], list(zip(labels, total, strict=True)), sum_value=None)
        return family


def _score(probabilities: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    """Of two classes how likely the last one is, as whoever has a threshold uses it; of several the highest."""
    return float(probabilities[-1] if len(probabilities) == 2 else probabilities.max())
