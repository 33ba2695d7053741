"""What one process of a model server shows at one moment, whatever kind of server it is."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

# Requests up to this bound are all there are.
ALL = math.inf


class NoSeries(ValueError):
    """The exposition has none of the series that the profile needs; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Counters of one process at one moment.

    `latency`: requests that took at most so many seconds, by bound, the last one ALL; empty without a histogram.
    `started`: its start time, by which a restart is known.
    """

    requests: int
    failed: int
    latency: Mapping[float, int] = field(default_factory=dict)
    started: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PodCounts:
    """What one pod did in one window. `latency` as in a sample; `seconds` from its first sample to its last one."""

    requests: int = 0
    failed: int = 0
    latency: Mapping[float, int] = field(default_factory=dict)
    seconds: float = 0.0
