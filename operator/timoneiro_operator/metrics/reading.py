"""What the Scrape source knows after a look at one ModelDeployment, and its text for the status.

The text holds what the next window begins with, so that an operator that is killed again and again still gets on: the
process after it goes on from the marks of the last recorded look, and loses and repeats nothing.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import msgspec

from timoneiro_operator.decide.steps import Arms
from timoneiro_operator.metrics.deltas import Mark
from timoneiro_operator.metrics.problem import Problem
from timoneiro_operator.metrics.samples import ALL, Sample

# Marks of some two hundred pods. Beyond it a restart of the operator costs the window that is open.
LONGEST_TEXT = 32 * 1024

ArmMarks = Mapping[str, Mark]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The state of the source for one ModelDeployment after a look."""

    arms: Arms
    looked_at: float
    # When the marks were taken: the window begins there, however many looks have failed since.
    marked_at: float | None = None
    stable: ArmMarks = field(default_factory=dict)
    candidate: ArmMarks = field(default_factory=dict)
    restarts: Mapping[str, int] = field(default_factory=dict)
    # Pods, by uid and restarts, whose counters were seen to do what those of one process never do.
    unusable: Mapping[tuple[str, int], Problem] = field(default_factory=dict)
    problem: tuple[str, str] | None = None
    problems: Mapping[str, str] = field(default_factory=dict)


class _Pod(msgspec.Struct, frozen=True, array_like=True):
    """The mark of one pod. `latency`: pairs of a bound in seconds, None for all of them, and a count.

    `outputs`: the same of bins, whose bounds are of no unit, or which are classes.
    """

    uid: str
    restarts: int
    at: float
    requests: int
    failures: int
    excess: int | None
    shown_requests: int
    shown_failed: int
    started: float | None
    missing: bool
    busy_seconds: float
    begun: int | None
    latency: tuple[tuple[float | None, int], ...]
    outputs: tuple[tuple[str, tuple[tuple[str | float | None, int], ...]], ...] = ()


class _Text(msgspec.Struct, frozen=True, array_like=True):
    arms: Arms
    marked_at: float
    stable: tuple[_Pod, ...]
    candidate: tuple[_Pod, ...]


def encode(reading: Reading, bounds: Collection[float], outputs: Collection[str] = ()) -> str | None:
    """The marks as text, with the counts at `bounds`, in seconds, and of `outputs`; None where there are too many."""
    if reading.marked_at is None:
        return None
    arms = [
        tuple(_pod(uid, mark, reading.restarts.get(uid, 0), {*bounds, ALL}, outputs) for uid, mark in marks.items())
        for marks in (reading.stable, reading.candidate)
    ]
    text = msgspec.json.encode(_Text(reading.arms, reading.marked_at, *arms)).decode()
    return text if len(text) <= LONGEST_TEXT else None


def _pod(uid: str, mark: Mark, restarts: int, bounds: Collection[float], outputs: Collection[str]) -> _Pod:
    sample = mark.sample
    return _Pod(
        uid=uid,
        restarts=restarts,
        at=mark.at,
        requests=mark.requests,
        failures=mark.failures,
        excess=mark.excess,
        shown_requests=sample.requests,
        shown_failed=sample.failed,
        started=sample.started,
        missing=sample.missing,
        busy_seconds=sample.busy_seconds,
        begun=sample.begun,
        latency=tuple((None if at == ALL else at, n) for at, n in sample.latency.items() if at in bounds),
        outputs=tuple(
            (name, tuple((None if bin == ALL else bin, n) for bin, n in counts.items()))
            for name, counts in sample.outputs.items()
            if name in outputs
        ),
    )


def decode(text: str) -> Reading | None:
    """The reading whose marks `encode` has written; None for a text that is none of ours."""
    try:
        kept = msgspec.json.decode(text, type=_Text)
    except (msgspec.ValidationError, msgspec.DecodeError):
        return None
    return Reading(
        arms=kept.arms,
        looked_at=kept.marked_at,
        marked_at=kept.marked_at,
        stable={pod.uid: _mark(pod) for pod in kept.stable},
        candidate={pod.uid: _mark(pod) for pod in kept.candidate},
        restarts={pod.uid: pod.restarts for pod in (*kept.stable, *kept.candidate)},
    )


def _mark(pod: _Pod) -> Mark:
    sample = Sample(
        requests=pod.shown_requests,
        failed=pod.shown_failed,
        latency={math.inf if at is None else at: n for at, n in pod.latency},
        outputs={name: {ALL if bin is None else bin: n for bin, n in counts} for name, counts in pod.outputs},
        started=pod.started,
        missing=pod.missing,
        busy_seconds=pod.busy_seconds,
        begun=pod.begun,
    )
    return Mark(sample=sample, at=pod.at, requests=pod.requests, failures=pod.failures, excess=pod.excess)
