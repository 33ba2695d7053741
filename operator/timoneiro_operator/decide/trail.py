"""How the evidence of a rollout went, in few points: what a report draws."""

import msgspec

from timoneiro_operator.api.analysis_status import AnalysisStatus, MetricStatus, TrailPoint
from timoneiro_operator.api.status import Step

# The status of an object is no place for a time series: beyond this every second point is given up.
MOST_POINTS = 64


def longer(analysis: AnalysisStatus, step: Step | None) -> AnalysisStatus:
    """The analysis with where it is now as one more point of its trail. `last_window_end` is that point's time."""
    assert analysis.last_window_end is not None
    point = TrailPoint(
        at=analysis.last_window_end,
        weight=step.weight if step else 0,
        values=tuple(_values(metric) for metric in analysis.metrics),
    )
    trail = analysis.trail
    if len(trail) >= MOST_POINTS:
        trail = trail[::2]
    return msgspec.structs.replace(analysis, trail=(*trail, point))


def _values(metric: MetricStatus) -> tuple[float | None, ...]:
    """In the order that TrailPoint states."""
    return (
        metric.ratio.estimate,
        metric.ratio.lower,
        metric.ratio.upper,
        metric.evidence.worse,
        metric.evidence.not_worse,
        metric.candidate.requests,
        metric.candidate.events,
        metric.stable.requests,
        metric.stable.events,
    )
