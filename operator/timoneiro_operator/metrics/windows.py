"""Counts of the pods of both arms, turned into the window of every metric of the spec. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from timoneiro_judge.counts import Counts, Spread, Window
from timoneiro_operator.api.analysis_spec import Analysis, Metric
from timoneiro_operator.api.duration import format_duration
from timoneiro_operator.decide.comparisons import PlannedComparison, bounds_key, planned
from timoneiro_operator.decide.observation import Answers, Metrics
from timoneiro_operator.metrics.deltas import since_start
from timoneiro_operator.metrics.histograms import ArmHistograms, shapes_of
from timoneiro_operator.metrics.samples import ALL, LARGEST_COUNT, Histogram, PodCounts, Sample

# The bound of a quantile is worth no more than the requests that it comes from.
_LEAST_REQUESTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmCounts:
    """One arm in one window.

    `own`: requests and events of metrics of type Ratio, by name and pod. `bins`: what pods have counted of metrics with
    bins of their own, by name and pod. `warming`: the pods that had not warmed up when the window began. What they did
    is compared with nothing.
    """

    pods: Mapping[str, PodCounts] = field(default_factory=dict)
    own: Mapping[str, Mapping[str, Counts]] = field(default_factory=dict)
    bins: Mapping[str, Mapping[str, Histogram]] = field(default_factory=dict)
    warming: frozenset[str] = frozenset()

    @property
    def histograms(self) -> ArmHistograms:
        """What the pods that had warmed up show in bins."""
        return ArmHistograms(
            pods=[counts for pod, counts in self.pods.items() if pod not in self.warming],
            own={
                name: [counts for pod, counts in pods.items() if pod not in self.warming]
                for name, pods in self.bins.items()
            },
        )

    @property
    def seconds(self) -> float:
        """What the counts are of, in the mean over its pods that are compared, or over all of them while none is.

        1 where all were read at the same moment.
        """
        every = {name: pod.seconds for name, pod in self.pods.items() if pod.seconds > 0}
        warm = [seconds for name, seconds in every.items() if name not in self.warming]
        known = warm or list(every.values())
        return sum(known) / len(known) if known else 1.0


def metrics_of(
    analysis: Analysis,
    bounds: Mapping[str, tuple[float, ...]],
    *,
    candidate: ArmCounts,
    stable: ArmCounts,
    end: float,
    seconds: float,
    problems: Mapping[str, str],
    aligned: bool,
    shown: Iterable[Sample] = (),
) -> Metrics:
    """All that one closed window says; `problems` by metric: it has no window, and nobody may think that it had.

    `aligned`: the counters of both arms were read at the same moment. `shown`: by the stable model's processes.
    """
    empty = Window(
        candidate=Counts(),
        stable=Counts(),
        aligned=aligned,
        candidate_seconds=candidate.seconds,
        stable_seconds=stable.seconds,
    )
    windows, lifetime = {}, {}
    lives = ArmCounts(pods={str(number): since_start(sample) for number, sample in enumerate(shown)})
    for item in planned(analysis, dict(bounds)):
        if item.metric.name in problems or (item.metric.type == "Latency" and item.bound is None):
            continue
        if item.metric.is_shape:
            continue
        arms = [by_pod(item, arm) for arm in (candidate, stable)]
        sums = [together(arm) for arm in arms]
        if any(counts.requests > LARGEST_COUNT for counts in sums):
            # Counters that fall and rise all the time, without a start time by which that would be known.
            sentence = f"metric {item.name}: the counters have grown by more requests than any model can answer"
            return Metrics(problem=("ImplausibleCounts", sentence), problems=problems)
        lifetime[item.name] = together(by_pod(item, lives))
        windows[item.name] = replace(empty, candidate=sums[0], stable=sums[1], spread=spread_of(arms[1]))
    warming = replace(empty, candidate=_warming_up(candidate), stable=_warming_up(stable))
    shapes, missing = shapes_of(analysis, candidate.histograms, stable.histograms)
    problems = {**problems, **missing}
    return Metrics(
        windows=windows,
        shapes=shapes,
        window_end=end,
        seconds=seconds,
        problems=problems,
        problem=standing(analysis, problems),
        warm_up=warming if candidate.warming or stable.warming else None,
        lifetime=lifetime,
    )


def answers_of(candidate: Mapping[str, PodCounts], stable: Mapping[str, PodCounts]) -> Answers:
    """Who has answered anything, of pods by name that were watched for the whole window."""
    pods = (*candidate.values(), *stable.values())
    begun = [sum(pod.begun or 0 for pod in arm.values()) for arm in (candidate, stable)]
    return Answers(
        candidate=sum(pod.well for pod in candidate.values()),
        stable=sum(pod.well for pod in stable.values()),
        begun=None if any(pod.begun is None for pod in pods) else (begun[0], begun[1]),
    )


def standing(analysis: Analysis, problems: Mapping[str, str]) -> tuple[str, str] | None:
    """Reason and sentence when a metric that decides cannot be measured; the others only miss their numbers."""
    for metric in analysis.metrics:
        # What a guard watches has to be there, whether or not it decides by itself.
        watched = metric.of if metric.type == "Guard" and metric.of else metric.name
        if watched in problems and metric.decides:
            return "MetricMissing", f"metric {metric.name}: {problems[watched]}"
    return None


def by_pod(item: PlannedComparison, arm: ArmCounts) -> list[Counts]:
    """Requests and events of one comparison, for each pod that has warmed up."""
    metric = item.metric
    if metric.type == "Ratio":
        return [counts for name, counts in arm.own.get(metric.name, {}).items() if name not in arm.warming]
    pods = [pod for name, pod in arm.pods.items() if name not in arm.warming]
    if metric.type == "Errors":
        return [Counts(requests=pod.requests, events=pod.failed) for pod in pods]
    assert item.bound is not None
    found = []
    for pod in pods:
        total = pod.latency.get(ALL, 0)
        found.append(Counts(requests=total, events=total - min(total, pod.latency.get(item.bound, total))))
    return found


def _warming_up(arm: ArmCounts) -> Counts:
    """Requests and failures of the pods that warm up."""
    pods = [pod for name, pod in arm.pods.items() if name in arm.warming]
    return Counts(requests=sum(pod.requests for pod in pods), events=sum(pod.failed for pod in pods))


def together(pods: Sequence[Counts]) -> Counts:
    """What all pods of an arm have counted."""
    return Counts(requests=sum(pod.requests for pod in pods), events=sum(pod.events for pod in pods))


def spread_of(pods: Sequence[Counts]) -> Spread:
    """How much the pods of an arm differ in one window: Pearson's chi-square of equal rates, for events that are rare.

    Load and bursts that all pods share leave it as it is.
    """
    pods = [pod for pod in pods if pod.requests]
    requests, events = sum(pod.requests for pod in pods), sum(pod.events for pod in pods)
    if len(pods) < 2 or not events:
        return Spread()
    expected = [pod.requests * events / requests for pod in pods]
    chi_square = sum((pod.events - mean) ** 2 / mean for pod, mean in zip(pods, expected, strict=True))
    return Spread(chi_square=chi_square, freedom=len(pods) - 1)


def find_bounds(
    analysis: Analysis, known: Mapping[str, tuple[float, ...]], samples: Iterable[Sample], stable: Iterable[Sample]
) -> tuple[dict[str, tuple[float, ...]], dict[str, str]]:
    """Bounds that are not fixed yet, by bounds_key, and why the others cannot be, by metric.

    A bound is a bucket that all pods have which have answered anything: most servers show no buckets before. It is
    fixed before the first window, so that no count can move it.
    """
    buckets = [set(sample.latency) - {ALL} for sample in samples if sample.latency]
    common = set.intersection(*buckets) if buckets else set()
    found: dict[str, tuple[float, ...]] = {}
    problems: dict[str, str] = {}
    for metric in analysis.metrics:
        if metric.type != "Latency":
            continue
        if not common:
            problems[metric.name] = "no pod shows a histogram of latencies, or they share no bucket"
            continue
        fixed = known.get(bounds_key(metric))
        if fixed is not None:
            if not common.issuperset(fixed):
                problems[metric.name] = f"a pod has no bucket of {', '.join(f'{bound:g} s' for bound in fixed)}"
            continue
        bounds = _of_quantile(metric.quantile, common, stable) if metric.quantile else _of_thresholds(metric, common)
        if isinstance(bounds, str):
            problems[metric.name] = bounds
        else:
            found[bounds_key(metric)] = bounds
    return found, problems


def _of_thresholds(metric: Metric, common: set[float]) -> tuple[float, ...] | str:
    """The smallest bucket that is not below each threshold: what is counted as slow is slower than asked for."""
    bounds = set()
    for wanted in (metric.threshold, *metric.thresholds):
        if wanted is None:
            continue
        above = [bound for bound in common if bound >= wanted.total_seconds() * (1 - 1e-9)]
        if not above:
            longest = format_duration(max(common)) if max(common) >= 1 else f"{max(common):g} s"
            return f"no bucket is at or above {wanted}; the last one is {longest}"
        bounds.add(min(above))
    return tuple(sorted(bounds))


def _of_quantile(quantile: float, common: set[float], stable: Iterable[Sample]) -> tuple[float, ...] | str:
    """The nearest bucket, by how many times more or fewer of the stable's requests so far are slower than wanted."""
    stable = list(stable)
    total = sum(sample.latency.get(ALL, 0) for sample in stable)
    if total < _LEAST_REQUESTS:
        return f"the stable model has answered {total} requests, and {_LEAST_REQUESTS} are needed to know its latency"
    slower = {bound: total - sum(sample.latency.get(bound, 0) for sample in stable) for bound in sorted(common)}
    if min(slower.values()) >= total:
        return "all requests of the stable model are slower than the last bucket: give its histogram a longer one"
    # With half a request more, none of so many is a share too.
    return (min(slower, key=lambda bound: abs(math.log((slower[bound] + 0.5) / ((1.0 - quantile) * total)))),)
