"""The product's whole policy for many rollouts at once: steps, minimum of requests, rollback, evidence, deadline.

The rules are those of `timoneiro_operator.decide`: a step ends when its time is over and the candidate has had its
requests; the last one also needs "not worse"; "worse" rolls back at once; what is open at the deadline is held.
"""

from dataclasses import dataclass

import numpy as np

from bench.judge.counts import Floats, Ints
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


CANARY = Schedule(weights=(5, 10, 25, 50), seconds=300.0, deadline=3600.0)


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


def play(source: WindowSource, schedule: Schedule, settings: Settings, *, rollouts: int) -> PlayedRollouts:
    """Play all rollouts to their end."""
    weights = np.array(schedule.weights) / 100.0
    judge = Judge(rollouts, settings)
    step = np.zeros(rollouts, dtype=np.int64)
    started, requests = np.zeros(rollouts, dtype=np.int64), np.zeros(rollouts, dtype=np.int64)
    rolled_back, promoted = np.full(rollouts, -1), np.full(rollouts, -1)
    failed = np.zeros(rollouts, dtype=np.int64)
    proven = np.zeros(rollouts, dtype=np.bool_)
    length = round(schedule.seconds / WINDOW_SECONDS)
    shares = np.zeros(schedule.windows)
    for index in range(schedule.windows):
        seen = source.window(index, weights[step])
        rows = np.flatnonzero((rolled_back < 0) & (promoted < 0))
        if not len(rows):
            shares[index:] = shares[index - 1]
            break
        seen = seen.rows(rows)
        judge.observe(seen, rows)
        both = seen.candidate_requests + seen.stable_requests
        shares[index] = seen.candidate_requests.sum() / max(both.sum(), 1)
        requests[rows] += seen.candidate_requests
        failed[rows] += seen.candidate_events
        rolled_back[rows[judge.is_worse(rows)]] = index
        rows = rows[rolled_back[rows] < 0]
        unproven = rows[~proven[rows]]
        proven[unproven] = judge.is_not_worse(unproven)
        over = (index + 1 - started[rows] >= length) & (requests[rows] >= MIN_REQUESTS)
        last = step[rows] == len(weights) - 1
        promoted[rows[over & last & proven[rows]]] = index
        onward = rows[over & ~last]
        step[onward] += 1
        started[onward], requests[onward] = index + 1, 0
    return PlayedRollouts(rolled_back=rolled_back, promoted=promoted, failed=failed, share=shares)
