"""What both arms of many rollouts did: the arrays that scenarios give and judges take."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """Requests and events of candidate and stable, shape (rollouts,) for one window or (rollouts, windows) for all.

    `chi_square` and `freedom`: how the stable's pods differ (`timoneiro_operator.judge.comparison.Spread`).
    A window of which nothing is known has no requests in either arm.
    """

    candidate_requests: Ints
    candidate_events: Ints
    stable_requests: Ints
    stable_events: Ints
    chi_square: Floats
    freedom: Ints

    def rows(self, kept: Rows) -> "Windows":
        """The rollouts `kept`, in that order."""
        return Windows(
            candidate_requests=self.candidate_requests[kept],
            candidate_events=self.candidate_events[kept],
            stable_requests=self.stable_requests[kept],
            stable_events=self.stable_events[kept],
            chi_square=self.chi_square[kept],
            freedom=self.freedom[kept],
        )

    def at(self, window: int) -> "Windows":
        """One window of all rollouts; shape (rollouts,)."""
        return Windows(
            candidate_requests=self.candidate_requests[:, window],
            candidate_events=self.candidate_events[:, window],
            stable_requests=self.stable_requests[:, window],
            stable_events=self.stable_events[:, window],
            chi_square=self.chi_square[:, window],
            freedom=self.freedom[:, window],
        )


def side_by_side(windows: list[Windows]) -> Windows:
    """Single windows put beside each other; shape (rollouts, windows)."""
    return Windows(
        candidate_requests=np.stack([w.candidate_requests for w in windows], axis=1),
        candidate_events=np.stack([w.candidate_events for w in windows], axis=1),
        stable_requests=np.stack([w.stable_requests for w in windows], axis=1),
        stable_events=np.stack([w.stable_events for w in windows], axis=1),
        chi_square=np.stack([w.chi_square for w in windows], axis=1),
        freedom=np.stack([w.freedom for w in windows], axis=1),
    )
