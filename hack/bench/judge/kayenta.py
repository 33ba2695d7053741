"""Kayenta's judge of one metric (NetflixACAJudge), written anew from what it is documented to do.

A metric is two series of per-window error rates. High, and so a failed canary, when the lower end of the 98 %
Mann-Whitney interval of the Hodges-Lehmann shift is above a quarter of the shift's size and the mean is not lower.
Traffic does not enter it: a window of ten requests counts as much as one of ten thousand.
"""

import math

import numpy as np

from bench.judge.counts import Flags, Floats, Ints, Windows

_Z = 2.3263478740408408  # 99 % of the normal distribution: a two-sided interval of 98 %
_TOLERANCE = 0.25
_EVERY = 10  # windows of 30 s
_CHUNK = 200


def fails(candidate: Floats, stable: Floats) -> Flags:
    """Whether the canary is High; series of shape (rollouts, windows)."""
    rollouts, windows = candidate.shape
    found = np.zeros(rollouts, dtype=np.bool_)
    pairs = windows * windows
    rank = math.floor(pairs / 2 - _Z * math.sqrt(pairs * (2 * windows + 1) / 12.0))
    if rank < 1:
        return found  # too few windows for any interval
    middle = (pairs - 1) // 2, pairs // 2
    for first in range(0, rollouts, _CHUNK):
        part = slice(first, first + _CHUNK)
        shifts = (candidate[part, :, None] - stable[part, None, :]).reshape(-1, pairs)
        shifts.partition(sorted({rank - 1, *middle}), axis=1)
        lower, estimate = shifts[:, rank - 1], (shifts[:, middle[0]] + shifts[:, middle[1]]) / 2.0
        higher = candidate[part].mean(axis=1) >= stable[part].mean(axis=1)
        found[part] = (lower > _TOLERANCE * np.abs(estimate)) & higher
    return found


def _rates(windows: Windows) -> tuple[Floats, Floats]:
    candidate = windows.candidate_events / np.maximum(windows.candidate_requests, 1)
    stable = windows.stable_events / np.maximum(windows.stable_requests, 1)
    return candidate, stable


def at_the_end(windows: Windows) -> Ints:
    """Judged once, on all windows."""
    candidate, stable = _rates(windows)
    return np.where(fails(candidate, stable), candidate.shape[1] - 1, -1)


def every_five_minutes(windows: Windows) -> Ints:
    """Judged on all windows so far, every five minutes; one failure rolls back."""
    candidate, stable = _rates(windows)
    stopped = np.full(len(candidate), -1)
    for end in range(_EVERY, candidate.shape[1] + 1, _EVERY):
        rows = np.flatnonzero(stopped < 0)
        stopped[rows[fails(candidate[rows, :end], stable[rows, :end])]] = end - 1
    return stopped
