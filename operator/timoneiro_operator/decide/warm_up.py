"""Warm-up: what a pod does before it has warmed up says nothing of its model, unless it fails as no start explains.

A pod warms up for `analysis.warmUp` from when it is ready, and those of the candidate from its first traffic, if that
comes later: caches, connections and compilers warm up by requests. The clock alone says which counts are left out,
whatever they are, so that the error probabilities of those that are compared stay as they are.

Meanwhile failures have a limit. Evidence that it is passed is judged together with the metrics, and has a hundredth of
the weight in their mean, so that all of them together keep falseRollback.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from timoneiro_judge import Comparison, Counts, Guard, Limits, Part
from timoneiro_judge.text import encode
from timoneiro_operator.api.analysis_spec import Analysis, Metric
from timoneiro_operator.api.analysis_status import WarmUp
from timoneiro_operator.api.status import Status
from timoneiro_operator.api.times import Moment
from timoneiro_operator.decide.comparisons import dispersion_of, evidence_of
from timoneiro_operator.decide.observation import Metrics

# A gateway accepts a weight before all of its processes have it, and what is under way ends as it began.
SETTLE_SECONDS = 5.0
# It costs the metrics ln(1 / 0.99) of evidence. Who fails all the time passes a bound that is a hundred times as high
# seven failures later.
_SHARE = 0.01
# Its name among the parts that are judged. No metric has it.
START_LIMIT = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartLimit(Guard):
    """Failures above the limit, and above what is tolerated beside the stable model: in an outage both fail."""

    @property
    def log_worse(self) -> float:
        """ln E against "the rate is at most the limit, or hardly higher than the stable model's"."""
        return self.of.log_worse


def settle_seconds(analysis: Analysis) -> float:
    """How long after a weight was accepted nothing is counted; no longer than a pod warms up."""
    return min(SETTLE_SECONDS, analysis.warm_up.total_seconds())


def traffic_since(status: Status, revision: str) -> float:
    """When `revision` got its first traffic, in seconds since the epoch; minus infinity for what is no candidate."""
    candidate = status.candidate
    if candidate is None or candidate.revision != revision:
        return -math.inf
    return math.inf if candidate.traffic_since is None else candidate.traffic_since.timestamp()


def warms_up_until(status: Status, analysis: Analysis) -> Moment | None:
    """When pods that were ready at the candidate's first traffic have warmed up; None before it gets any."""
    candidate = status.candidate
    if candidate is None or candidate.traffic_since is None:
        return None
    return candidate.traffic_since + analysis.warm_up


def counted_warm_up(before: WarmUp | None, analysis: Analysis, seen: Metrics) -> WarmUp | None:
    """What is kept of the warm-up, with what pods of the candidate that warm up did in the window of this pass."""
    metric, warming = _limited(analysis), seen.warm_up
    if metric is None or warming is None or not warming.candidate.requests:
        return before
    # All pods of the stable model: it is to be seen whether it fails as badly.
    warm = seen.windows[metric.name].stable if metric.name in seen.windows else Counts()
    stable = Counts(requests=warm.requests + warming.stable.requests, events=warm.events + warming.stable.events)
    found = _comparison(before, analysis, metric).observe(replace(warming, stable=stable), dispersion_of(metric))
    return WarmUp(limit=analysis.warm_up_limit, candidate=found.candidate, stable=found.stable, state=encode(found))


def with_start_limit(parts: Mapping[str, Part], kept: WarmUp | None, analysis: Analysis) -> dict[str, Part]:
    """All that is judged, with the limit among it where a pod of the candidate was seen warming up."""
    metric = _limited(analysis)
    if kept is None or metric is None:
        return dict(parts)
    weight = sum(part.weight for part in parts.values() if part.required) * _SHARE / (1 - _SHARE)
    limit = StartLimit(of=_comparison(kept, analysis, metric), limit=analysis.warm_up_limit)
    return {**parts, START_LIMIT: Part(evidence=limit, weight=weight, min_events=metric.min_events)}


def _limited(analysis: Analysis) -> Metric | None:
    """The metric whose events are limited: the failures that decide, if there is a limit."""
    if analysis.warm_up_limit >= 1:
        return None
    deciding = (metric for metric in analysis.metrics if metric.type == "Errors" and metric.decides)
    return next(deciding, None)


def _comparison(kept: WarmUp | None, analysis: Analysis, metric: Metric) -> Comparison:
    """The evidence so far; nothing of it where the limits were edited."""
    limits = Limits(tolerance=metric.tolerated, margin=metric.margin, negligible=analysis.warm_up_limit)
    return evidence_of(kept.state if kept is not None else None, limits)
