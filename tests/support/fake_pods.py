"""Stands in for the way to the pods: each answers with what a test has put there.

Fake below the line: no network. Pods behind real HTTP servers are in tests/unit/operator/test_metrics.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from timoneiro_operator.metrics.look import Target


@dataclass
class FakePods:
    """`expositions`: by address of the pod."""

    expositions: dict[str, str] = field(default_factory=dict)

    async def exposition(
        self, pod: Target, port: int, path: str, *, seconds: float, query: Mapping[str, str] | None = None
    ) -> str:
        del port, path, seconds, query
        return self.expositions[pod.address]
