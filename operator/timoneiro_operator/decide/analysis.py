"""Folds the counts of one window into the evidence that the status keeps, and judges it."""

import math

from timoneiro_operator.api.spec import Analysis, Metric
from timoneiro_operator.api.status import (
    AnalysisStatus,
    Counts,
    Evidence,
    MetricStatus,
    Ratio,
    Status,
    to_seconds,
    to_text,
)
from timoneiro_operator.decide.observation import Metrics
from timoneiro_operator.judge import comparison
from timoneiro_operator.judge.comparison import Comparison, Limits
from timoneiro_operator.judge.verdict import Judgement, Part, judge

# Beyond this an e-value says no more to anybody, and JSON has no infinity.
_LARGEST_LOG_E = math.log(1e12)


def comparisons_of(status: Status, analysis: Analysis) -> dict[str, Comparison]:
    """Evidence by metric name. A metric that is new, or whose limits were edited, starts from nothing."""
    kept = {metric.name: metric for metric in status.analysis.metrics} if status.analysis else {}
    return {metric.name: _restore(metric, kept.get(metric.name)) for metric in analysis.metrics}


def _restore(metric: Metric, kept: MetricStatus | None) -> Comparison:
    limits = Limits(tolerance=metric.tolerance, margin=metric.margin, negligible=metric.negligible)
    fresh = Comparison(limits=limits)
    if kept is None or kept.state is None:
        return fresh
    try:
        restored = Comparison.decode(kept.state)
    except ValueError:
        return fresh
    return restored if restored.limits == limits else fresh


def fold(status: Status, candidate: str, stable: str, analysis: Analysis, seen: Metrics) -> AnalysisStatus:
    """The analysis of the pair with the windows of this pass in it. A window that was counted changes nothing."""
    before = status.analysis
    last = to_seconds(before.last_window_end) if before and before.last_window_end else -math.inf
    if before is not None and (seen.window_end is None or seen.window_end <= last):
        return before
    comparisons = comparisons_of(status, analysis)
    if seen.window_end is not None:
        comparisons = {
            name: old.observe(seen.windows[name]) if name in seen.windows else old for name, old in comparisons.items()
        }
    judgement = judge_all(comparisons, analysis)
    return AnalysisStatus(
        candidate=candidate,
        stable=stable,
        metrics=tuple(_report(name, value, judgement) for name, value in comparisons.items()),
        last_window_end=to_text(seen.window_end) if seen.window_end is not None else None,
    )


def judge_all(comparisons: dict[str, Comparison], analysis: Analysis) -> Judgement:
    """The verdict with the error probabilities that the user has stated."""
    parts = {name: Part(evidence=comparison) for name, comparison in comparisons.items()}
    return judge(parts, false_rollback=analysis.false_rollback, false_promotion=analysis.false_promotion)


def _report(name: str, value: Comparison, judgement: Judgement) -> MetricStatus:
    estimate, lower, upper = (_rounded(number) for number in value.ratio)
    return MetricStatus(
        name=name,
        verdict=judgement.metrics[name],
        ratio=Ratio(estimate=estimate, lower=lower, upper=upper),
        candidate=_counts(value.candidate),
        stable=_counts(value.stable),
        evidence=Evidence(worse=_e_value(value.log_worse), not_worse=_e_value(value.best_log_not_worse)),
        state=value.encode(),
    )


def _counts(counts: comparison.Counts) -> Counts:
    return Counts(requests=counts.requests, events=counts.events)


def _rounded(number: float | None) -> float | None:
    return None if number is None else float(f"{number:.4g}")


def _e_value(log_e: float) -> float:
    return float(f"{math.exp(min(log_e, _LARGEST_LOG_E)):.4g}")
