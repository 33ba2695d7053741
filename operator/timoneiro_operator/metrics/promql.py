"""What Prometheus is asked, and the raw samples that it answers with, turned into counts of a window. Pure.

Deltas are computed here, from raw samples: rate() and increase() extrapolate, and a sum of counters hides a restart.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from timoneiro_judge.counts import Counts
from timoneiro_operator.api.analysis_spec import Analysis
from timoneiro_operator.api.promql import (
    NAME,
    NAMESPACE,
    Matcher,
    Selector,
    filled,
    matchers,
    quoted,
    selector,
    written,
)
from timoneiro_operator.metrics.deltas import Mark, advance, fallen
from timoneiro_operator.metrics.problem import Problem, ProblemError
from timoneiro_operator.metrics.profile import BOUND_LABEL, START_TIME, Profile, bin_of
from timoneiro_operator.metrics.samples import Histogram, Implausible, PodCounts, Sample, whole
from timoneiro_operator.metrics.series import Malformed, RawSeries

# How far back a series may have its last sample before a window: what Prometheus itself calls stale after.
LOOKBACK_SECONDS = 300.0
_LATE_MOMENTS = 3
# Longer than most requests are in flight.
_LOOK_SECONDS = 10.0


def range_query(selector: Selector, namespace: str, seconds: float) -> str:
    """The raw samples of the last `seconds`, of series of `namespace` only. PromQL takes whole numbers."""
    return f"{written(selector, namespace)}[{math.ceil(1000 * seconds)}ms]"


def of_namespace(namespace: str) -> str:
    """What is wanted of every series, for a sentence about some that are not found."""
    return f'with the label {NAMESPACE}="{namespace}"'


def profile_selector(profile: Profile, labels: str, placeholders: Mapping[str, str]) -> Selector:
    """All series of a profile at once, with `up` to know what was scraped at all. Raises BadSelector."""
    names = "|".join(quoted(name) for name in (*profile.series(), START_TIME, "up"))
    return (Matcher(NAME, "=~", names), *filled(matchers(labels), placeholders))


class Selectors(NamedTuple):
    """Of a metric of type Ratio, ready to be asked."""

    events: Selector
    total: Selector


def own_selectors(analysis: Analysis, placeholders: Mapping[str, str]) -> dict[str, Selectors]:
    """The selectors of all metrics of type Ratio, by name. Raises BadSelector."""
    return {
        metric.name: Selectors(
            filled(selector(metric.events), placeholders), filled(selector(metric.total), placeholders)
        )
        for metric in analysis.metrics
        if metric.type == "Ratio" and metric.events is not None and metric.total is not None
    }


class Histories(NamedTuple):
    """What each pod showed in time, by pod; and what is wrong with those of which nothing can be counted."""

    shown: dict[str, list[tuple[float, Sample]]]
    implausible: dict[str, str]


def histories(series: Iterable[RawSeries], profile: Profile) -> Histories:
    """What each pod showed. What cannot be is counted as little as what came before it."""
    by_pod: dict[str, dict[float, list[tuple[str, Mapping[str, str], float]]]] = {}
    for one in series:
        if one.name == "up":
            continue
        moments = by_pod.setdefault(one.pod, {})
        for at, value in one.values:
            moments.setdefault(at, []).append((one.name, one.labels, value))
    found = Histories({}, {})
    for pod, moments in by_pod.items():
        try:
            found.shown[pod] = _plausible(_complete(sorted(moments.items())), profile)
        except Implausible as error:
            found.implausible[pod] = str(error)
    return found


def _plausible(
    moments: Sequence[tuple[float, list[tuple[str, Mapping[str, str], float]]]], profile: Profile
) -> list[tuple[float, Sample]]:
    """The samples since the last one that cannot be.

    Raises Implausible when that is the last one of all, or when a counter of the process that runs now has fallen.
    """
    history: list[tuple[float, Sample]] = []
    fell: tuple[str, float | None] | None = None
    error: Implausible | None = None
    for at, values in moments:
        try:
            sample, error = profile.sample(values, profile.series()), None
        except Implausible as caught:
            history, error = [], caught
            continue
        what = fallen(history[-1][1], sample) if history else None
        if what is not None:
            history, fell = [], (what, sample.started)
        history.append((at, sample))
    if error is not None:
        raise error
    if fell is not None and history[-1][1].started == fell[1]:
        raise Implausible(fell[0])
    return history


def _complete(
    moments: list[tuple[float, list[tuple[str, Mapping[str, str], float]]]],
) -> list[tuple[float, list[tuple[str, Mapping[str, str], float]]]]:
    """Without the last moments that lack a series which the one before them had.

    Where series are written one by one they are on their way, and half of a pod looks like failures. After a few
    moments they are gone: a process that was restarted shows them only when it needs them.
    """

    def series_at(index: int) -> set[tuple[tuple[str, str], ...]]:
        return {tuple(sorted(labels.items())) for _, labels, _ in moments[index][1]}

    for _ in range(_LATE_MOMENTS):
        if len(moments) < 2 or series_at(-1) >= series_at(-2):
            break
        moments = moments[:-1]
    return moments


def counts_between(history: Sequence[tuple[float, Sample]], start: float, end: float) -> PodCounts:
    """What a pod did after `start` and until `end`. Before its first sample nothing is known of it."""
    marks: dict[str, Mark] = {}
    total = PodCounts()
    first, last = math.inf, math.inf
    for at, sample in _apart(history):
        if at > end:
            break
        counts, marks = advance(marks, {"pod": sample}, at)
        first, last = at if at <= start else min(first, at), at
        if at > start and "pod" in counts:
            total = _sum(total, counts["pod"])
    return replace(total, seconds=last - first if last > first else 0.0)


def _apart(history: Sequence[tuple[float, Sample]]) -> Iterator[tuple[float, Sample]]:
    """The moments that are looked at: where requests in flight are among those that are missing, they need their time.

    By the clock, so that two windows side by side look at the same ones.
    """
    cell: float | None = None
    for at, sample in history:
        if sample.missing and at // _LOOK_SECONDS == cell:
            continue
        cell = at // _LOOK_SECONDS
        yield at, sample


def _sum(one: PodCounts, other: PodCounts) -> PodCounts:
    bounds = one.latency.keys() | other.latency.keys()
    names = one.outputs.keys() | other.outputs.keys()
    return PodCounts(
        requests=one.requests + other.requests,
        failed=one.failed + other.failed,
        well=one.well + other.well,
        begun=None if other.begun is None else (one.begun or 0) + other.begun,
        latency={bound: one.latency.get(bound, 0) + other.latency.get(bound, 0) for bound in bounds},
        outputs={name: _added(one.outputs.get(name, {}), other.outputs.get(name, {})) for name in names},
    )


def _added(one: Histogram, other: Histogram) -> Histogram:
    return {bin: one.get(bin, 0) + other.get(bin, 0) for bin in one.keys() | other.keys()}


def several_processes(history: Sequence[tuple[float, Sample]]) -> bool:
    """Whether start times go back: workers that are scraped in turn, and no restart."""
    times = [sample.started for _, sample in history if sample.started is not None]
    return any(later < earlier for earlier, later in pairwise(times))


def bins_selectors(analysis: Analysis, placeholders: Mapping[str, str]) -> dict[str, tuple[Selector, str]]:
    """Of all metrics with bins of their own, by name: the selector, and the label of a bin. Raises BadSelector."""
    return {
        metric.name: (filled(selector(metric.bins), placeholders), metric.bin_label or BOUND_LABEL)
        for metric in analysis.metrics
        if metric.bins is not None
    }


def own_bins(bins: Iterable[RawSeries], label: str, start: float, end: float) -> dict[str, Histogram]:
    """Requests by the bin that `label` names, by pod; with the label `le` by the bound of a bucket.

    Raises Malformed for a series without the label; ProblemError where a pod shows what is no count.
    """
    bins = list(bins)
    first: dict[str, float] = {}
    for one in bins:
        first[one.pod] = min([first.get(one.pod, math.inf), *(at for at, _ in one.values[:1])])
    pods: dict[str, dict[str | float, int]] = {pod: {} for pod in first}
    for one in bins:
        try:
            bin = bin_of(one.name, label, one.labels)
            grown = increase(one, start, end, born_after=first[one.pod])
        except Implausible as error:
            raise ProblemError(*Problem.implausible(one.pod or "without a name", str(error))) from error
        if bin is None:
            raise Malformed(f"a series of bins has no label {label}, which names the bin: set binLabel")
        pods[one.pod][bin] = pods[one.pod].get(bin, 0) + grown
    return {**pods}


def increase(series: RawSeries, start: float, end: float, *, born_after: float = math.inf) -> int:
    """By how much a counter grew after `start` and until `end`, restarts included. Raises Implausible for no count.

    Before its first sample nothing is known of it; unless that comes after `born_after`: then it was not there before,
    and began at zero.
    """
    total, before = 0, None
    for at, value in series.values:
        if at > end:
            break
        count = whole(series.name or "without a name", value)
        if before is None and at > born_after:
            before = 0
        if before is not None and at > start:
            total += count - before if count >= before else count
        before = count
    return total


def own_counts(events: Sequence[RawSeries], total: Sequence[RawSeries], start: float, end: float) -> dict[str, Counts]:
    """Requests and events of a metric of type Ratio, by pod. A counter of events that is not there has counted none.

    Raises Malformed where events come from pods of which there is no total: nobody could say a share of what they are;
    ProblemError where a pod shows what is no count.
    """
    first: dict[str, float] = {}
    for one in total:
        first[one.pod] = min([first.get(one.pod, math.inf), *(at for at, _ in one.values[:1])])
    counts: dict[str, list[int]] = {pod: [0, 0] for pod in first}
    for position, group in enumerate((total, events)):
        for one in group:
            try:
                grown = increase(one, start, end, born_after=first.get(one.pod, math.inf))
            except Implausible as error:
                raise ProblemError(*Problem.implausible(one.pod or "without a name", str(error))) from error
            if one.pod not in counts:
                if grown:
                    raise Malformed(
                        f"there are events of {one.pod or 'no pod'}, and no total: both need the same label"
                    )
                continue
            counts[one.pod][position] += grown
    return {pod: Counts(requests=n, events=min(e, n)) for pod, (n, e) in counts.items()}
