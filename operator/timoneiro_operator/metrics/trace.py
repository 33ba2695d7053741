"""How one arm was asked, and what it showed: for people who want to know why there are counts, or none. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from timoneiro_operator.metrics.problem import Problem
from timoneiro_operator.metrics.samples import Sample
from timoneiro_operator.metrics.windows import ArmCounts


class TracedQuery(NamedTuple):
    """A query, and how many series it has brought."""

    query: str
    series: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """`counts`: what was counted `over` which time. `samples`: what each process shows now. `problem`: why not.

    `own`: how metrics of type Ratio were asked for, and `missing` why they cannot be measured, by metric.
    """

    query: str
    series: int = 0
    counts: ArmCounts = field(default_factory=ArmCounts)
    samples: tuple[Sample, ...] = ()
    over: str = ""
    own: Mapping[str, TracedQuery] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    problem: Problem | None = None
