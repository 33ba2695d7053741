"""Does a candidate answer as the stable model does? The evidence about shapes as a notebook uses it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from timoneiro_judge.shape import Bins, Difference, Shape

_HALF = 0.5
# A bin can hold no more than what a double counts exactly.
_LARGEST_COUNT = 2**53


@dataclass(frozen=True, kw_only=True)
class ShapeTrial:
    """Answers in bins so far, and what follows from them. Frozen: `add` returns the next one.

    Two models whose shares differ in every bin by at most `tolerance` (0.25: up to 1.25 times, in either direction)
    ever get the verdict Differs with a probability of at most `false_alarm`, however often it is checked. Different is
    not worse: a better model answers differently, too. Raises ValueError that names a setting out of its range.
    """

    tolerance: float = 0.25
    false_alarm: float = 0.01
    # All windows so far, folded; None before the first one.
    counted: Shape | None = None

    def __post_init__(self) -> None:
        if not 0 < self.false_alarm < _HALF:
            raise ValueError(f"false_alarm is {self.false_alarm}: it must be above 0 and below {_HALF}")
        if not 0 <= self.tolerance < math.inf:
            raise ValueError(f"tolerance is {self.tolerance}: it must not be below 0")

    def add(self, *, candidate: Mapping[Any, int], stable: Mapping[Any, int]) -> "ShapeTrial":
        """The trial with one more window: how many answers of each model fell into each bin, in the same time.

        Raises ValueError for what is no count: negative, or a fraction.
        """
        window = Bins(candidate=_counts("candidate", candidate), stable=_counts("stable model", stable))
        return replace(self, counted=self._shape.observe(window))

    @property
    def _shape(self) -> Shape:
        return self.counted or Shape(tolerance=self.tolerance)

    @property
    def verdict(self) -> Literal["Differs", "Undecided"]:
        """Differs or Undecided: that two models answer alike is never certain."""
        return "Differs" if self._shape.log_differs >= math.log(1.0 / self.false_alarm) else "Undecided"

    @property
    def evidence(self) -> float:
        """The e-value of "different", which is reached at 1 / false_alarm."""
        try:
            return math.exp(self._shape.log_differs)
        except OverflowError:
            return math.inf

    @property
    def most_different(self) -> Difference | None:
        """The bin that tells the models apart best, with its share of the answers of each."""
        return self._shape.most_different

    def to_text(self) -> str:
        """All of it as one line, exact to the last bit."""
        return f"{self.false_alarm!r} {self._shape.encode()}"

    @classmethod
    def from_text(cls, text: str) -> "ShapeTrial":
        """Inverse of `to_text`. Raises ValueError where it is none, or one of another edition of the judge."""
        try:
            probability, state = text.split()
            false_alarm = float(probability)
        except ValueError as error:
            raise ValueError(f"this is not a saved trial: {error}") from error
        counted = Shape.decode(state)
        return cls(tolerance=counted.tolerance, false_alarm=false_alarm, counted=counted)


def _counts(arm: str, bins: Mapping[Any, Any]) -> dict[str, int]:
    """Raises ValueError for what is no count."""
    for name, value in bins.items():
        number = float(value)
        if not (number.is_integer() and 0 <= number <= _LARGEST_COUNT):
            raise ValueError(f"bin {name} of the {arm} has {value} answers, which is not a count")
    return {str(name): int(value) for name, value in bins.items()}
