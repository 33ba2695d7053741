"""The metrics of a report: evidence from the status, limits from the spec. Pure."""

from collections.abc import Sequence

from timoneiro_judge import Counts
from timoneiro_operator.api.analysis_spec import Analysis, Metric
from timoneiro_operator.api.analysis_status import AnalysisStatus, MetricStatus, TrailPoint
from timoneiro_operator.api.times import Moment
from timoneiro_operator.cli.report.content import (
    ArmReport,
    Interval,
    MetricReport,
    Point,
    Promises,
    Together,
    TogetherPoint,
)


def promises_of(analysis: Analysis) -> Promises:
    return Promises(
        false_rollback=analysis.false_rollback,
        false_promotion=analysis.false_promotion,
        worse_bound=1.0 / analysis.false_rollback,
        not_worse_bound=1.0 / analysis.false_promotion,
        promotion=analysis.promotion,
    )


def metrics_of(seen: AnalysisStatus, wanted: Analysis | None, *, going_on: bool = True) -> tuple[MetricReport, ...]:
    """One for each metric of the status, in its order; `wanted` None: its limits are not known. `going_on`: counts come
    in, so that what is undecided will be decided."""
    trail = comparable(seen)
    described = [_described(metric, wanted) for metric in seen.metrics]
    reports = []
    for index, (metric, known) in enumerate(zip(seen.metrics, described, strict=True)):
        guard = metric.limit is not None
        compared = known if known is not None and not guard else None
        ratio = compared if metric.shape is None else None
        reports.append(
            MetricReport(
                name=metric.name,
                type=known.type if known else None,
                role=metric.role,
                verdict=metric.verdict,
                tolerance=compared.tolerated if compared else None,
                margin=ratio.margin if ratio else None,
                negligible=ratio.negligible if ratio else None,
                of=known.of if known else None,
                bound=metric.bound,
                limit=metric.limit,
                shape=metric.shape,
                weight=_weight(metric, known, described),
                ratio=Interval(estimate=metric.ratio.estimate, lower=metric.ratio.lower, upper=metric.ratio.upper),
                worse=metric.evidence.worse,
                not_worse=metric.evidence.not_worse,
                candidate=_arm(metric.candidate),
                stable=None if guard else _arm(metric.stable),
                seconds_left=metric.seconds_left if going_on else None,
                problem=metric.problem,
                trail=tuple(_point(point.at, point.values[index], guard) for point in trail),
            )
        )
    return tuple(reports)


def together_of(metrics: Sequence[MetricReport]) -> Together | None:
    """None where there is no mean to speak of: for one metric that decides, or with weights that are not known."""
    deciding = [metric for metric in metrics if metric.role == "Required"]
    if len(deciding) < 2:
        return None
    weights = [metric.weight for metric in deciding if metric.weight is not None]
    if len(weights) < len(deciding):
        return None
    worse = _mean(weights, [metric.worse for metric in deciding])
    trail = tuple(
        TogetherPoint(at=points[0].at, worse=_mean(weights, [point.worse for point in points]))
        for points in zip(*(metric.trail for metric in deciding), strict=True)
    )
    return Together(worse=worse, trail=trail)


def comparable(seen: AnalysisStatus) -> tuple[TrailPoint, ...]:
    """The last points that are about the metrics that there are now: an edit of the spec may have changed them."""
    points: list[TrailPoint] = []
    for point in reversed(seen.trail):
        if len(point.values) != len(seen.metrics):
            break
        points.append(point)
    return tuple(reversed(points))


def _described(metric: MetricStatus, wanted: Analysis | None) -> Metric | None:
    """What the spec says of a metric. One of type Latency with several bounds is several in the status."""
    for known in wanted.metrics if wanted else ():
        if metric.name == known.name:
            return known
        if metric.bound is not None and metric.name == f"{known.name} {metric.bound:g}s":
            return known
    return None


def _weight(metric: MetricStatus, known: Metric | None, described: Sequence[Metric | None]) -> float | None:
    """Several bounds of one metric share its weight."""
    if known is None or metric.role == "Inform":
        return None
    return known.weight / sum(other is known for other in described)


def _mean(weights: Sequence[float], values: Sequence[float]) -> float:
    total = sum(weights)
    if not total:
        return 0.0
    return float(f"{sum(weight * value for weight, value in zip(weights, values, strict=True)) / total:.4g}")


def _arm(counts: Counts) -> ArmReport:
    rate = float(f"{counts.events / counts.requests:.4g}") if counts.requests else None
    return ArmReport(requests=counts.requests, events=counts.events, rate=rate)


def _point(at: Moment, values: Sequence[float | None], guard: bool) -> Point:
    """In the order that TrailPoint states; what a status of another version lacks is not known."""
    told = [*values, *(None for _ in range(9 - len(values)))]
    candidate, stable = (
        _arm(Counts(requests=int(told[first] or 0), events=int(told[first + 1] or 0))) for first in (5, 7)
    )
    return Point(
        at=at,
        ratio=Interval(estimate=told[0], lower=told[1], upper=told[2]),
        worse=1.0 if told[3] is None else told[3],
        not_worse=1.0 if told[4] is None else told[4],
        candidate=candidate,
        stable=None if guard else stable,
    )
