"""What both arms of many rollouts did: the arrays that scenarios give and judges take."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """Requests and events of candidate and stable, shape (rollouts,) for one window or (rollouts, windows) for all.

    `chi_square` and `freedom`: how the stable's pods differ (`timoneiro_judge.counts.Spread`).
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
        return combined(lambda values: values[kept], self)

    def at(self, window: int) -> "Windows":
        """One window of all rollouts; shape (rollouts,)."""
        return combined(lambda values: values[:, window], self)


def combined(change: Callable[..., Any], *windows: Windows) -> Windows:
    """What `change` makes of the same counts of all `windows`, for each of their counts."""
    return Windows(**{part.name: change(*(getattr(one, part.name) for one in windows)) for part in fields(Windows)})


def side_by_side(windows: list[Windows]) -> Windows:
    """Single windows put beside each other; shape (rollouts, windows)."""
    return combined(lambda *values: np.stack(values, axis=1), *windows)
