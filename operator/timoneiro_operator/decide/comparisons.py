"""The metrics of a spec as the judge's parts, with the evidence that the status keeps of each.

A metric of type Latency with several bounds is as many parts, which share its weight; a Guard has no evidence of its
own, and looks at that of another metric.
"""

import zlib
from typing import NamedTuple

from timoneiro_judge.comparison import Comparison
from timoneiro_judge.counts import Dispersion, Limits
from timoneiro_judge.shape import Shape
from timoneiro_judge.text import decode, encode
from timoneiro_judge.verdict import Guard, Part
from timoneiro_operator.api.analysis_spec import Analysis, Metric
from timoneiro_operator.api.analysis_status import AnalysisStatus, MetricStatus, Role
from timoneiro_operator.decide.observation import Metrics


class PlannedComparison(NamedTuple):
    """One comparison. `bound`: seconds, with type Latency; None also while it is not fixed yet."""

    name: str
    metric: Metric
    bound: float | None
    weight: float


def bounds_key(metric: Metric) -> str:
    """Name of a metric and what is wanted of its bounds: they are fixed only as long as the same is wanted."""
    wanted = (metric.threshold, *metric.thresholds) if metric.quantile is None else (f"p{100 * metric.quantile:g}",)
    return f"{metric.name}>{','.join(str(one) for one in wanted if one)}"


def planned(analysis: Analysis, bounds: dict[str, tuple[float, ...]]) -> tuple[PlannedComparison, ...]:
    """All comparisons of the spec in its order; `bounds` as in the status."""
    found: list[PlannedComparison] = []
    for metric in analysis.metrics:
        if metric.type == "Guard":
            continue
        # Of a latency alone: no other key says what is wanted.
        fixed = bounds.get(bounds_key(metric), ())
        if len(fixed) > 1:
            weight = metric.weight / len(fixed)
            found += [PlannedComparison(f"{metric.name} {bound:g}s", metric, bound, weight) for bound in fixed]
        else:
            found.append(PlannedComparison(metric.name, metric, next(iter(fixed), None), metric.weight))
    return tuple(found)


def restored(plan: tuple[PlannedComparison, ...], kept: AnalysisStatus | None) -> dict[str, Comparison | Shape]:
    """Evidence by name. What is new, or whose limits, bound or counters were edited, starts from nothing."""
    known = {metric.name: metric for metric in kept.metrics} if kept else {}
    return {item.name: _restore(item, known.get(item.name)) for item in plan}


def _restore(item: PlannedComparison, kept: MetricStatus | None) -> Comparison | Shape:
    metric = item.metric
    state = _without_label(metric, kept.state) if kept is not None and kept.state is not None else None
    if metric.is_shape:
        return _restored_shape(Shape(tolerance=metric.tolerated), state)
    return evidence_of(state if kept is not None and kept.bound == item.bound else None, limits_of(metric))


def text_of_evidence(metric: Metric, evidence: Comparison | Shape) -> str:
    """The evidence for the status, with what it is about: under the same name something else may be counted."""
    text = evidence.encode() if isinstance(evidence, Shape) else encode(evidence)
    return f"{_label(metric)} {text}"


def _label(metric: Metric) -> str:
    """The same for what counts the same."""
    if metric.type == "Ratio":
        counted: tuple[str | None, ...] = (metric.events, metric.total)
    elif metric.bins is not None:
        counted = (metric.bins, metric.bin_label or "le")
    else:
        counted = (metric.output or "Prediction",) if metric.type == "Outputs" else ()
    return f"{metric.type}-{zlib.crc32(repr(counted).encode()):08x}" if counted else metric.type


def _without_label(metric: Metric, state: str) -> str | None:
    """The text of the evidence; None where it is about something else. Older versions have not said about what."""
    label, _, text = state.rpartition(" ")
    return text if label in ("", _label(metric)) else None


def evidence_of(state: str | None, limits: Limits) -> Comparison:
    """The evidence that was kept as `state`; nothing where it is of other limits, or cannot be read."""
    try:
        evidence = decode(state) if state is not None else None
    except ValueError:
        evidence = None
    return evidence if evidence is not None and evidence.limits == limits else Comparison.begun(limits)


def _restored_shape(fresh: Shape, state: str | None) -> Shape:
    try:
        shape = Shape.decode(state) if state is not None else fresh
    except ValueError:
        return fresh
    return shape if shape.tolerance == fresh.tolerance else fresh


def observed(item: PlannedComparison, evidence: Comparison | Shape, seen: Metrics) -> Comparison | Shape:
    """The evidence with what was seen in a window; without a window of it, as it is."""
    dispersion = dispersion_of(item.metric)
    if isinstance(evidence, Shape):
        bins = seen.shapes.get(item.name)
        # How much the pods differ in their events says nothing of a shape: nothing is estimated.
        return evidence if bins is None else evidence.observe(bins, dispersion.factor)
    window = seen.windows.get(item.name)
    return evidence if window is None else evidence.observe(window, dispersion)


def role_of(metric: Metric) -> Role:
    return "Required" if metric.decides else "Inform"


def limits_of(metric: Metric) -> Limits:
    return Limits(tolerance=metric.tolerated, margin=metric.margin, negligible=metric.negligible)


def dispersion_of(metric: Metric) -> Dispersion:
    return Dispersion(factor=metric.over_dispersion.factor, most=metric.over_dispersion.most)


def parts_of(
    analysis: Analysis, plan: tuple[PlannedComparison, ...], comparisons: dict[str, Comparison | Shape]
) -> dict[str, Part]:
    """What is judged, by name: comparisons first, guards after them."""
    parts = {
        item.name: Part(
            evidence=comparisons[item.name],
            weight=item.weight,
            required=item.metric.decides,
            min_events=item.metric.min_events,
            min_difference=item.metric.min_difference,
        )
        for item in plan
    }
    first = {item.metric.name: comparisons[item.name] for item in reversed(plan)}
    for metric in analysis.metrics:
        watched = first.get(metric.of) if metric.type == "Guard" and metric.of is not None else None
        if isinstance(watched, Comparison) and metric.max is not None:
            parts[metric.name] = Part(
                evidence=Guard(of=watched, limit=metric.max),
                weight=metric.weight,
                required=metric.decides,
                min_events=metric.min_events,
            )
    return parts
