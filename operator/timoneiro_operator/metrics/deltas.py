"""Counters of pods at two moments, turned into the counts of the window between them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from timoneiro_operator.metrics.samples import ALL, PodCounts, Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The last sample of a pod, and how many of its failures have been counted.

    A request that is between predict and postprocess while the pod is read looks failed and turns out well later. The
    count of failures therefore only follows new heights of `failed`, so that none is counted twice.
    """

    sample: Sample
    counted_failures: int

    @classmethod
    def first(cls, sample: Sample) -> "Mark":
        """A pod that is seen for the first time: what it did before belongs to no window."""
        return cls(sample=sample, counted_failures=sample.failed)

    @classmethod
    def zero(cls, started: float | None) -> "Mark":
        """A process that has begun after the last look: all it has counted is new."""
        return cls(sample=Sample(requests=0, failed=0, started=started), counted_failures=0)


def advance(before: Mapping[str, Mark], now: Mapping[str, Sample]) -> tuple[dict[str, PodCounts], dict[str, Mark]]:
    """Counts of the pods of one arm since `before`, and the marks for the next window, both by pod.

    A pod that is new has no window yet. A pod whose process was restarted counts from zero: what it did between the
    last look and its end is lost, which is no evidence either way.
    """
    counts: dict[str, PodCounts] = {}
    # A pod that is missing at one look may come back: what it does meanwhile must not be lost, least of all failures.
    marks = dict(before)
    for pod, sample in now.items():
        mark = before.get(pod)
        if mark is None:
            marks[pod] = Mark.first(sample)
            continue
        if restarted(mark.sample, sample):
            mark = Mark.zero(sample.started)
        requests = sample.requests - mark.sample.requests
        failures = max(0, sample.failed - mark.counted_failures)
        counts[pod] = PodCounts(
            requests=requests,
            failed=min(failures, requests),
            latency={bound: n - mark.sample.latency.get(bound, 0) for bound, n in sample.latency.items()},
        )
        marks[pod] = Mark(sample=sample, counted_failures=max(mark.counted_failures, sample.failed))
    return counts, marks


def restarted(before: Sample, now: Sample) -> bool:
    """Whether the counters began anew between the two."""
    if before.started is not None and now.started is not None and before.started != now.started:
        return True
    return now.requests < before.requests or now.latency.get(ALL, 0) < before.latency.get(ALL, 0)


def fallen(before: Sample, now: Sample) -> str | None:
    """What fell between two looks at the same process, in words: no counter does. None where all is well.

    A server that shows no start time is taken for restarted when its requests fall: nothing else tells.
    """
    same = before.started is not None and before.started == now.started
    if not same and restarted(before, now):
        return None
    for series, count in now.counters.items():
        was = before.counters.get(series, 0)
        if count < was:
            return f"series {series} fell from {was} to {count}, and nothing says that the process was restarted"
    return None
