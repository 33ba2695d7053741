"""Counters of pods at two moments, turned into the counts of the window between them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from timoneiro_operator.judge.comparison import Counts
from timoneiro_operator.metrics.profiles import Sample


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


def advance(before: Mapping[str, Mark], now: Mapping[str, Sample]) -> tuple[Counts, dict[str, Mark]]:
    """Counts of one arm since `before`, and the marks for the next window, both by pod.

    A pod that is new has no window yet. A pod whose process was restarted counts from zero: what it did between the
    last look and its end is lost, which is no evidence either way.
    """
    requests = events = 0
    # A pod that is missing at one look may come back: what it does meanwhile must not be lost, least of all failures.
    marks = dict(before)
    for pod, sample in now.items():
        mark = before.get(pod)
        if mark is None:
            marks[pod] = Mark.first(sample)
            continue
        if _restarted(mark.sample, sample):
            mark = Mark(sample=replace(sample, requests=0, failed=0), counted_failures=0)
        new_requests = sample.requests - mark.sample.requests
        new_failures = max(0, sample.failed - mark.counted_failures)
        requests += new_requests
        events += min(new_failures, new_requests)
        marks[pod] = Mark(sample=sample, counted_failures=max(mark.counted_failures, sample.failed))
    return Counts(requests=requests, events=events), marks


def _restarted(before: Sample, now: Sample) -> bool:
    if before.started is not None and now.started is not None and before.started != now.started:
        return True
    return now.requests < before.requests
