"""The pictures of a report: weight, ratio, evidence, and a guard's rate over time. Pure: from content to SVG.

Text alternatives say in words what a picture shows: where it began, where it ended, and which bounds it has.
"""

import math
from collections.abc import Sequence

from timoneiro_operator.api.duration import format_duration
from timoneiro_operator.api.times import Moment
from timoneiro_operator.cli.report.content import MetricReport, Promises, Report, Together
from timoneiro_operator.cli.report.words import ratio_words, short
from timoneiro_operator.decide.text import percent
from timoneiro_page.chart import BOTTOM, LEFT, RIGHT, TOP, Chart
from timoneiro_page.scales import Scale, linear_ticks, log_ticks, time_ticks

# Beyond these a picture of a ratio says nothing more than "unknown".
_LEAST_RATIO, _MOST_RATIO = 1 / 32, 32.0
# Evidence below this is "none"; above the bounds it is enough, and three powers of ten more show that.
_LEAST_EVIDENCE, _BEYOND = 0.1, 1e3


class Time:
    """The time axis that all pictures of a report share, so that they can be read one below the other."""

    def __init__(self, report: Report) -> None:
        moments = [point.at for point in report.weights]
        moments += [point.at for metric in report.metrics for point in metric.trail]
        rollout = report.rollout
        if rollout is not None:
            moments += [moment for moment in (rollout.started_at, rollout.ended_at) if moment]
            moments += [report.generated_at] if rollout.outcome is None else []
        self._start = min(moments, default=report.generated_at)
        self.length = max(self.since_start(max(moments, default=self._start)), 1.0)
        self.scale = Scale(low=0.0, high=self.length, start=LEFT, end=RIGHT)

    def since_start(self, moment: Moment) -> float:
        """Seconds."""
        return (moment - self._start).total_seconds()

    def ticks(self) -> list[tuple[float, str]]:
        # Short forms: five of `2 min 30 s` have no room on a phone.
        return [(tick, _duration(tick) if tick else "0") for tick in time_ticks(self.length, 4)]


def weights_picture(report: Report, time: Time) -> str:
    """The staircase of the candidate's weight; nothing where no weight is known."""
    if not report.weights:
        return ""
    points = [(time.since_start(point.at), float(point.weight)) for point in report.weights]
    chart = Chart(x=time.scale, y=Scale(low=0, high=100, start=BOTTOM, end=TOP))
    chart.grid(time.ticks(), [(value, f"{value}%") for value in (0, 25, 50, 75, 100)])
    last = report.weights[-1].weight
    chart.staircase(points, time.length, "estimate", f"{last} %")
    way = ", ".join(f"{point.weight} % after {_duration(time.since_start(point.at))}" for point in report.weights)
    return chart.svg("weight", "Share of the traffic that the candidate has, over time", f"{way}.")


def ratio_picture(metric: MetricReport, time: Time, name: str) -> str:
    """The ratio in its shrinking confidence interval, against what is tolerated and what must not be promoted."""
    points = [(time.since_start(point.at), point.ratio) for point in metric.trail]
    known = [(at, ratio) for at, ratio in points if (ratio.estimate, ratio.lower, ratio.upper) != (None, None, None)]
    if not known:
        return ""
    levels = _levels(metric)
    low, high = _room(metric, [value for value, _, _ in levels])
    chart = Chart(x=time.scale, y=Scale(low=low, high=high, start=BOTTOM, end=TOP, log=True))
    chart.grid(time.ticks(), [(tick, f"{tick:g}x") for tick in log_ticks(low, high)])
    chart.band([(at, ratio.lower or low, high if ratio.upper is None else ratio.upper) for at, ratio in known], "ratio")
    for value, kind, label in levels:
        chart.level(value, kind, label)
    estimates = [(at, ratio.estimate or low) for at, ratio in known if ratio.estimate is not None]
    latest = metric.ratio.estimate
    chart.line(estimates, "estimate", f"ratio {short(latest)}" if latest is not None else "ratio")
    bounds = "".join(f"; {label.replace(' ', ' at ', 1)}" for _, _, label in levels)
    words = f"At first {ratio_words(known[0][1])}, at the end {ratio_words(known[-1][1])}{bounds}. Logarithmic scale."
    return chart.svg(
        name, f"{metric.name}: rate of the candidate divided by that of the stable model, over time", words
    )


def _levels(metric: MetricReport) -> list[tuple[float, str, str]]:
    levels = [(1.0, "same", "equal 1")]
    if metric.tolerance is not None and metric.margin is not None:
        levels.append((1 + metric.tolerance, "worse", f"allowed {1 + metric.tolerance:.3g}"))
        levels.append((1 + metric.margin, "better", f"margin {1 + metric.margin:.3g}"))
    return levels


def _room(metric: MetricReport, levels: Sequence[float]) -> tuple[float, float]:
    """All bounds and estimates and the last interval; the first ones are wider than anything that can be drawn."""
    shown = [*levels, 0.5, 2.0, metric.ratio.lower, metric.ratio.upper]
    shown += [point.ratio.estimate for point in metric.trail]
    values = [value for value in shown if value]
    low = max(min(values) * 0.8, _LEAST_RATIO)
    return low, max(min(max(values) * 1.25, _MOST_RATIO), max(levels) * 1.25)


def evidence_picture(metric: MetricReport, promises: Promises | None, time: Time, name: str) -> str:
    """Evidence for 'worse' and for 'not worse' on their way to their bounds; guards and shapes have only the first."""
    one_sided = metric.limit is not None or metric.shape is not None
    worse = [(time.since_start(point.at), point.worse) for point in metric.trail]
    better = [] if one_sided else [(time.since_start(point.at), point.not_worse) for point in metric.trail]
    lines = [(worse, "worse", f"worse {short(metric.worse)}")]
    if better:
        lines.append((better, "better", f"not worse {short(metric.not_worse)}"))
    elif all(value <= 1 for _, value in worse):
        # Nothing has ever spoken against it: a sentence says so in less room.
        return ""
    return _evidence(lines, promises, time, name, f"{metric.name}: evidence over time")


def together_picture(together: Together, promises: Promises | None, time: Time) -> str:
    """The evidence of 'worse' that decides."""
    line = [(time.since_start(point.at), point.worse) for point in together.trail]
    lines = [(line, "worse", f"worse {short(together.worse)}")]
    return _evidence(lines, promises, time, "together", "All metrics together: evidence of 'worse' over time")


def _evidence(
    lines: list[tuple[list[tuple[float, float]], str, str]],
    promises: Promises | None,
    time: Time,
    name: str,
    title: str,
) -> str:
    if not any(points for points, _, _ in lines):
        return ""
    kinds = {kind for _, kind, _ in lines}
    levels = []
    if promises is not None:
        levels.append((promises.worse_bound, "worse", f"rollback {short(promises.worse_bound)}"))
        if "better" in kinds and promises.promotion == "Evidence":
            levels.append((promises.not_worse_bound, "better", f"promote {short(promises.not_worse_bound)}"))
    top = max([value for value, _, _ in levels], default=100.0)
    most = max(value for points, _, _ in lines for _, value in points)
    high = max(3 * top, min(most * 1.5, top * _BEYOND))
    chart = Chart(x=time.scale, y=Scale(low=_LEAST_EVIDENCE, high=high, start=BOTTOM, end=TOP, log=True))
    chart.grid(time.ticks(), [(tick, short(tick)) for tick in _powers(high)])
    for value, kind, label in levels:
        chart.level(value, kind, label)
    for points, kind, label in lines:
        chart.line(points, kind, label)
    said = [
        f"Evidence of '{'not worse' if kind == 'better' else 'worse'}' was {short(points[0][1])} at first and "
        f"{short(points[-1][1])} at the end, {short(max(value for _, value in points))} at most"
        for points, kind, _ in lines
        if points
    ]
    bounds = "".join(f"; bound of {label.replace(' ', ': ')}" for _, _, label in levels)
    return chart.svg(name, title, f"{'. '.join(said)}{bounds}. Logarithmic scale; 1 is no evidence.")


def _powers(high: float) -> list[float]:
    return log_ticks(_LEAST_EVIDENCE, high, 4) if high < 1e3 else log_ticks(1.0, high, 5)


def guard_picture(metric: MetricReport, time: Time, name: str) -> str:
    """The candidate's rate so far against the limit."""
    limit = metric.limit or 0.0
    rates = [(point.at, point.candidate.rate) for point in metric.trail]
    points = [(time.since_start(at), rate) for at, rate in rates if rate is not None]
    if not points:
        return ""
    high = 1.25 * max(limit, 1e-6, *(rate for _, rate in points))
    chart = Chart(x=time.scale, y=Scale(low=0.0, high=high, start=BOTTOM, end=TOP))
    chart.grid(time.ticks(), [(tick, f"{100 * tick:.3g}%") for tick in linear_ticks(high, 5)])
    chart.level(limit, "worse", f"limit {percent(limit)}")
    chart.line(points, "estimate", f"now {percent(points[-1][1])}")
    words = f"{percent(points[0][1])} at first, {percent(points[-1][1])} at the end; limit {percent(limit)}."
    return chart.svg(name, f"{metric.name}: rate of the candidate, over time", words)


def _duration(seconds: float) -> str:
    """One unit where it is round: `90 s` is `1.5 min`, and `2 h` are not `120 min`."""
    for unit, word in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit and math.isclose(seconds * 10 / unit, round(seconds * 10 / unit)):
            return f"{seconds / unit:g} {word}"
    return format_duration(seconds)
