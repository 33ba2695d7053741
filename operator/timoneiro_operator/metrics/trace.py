"""How one arm was asked, and what it showed: for people who want to know why there are counts, or none. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from timoneiro_operator.decide.comparisons import PlannedComparison
from timoneiro_operator.metrics.problem import Problem
from timoneiro_operator.metrics.samples import Sample
from timoneiro_operator.metrics.windows import ArmCounts, by_pod, together


class TracedQuery(NamedTuple):
    """A query, and how many series it has brought."""

    query: str
    series: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """`counts`: what was counted `over` which time. `samples`: what each process shows now. `problem`: why not.

    `seconds`: that time, where it is the same for all that was counted; 0 where each pod has its own, or none is known.
    `own`: how metrics of type Ratio were asked for, and `missing` why they cannot be measured, by metric.
    """

    query: str
    series: int = 0
    counts: ArmCounts = field(default_factory=ArmCounts)
    samples: tuple[Sample, ...] = ()
    over: str = ""
    seconds: float = 0.0
    own: Mapping[str, TracedQuery] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    problem: Problem | None = None

    def per_second(self, item: PlannedComparison) -> float | None:
        """Requests of one comparison in a second; None where nobody knows how long they took to come."""
        if self.seconds:
            return together(by_pod(item, self.counts)).requests / self.seconds
        pods = self.counts.pods.values()
        if not pods or any(pod.seconds <= 0 for pod in pods):
            return None
        return sum(pod.requests / pod.seconds for pod in pods)
