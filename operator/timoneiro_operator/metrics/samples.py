"""What one process of a model server shows at one moment, whatever kind of server it is."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

# Requests up to this bound are all there are.
ALL = math.inf
# Requests by class, or up to each bound, the last one ALL.
Histogram = Mapping[str | float, int]
# Beyond it a float does not hold every whole number any more, and no server has counted that far.
LARGEST_COUNT = 2**53


class NoSeries(ValueError):
    """The exposition has none of the series that the profile needs; the message names it."""


class Implausible(ValueError):
    """A series shows what no count of requests can be; the message names it, and not the pod."""


def whole(series: str, value: float) -> int:
    """A count as a counter shows it. Raises Implausible for what is no whole number of requests."""
    if not (0 <= value <= LARGEST_COUNT and value == int(value)):
        raise Implausible(f"series {series} shows {value:g}, which is not a count of requests")
    return int(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Counters of one process at one moment.

    `requests`: what was asked. `failed`: of these, what failed; or with `missing`, all that has not ended well, among
    which is what is in flight. `busy_seconds`: how long what is over was in flight, taken together. `begun`: what has
    arrived, whether or not it has ended; None where the server does not say.
    `latency`: requests that took at most so many seconds, by bound, the last one ALL; empty without a histogram.
    `outputs`: requests by what was answered, by the name of the output.
    `started`: its start time, by which a restart is known. `counters`: all that was read, by series: in one process
    none of them ever falls.
    """

    requests: int
    failed: int
    latency: Mapping[float, int] = field(default_factory=dict)
    outputs: Mapping[str, Histogram] = field(default_factory=dict)
    started: float | None = None
    counters: Mapping[str, int] = field(default_factory=dict)
    missing: bool = False
    busy_seconds: float = 0.0
    begun: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PodCounts:
    """What one pod did in one window, `seconds` long. `latency`, `outputs`, `begun` as in a sample.

    `well`: answered well.
    """

    requests: int = 0
    failed: int = 0
    well: int = 0
    begun: int | None = None
    latency: Mapping[float, int] = field(default_factory=dict)
    outputs: Mapping[str, Histogram] = field(default_factory=dict)
    seconds: float = 0.0
