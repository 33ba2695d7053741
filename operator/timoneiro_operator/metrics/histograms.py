"""What the pods of both arms show in bins (classes, scores, latencies), turned into the bins of one window. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import cast

from timoneiro_judge.shape import Bins
from timoneiro_operator.api.analysis_spec import Analysis, Metric
from timoneiro_operator.metrics.samples import ALL, LARGEST_COUNT, Histogram, PodCounts, Sample


def outputs_of(analysis: Analysis) -> frozenset[str]:
    """Names of the outputs of a model server that are compared."""
    compared = (metric for metric in analysis.metrics if metric.type == "Outputs" and metric.bins is None)
    return frozenset(metric.output or "Prediction" for metric in compared)


def shape_bounds(analysis: Analysis, samples: Iterable[Sample]) -> frozenset[float]:
    """Bounds of the latencies that are compared by their shape: all that there are, or none."""
    if not any(metric.type == "LatencyShape" for metric in analysis.metrics):
        return frozenset()
    return frozenset(bound for sample in samples for bound in sample.latency)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmHistograms:
    """One arm in one window. `own`: of metrics with bins of their own, by name and pod."""

    pods: Sequence[PodCounts]
    own: Mapping[str, Sequence[Histogram]] = field(default_factory=dict)

    def of(self, metric: Metric) -> list[Histogram]:
        """What its pods have counted for one metric; a pod that does not show it has no part in it."""
        if metric.bins is not None:
            found = self.own.get(metric.name, ())
        elif metric.type == "LatencyShape":
            # A mapping of numbers is one of numbers or names, which is read only.
            found = [cast(Histogram, pod.latency) for pod in self.pods]
        else:
            found = [pod.outputs.get(metric.output or "Prediction", {}) for pod in self.pods]
        return [histogram for histogram in found if histogram]

    @property
    def answered(self) -> int:
        """Requests that its pods have answered well."""
        return sum(pod.well for pod in self.pods)


def shapes_of(
    analysis: Analysis, candidate: ArmHistograms, stable: ArmHistograms
) -> tuple[dict[str, Bins], dict[str, str]]:
    """The bins of both arms, by metric that compares shapes; and why there are none of the others."""
    shapes: dict[str, Bins] = {}
    problems: dict[str, str] = {}
    for metric in analysis.metrics:
        if not metric.is_shape:
            continue
        arms = candidate.of(metric), stable.of(metric)
        what = not_shown(metric, "candidate", candidate) or not_shown(metric, "stable model", stable)
        bounds = common_bounds([*arms[0], *arms[1]])
        bins = Bins(candidate=binned(metric, arms[0], bounds), stable=binned(metric, arms[1], bounds))
        what = what or _differing_bins(*arms) or _implausible(bins)
        if what is None:
            shapes[metric.name] = bins
        else:
            problems[metric.name] = what
    return shapes, problems


def not_shown(metric: Metric, name: str, arm: ArmHistograms) -> str | None:
    """Why nothing can be compared although an arm has answered requests; None where it shows what it answers."""
    if arm.of(metric) or not arm.answered:
        return None
    if metric.bins is not None:
        return f"the query for bins brings no series of the {name}"
    if metric.type == "LatencyShape":
        return f"no pod of the {name} shows a histogram of latencies"
    return (
        f"no pod of the {name} shows in bins what it answers (output {metric.output or 'Prediction'}): our own model "
        "server does; for others give bins, a selector of counters"
    )


def _implausible(bins: Bins) -> str | None:
    if max(sum(bins.candidate.values()), sum(bins.stable.values())) > LARGEST_COUNT:
        return "the counters have grown by more requests than any model can answer"
    return None


def _differing_bins(candidate: Sequence[Histogram], stable: Sequence[Histogram]) -> str | None:
    kinds = {isinstance(bin, str) for histogram in (*candidate, *stable) for bin in histogram}
    if len(kinds) > 1:
        return "one of the models answers with classes and the other with numbers"
    if kinds == {False} and common_bounds([*candidate, *stable]) == [ALL]:
        return "the pods of the two models share no bound of a bucket"
    return None


def common_bounds(histograms: Iterable[Histogram]) -> list[float]:
    """The bounds of buckets that all of them have, rising; empty where they have classes."""
    bounds = [{bound for bound in histogram if not isinstance(bound, str)} for histogram in histograms]
    return sorted(set.intersection(*bounds)) if bounds else []


def binned(metric: Metric, histograms: Iterable[Histogram], bounds: Sequence[float]) -> dict[str, int]:
    """All of them together by the name of a bin: a class, or the part between two bounds that all of them have.

    By both ends, so that a bin means the same where a window has other bounds in common.
    """
    total: dict[str | float, int] = {}
    for histogram in histograms:
        for bin, number in histogram.items():
            total[bin] = total.get(bin, 0) + number
    if not bounds:
        return {str(name): number for name, number in total.items()}
    unit = " s" if metric.type == "LatencyShape" else ""
    found = {f"at most {bounds[0]:g}{unit}": total.get(bounds[0], 0)}
    for lower, upper in pairwise(bounds):
        name = f"above {lower:g}{unit}" if upper == ALL else f"{lower:g} to {upper:g}{unit}"
        found[name] = max(0, total.get(upper, 0) - total.get(lower, 0))
    return found
