"""Counters of pods at two moments, turned into the counts of the window between them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from timoneiro_operator.metrics.samples import ALL, Histogram, PodCounts, Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The last sample of a pod, when it was taken, and what has been counted of it.

    Where only what ended well is counted, a request that is in flight looks failed, and may turn out well or never
    end. There, `excess` is by how much more is missing than there should be in flight; None before that is known. A
    failure counts when it is still missing at the next look, with the requests of its own look, and only new heights
    of it count, so that none is counted twice.
    """

    sample: Sample
    at: float
    requests: int
    failures: int
    excess: int | None = None

    @classmethod
    def first(cls, sample: Sample, at: float) -> "Mark":
        """A pod that is seen for the first time: what it did before belongs to no window."""
        return cls(sample=sample, at=at, requests=sample.requests, failures=sample.failed)

    @classmethod
    def zero(cls, sample: Sample, at: float) -> "Mark":
        """Of a process that has begun after the last look, at `at`: all that `sample` has counted is new."""
        nothing = Sample(requests=0, failed=0, started=sample.started, outputs={name: {} for name in sample.outputs})
        return cls(sample=nothing, at=at, requests=0, failures=0, excess=0)


def advance(
    before: Mapping[str, Mark], now: Mapping[str, Sample], at: float
) -> tuple[dict[str, PodCounts], dict[str, Mark]]:
    """Counts of the pods of one arm since `before` and until `at`, and the marks for the next window, both by pod.

    A pod that is new has no window yet. A pod whose process was restarted counts from zero: what it did between the
    last look and its end is lost, which is no evidence either way.
    """
    counts: dict[str, PodCounts] = {}
    # A pod that is missing at one look may come back: what it does meanwhile must not be lost, least of all failures.
    marks = dict(before)
    for pod, sample in now.items():
        mark = before.get(pod)
        if mark is None:
            marks[pod] = Mark.first(sample, at)
            continue
        if restarted(mark.sample, sample):
            mark = Mark.zero(sample, mark.at)
        was, after = mark.sample, _after(mark, sample, at)
        # Of what was missing at the first two looks nobody knows whether it had failed: it belongs to no window either.
        counting = mark.excess is not None or not sample.missing
        counts[pod] = PodCounts(
            requests=after.requests - mark.requests if counting else 0,
            failed=after.failures - mark.failures if counting else 0,
            well=max(0, (sample.requests - sample.failed) - (was.requests - was.failed)),
            begun=None if sample.begun is None else max(0, sample.begun - (was.begun or 0)),
            latency={bound: n - was.latency.get(bound, 0) for bound, n in sample.latency.items()},
            outputs={name: _grown(now, was.outputs.get(name, now)) for name, now in sample.outputs.items()},
        )
        marks[pod] = after
    return counts, marks


def _grown(now: Histogram, was: Histogram) -> Histogram:
    """What was not shown at the last look may have been counted at any time before."""
    return {bin: max(0, number - was.get(bin, 0)) for bin, number in now.items()}


def _after(mark: Mark, sample: Sample, at: float) -> Mark:
    """The mark after one more look at the same process."""
    if not sample.missing:
        requests, known = sample.requests, sample.failed
        excess = None
    else:
        # Little's law: in the mean as many are in flight as the time that they take grows by in a second.
        seconds = at - mark.at
        in_flight = round(max(0.0, sample.busy_seconds - mark.sample.busy_seconds) / seconds) if seconds > 0 else 0
        excess = sample.failed - in_flight
        if mark.excess is None:
            highest = max(mark.sample.failed, sample.failed) - in_flight
            return Mark(sample=sample, at=at, requests=sample.requests, failures=highest, excess=excess)
        requests, known = mark.sample.requests, min(mark.excess, excess)
    # No more than there were requests: what turns out later to have failed is counted with the next ones.
    failed = min(max(0, known - mark.failures), requests - mark.requests)
    return replace(mark, sample=sample, at=at, requests=requests, failures=mark.failures + failed, excess=excess)


def since_start(sample: Sample, now: float | None = None) -> PodCounts:
    """What a process has counted in its life, which is as long as that if it is `now`."""
    return PodCounts(
        requests=sample.requests,
        failed=sample.failed,
        well=max(0, sample.requests - sample.failed),
        latency=sample.latency,
        outputs=sample.outputs,
        seconds=0.0 if now is None or sample.started is None else max(0.0, now - sample.started),
    )


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
            return f"series {series} fell from {was} to {count}, but nothing shows that the process was restarted"
    return None
