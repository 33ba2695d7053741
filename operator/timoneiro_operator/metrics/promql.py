"""Selectors of PromQL and the raw samples that they bring, turned into counts of a window. Pure.

Deltas are computed here, from raw samples: rate() and increase() extrapolate, and a sum of counters hides a restart.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from timoneiro_operator.judge.comparison import Counts
from timoneiro_operator.metrics.deltas import Mark, advance
from timoneiro_operator.metrics.profile import START_TIME, Profile
from timoneiro_operator.metrics.samples import PodCounts, Sample

# How far back a series may have its last sample before a window: what Prometheus itself calls stale after.
LOOKBACK_SECONDS = 300.0
_PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_POD_LABELS = ("uid", "pod", "instance")


@dataclass(frozen=True, slots=True)
class RawSeries:
    """Samples of one series in a range: (seconds since the epoch, value), the oldest first."""

    labels: Mapping[str, str]
    values: tuple[tuple[float, float], ...]

    @property
    def name(self) -> str:
        return self.labels.get("__name__", "")

    @property
    def pod(self) -> str:
        return next((self.labels[label] for label in _POD_LABELS if label in self.labels), "")


class Malformed(ValueError):
    """A selector or an answer that cannot be used; the message is a sentence for people."""


def rendered(text: str, placeholders: Mapping[str, str]) -> str:
    """`text` with its {{placeholders}} filled in. Raises Malformed for one that is not known."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in placeholders:
            raise Malformed(f"{{{{{name}}}}} is not known; there are {', '.join(sorted(placeholders))}")
        return placeholders[name]

    return _PLACEHOLDER.sub(value, text)


def selector_of(profile: Profile, labels: str) -> str:
    """All series of a profile in one selector, with `up` to know what was scraped at all."""
    names = "|".join(re.escape(name).replace("\\", "\\\\") for name in (*profile.series(), START_TIME, "up"))
    return f'{{__name__=~"{names}",{labels}}}'


def series_of(data: object) -> list[RawSeries]:
    """The series of a matrix as Prometheus' HTTP API answers it. Raises Malformed."""
    if not isinstance(data, dict) or data.get("resultType") != "matrix":
        raise Malformed("the answer is no range of raw samples: the query must be a selector of counters")
    found = []
    for item in data.get("result") or []:
        try:
            values = tuple((float(at), float(value)) for at, value in item["values"])
        except (KeyError, TypeError, ValueError) as error:
            raise Malformed("the answer has samples that cannot be read") from error
        found.append(RawSeries(labels=item.get("metric") or {}, values=values))
    return found


def last_scrapes(series: Iterable[RawSeries]) -> dict[str, tuple[float, float]]:
    """When each pod was scraped the last time, and whether that went well (1), by pod.

    A pod may have had another series before: of a target that was found without all of its labels.
    """
    found: dict[str, tuple[float, float]] = {}
    for one in series:
        if one.name == "up" and one.values:
            found[one.pod] = max(found.get(one.pod, one.values[-1]), one.values[-1])
    return found


def histories(series: Iterable[RawSeries], profile: Profile) -> dict[str, list[tuple[float, Sample]]]:
    """What each pod showed, by pod and in time. Raises ValueError for counters that are no numbers."""
    by_pod: dict[str, dict[float, list[tuple[str, Mapping[str, str], float]]]] = {}
    for one in series:
        if one.name == "up":
            continue
        moments = by_pod.setdefault(one.pod, {})
        for at, value in one.values:
            moments.setdefault(at, []).append((one.name, one.labels, value))
    return {
        pod: [(at, profile.sample(values, profile.series())) for at, values in sorted(moments.items())]
        for pod, moments in by_pod.items()
    }


def counts_between(history: Sequence[tuple[float, Sample]], start: float, end: float) -> PodCounts:
    """What a pod did after `start` and until `end`. Before its first sample nothing is known of it."""
    marks: dict[str, Mark] = {}
    requests = failed = 0
    latency: dict[float, int] = {}
    for at, sample in history:
        if at > end:
            break
        counts, marks = advance(marks, {"pod": sample})
        if at > start and "pod" in counts:
            requests += counts["pod"].requests
            failed += counts["pod"].failed
            for bound, number in counts["pod"].latency.items():
                latency[bound] = latency.get(bound, 0) + number
    return PodCounts(requests=requests, failed=min(failed, requests), latency=latency)


def several_processes(history: Sequence[tuple[float, Sample]]) -> bool:
    """Whether start times go back: workers that are scraped in turn, and no restart."""
    times = [sample.started for _, sample in history if sample.started is not None]
    return any(later < earlier for earlier, later in pairwise(times))


def increase(series: RawSeries, start: float, end: float) -> int:
    """By how much a counter grew after `start` and until `end`, restarts included. Raises Malformed for no number."""
    total, before = 0.0, None
    for at, value in series.values:
        if at > end:
            break
        if not math.isfinite(value):
            raise Malformed(f"series {series.name or 'without a name'} has a value that is no number")
        if before is not None and at > start:
            total += value - before if value >= before else value
        before = value
    return round(total)


def own_counts(events: Sequence[RawSeries], total: Sequence[RawSeries], start: float, end: float) -> dict[str, Counts]:
    """Requests and events of a metric of type Ratio, by pod. A counter of events that is not there has counted none."""
    counts: dict[str, list[int]] = {}
    for position, group in enumerate((total, events)):
        for one in group:
            counts.setdefault(one.pod, [0, 0])[position] += increase(one, start, end)
    return {pod: Counts(requests=n, events=min(e, n)) for pod, (n, e) in counts.items()}
