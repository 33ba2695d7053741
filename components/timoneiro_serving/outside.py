"""Requests with values that the model was not made for, counted by feature: the first sign that the world has changed,
or that a caller sends another unit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

MOST_FEATURES = 200
_OTHERS = "other features"


class OutsideRequests(Collector):
    """Requests of this process. `features`: those that have limits; shown before the first request."""

    def __init__(self, features: Sequence[str]) -> None:
        self._counts = dict.fromkeys(features[:MOST_FEATURES], 0)

    def count(self, features: Iterable[str]) -> None:
        """One more request, in which these features had such a value."""
        for name in {name if name in self._counts else _OTHERS for name in features}:
            self._counts[name] = self._counts.get(name, 0) + 1

    def collect(self) -> Iterable[Metric]:
        """What is shown to Prometheus."""
        family = CounterMetricFamily(
            "timoneiro_requests_outside", "Requests with a value that the model was not made for", labels=["feature"]
        )
        for name, number in self._counts.items():
            family.add_metric([name], number)
        yield family
