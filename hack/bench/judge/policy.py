"""The product's whole policy for many rollouts at once: steps, minimum of requests, rollback, evidence, deadline.

The rules are those of `timoneiro_operator.decide`: a step ends when its time is over and the candidate has had its
requests; the last one also needs "not worse", since it began where there is traffic enough; "worse" rolls back at once;
what is open at the deadline is held.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.judge.counts import Flags, Floats, Ints, Rows
from bench.judge.ours import Judge, Settings
from bench.judge.sources import WINDOW_SECONDS, WindowSource

MIN_REQUESTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Weights in percent, how long each lasts at least, and the deadline of the whole rollout; seconds."""

    weights: tuple[int, ...]
    seconds: float
    deadline: float

    @property
    def windows(self) -> int:
        return round(self.deadline / WINDOW_SECONDS)


# What a ModelDeployment gets that says nothing of its own.
SHIPPED = Schedule(weights=(5, 25, 50), seconds=600.0, deadline=6 * 3600.0)
LONG = Schedule(weights=(5, 25, 50), seconds=4 * 3600.0, deadline=24 * 3600.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedRollouts:
    """Index of the window after which each rollout was rolled back or promoted; -1 for not.

    `failed`: failures that the candidate has answered with until then. `share`: of the candidate in each window, mean
    over the rollouts still on their way; after the last of them has ended, what it was before.
    """

    rolled_back: Ints
    promoted: Ints
    failed: Ints
    share: Floats


def play(
    source: WindowSource, schedule: Schedule, settings: Settings, *, rollouts: int, others: Sequence[WindowSource] = ()
) -> PlayedRollouts:
    """Play all rollouts to their end. `others`: counts of more metrics, which are judged together with the first."""
    weights = np.array(schedule.weights) / 100.0
    judges = [Judge(rollouts, settings) for _ in (source, *others)]
    step = np.zeros(rollouts, dtype=np.int64)
    started, requests = np.zeros(rollouts, dtype=np.int64), np.zeros(rollouts, dtype=np.int64)
    rolled_back, promoted = np.full(rollouts, -1), np.full(rollouts, -1)
    failed = np.zeros(rollouts, dtype=np.int64)
    length = round(schedule.seconds / WINDOW_SECONDS)
    shares = np.zeros(schedule.windows)
    for index in range(schedule.windows):
        seen = [one.window(index, weights[step]) for one in (source, *others)]
        rows = np.flatnonzero((rolled_back < 0) & (promoted < 0))
        if not len(rows):
            shares[index:] = shares[index - 1]
            break
        seen = [one.rows(rows) for one in seen]
        first = seen[0]
        both = first.candidate_requests + first.stable_requests
        shares[index] = first.candidate_requests.sum() / max(both.sum(), 1)
        failed[rows] += first.candidate_events
        if index >= settings.warm_up:
            requests[rows] += first.candidate_requests
            for judge, counts in zip(judges, seen, strict=True):
                judge.observe(counts, rows)
            rolled_back[rows[is_worse(judges, rows)]] = index
        rows = rows[rolled_back[rows] < 0]
        over = (index + 1 - started[rows] >= length) & (requests[rows] >= MIN_REQUESTS)
        last = step[rows] == len(weights) - 1
        ready = rows[over & last]
        promoted[ready[np.all([judge.is_not_worse(ready) for judge in judges], axis=0)]] = index
        onward = rows[over & ~last]
        step[onward] += 1
        into_last = onward[step[onward] == len(weights) - 1]
        for judge in judges:
            judge.renew(into_last, share=float(weights[-1]), requests=float(both.mean()) * length)
        started[onward], requests[onward] = index + 1, 0
    return PlayedRollouts(rolled_back=rolled_back, promoted=promoted, failed=failed, share=shares)


def is_worse(judges: Sequence[Judge], rows: Rows) -> Flags:
    """Which of `rows` have a mean of the evidence of all metrics beyond the bound."""
    if len(judges) == 1:
        return judges[0].is_worse(rows)
    logs = np.logaddexp.reduce([judge.log_worse_that_counts(rows) for judge in judges]) - math.log(len(judges))
    found: Flags = logs >= -math.log(judges[0].settings.false_rollback)
    return found
