"""What becomes of the counts on their way to the judge: windows that were missed, pods that were restarted."""

import operator
from dataclasses import replace

import numpy as np

from bench.judge.counts import Flags, Floats, Ints, Windows, combined
from bench.judge.sources import WindowSource

_MISSED = 0.2
_RESTARTS = 0.05


class Gaps:
    """One window in five cannot be read. `merged`: its counts come with the next one; otherwise they are lost.

    Counts are not carried across a change of the share: another split is another stretch of time.
    """

    def __init__(self, dice: np.random.Generator, source: WindowSource, *, merged: bool) -> None:
        self._dice, self._source, self._merged = dice, source, merged
        self._waiting: tuple[Floats, Windows] | None = None

    def window(self, index: int, share: Floats) -> Windows:
        seen = self._source.window(index, share)
        if self._waiting is not None:
            seen = _sum(seen, _kept(self._waiting[1], self._waiting[0] == share))
        missed = self._dice.random(len(share)) < _MISSED
        if self._merged:
            self._waiting = (share.copy(), _kept(seen, missed))
        return _kept(seen, ~missed)


class Resets:
    """In one window of twenty one pod of an arm is restarted, and its counts of that window are lost.

    Half of the candidate's counts (two pods), a ninth of the stable's.
    """

    def __init__(self, dice: np.random.Generator, source: WindowSource) -> None:
        self._dice, self._source = dice, source

    def window(self, index: int, share: Floats) -> Windows:
        seen = self._source.window(index, share)
        n_c, e_c = self._rest(seen.candidate_requests, seen.candidate_events, 1 / 2)
        n_s, e_s = self._rest(seen.stable_requests, seen.stable_events, 1 / 9)
        return replace(seen, candidate_requests=n_c, candidate_events=e_c, stable_requests=n_s, stable_events=e_s)

    def _rest(self, requests: Ints, events: Ints, lost: float) -> tuple[Ints, Ints]:
        kept = np.where(self._dice.random(len(requests)) < _RESTARTS, 1.0 - lost, 1.0)
        failed = self._dice.binomial(events, kept)
        return failed + self._dice.binomial(requests - events, kept), failed


def _kept(seen: Windows, there: Flags) -> Windows:
    return combined(lambda values: values * there, seen)


def _sum(one: Windows, other: Windows) -> Windows:
    return combined(operator.add, one, other)
