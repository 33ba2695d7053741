"""From values to places in a picture, and where the ticks go. Pure; every number that comes out is finite."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_DURATIONS = tuple(
    unit * count
    for unit, counts in (
        (1, (1, 2, 5, 10, 15, 30)),
        (60, (1, 2, 5, 10, 15, 30)),
        (3600, (1, 2, 3, 6, 12)),
        (86400, (1, 2, 7, 14, 28)),
    )
    for count in counts
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """`low` is drawn at `start` and `high` at `end`; what is beyond either, at its end. `log` needs 0 < low < high."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, value = (self._place(number) for number in (self.low, self.high, self._inside(value)))
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def _inside(self, value: float) -> float:
        return min(max(value, self.low), self.high)

    def _place(self, value: float) -> float:
        return math.log(value) if self.log else value


def time_ticks(seconds: float, most: int = 5) -> list[float]:
    """From 0, at most `most` of them, by a round duration; also for no time at all, and for years."""
    step = next((float(step) for step in _DURATIONS if seconds / step < most), None)
    if step is None:
        week = 7 * 86400
        step = week * math.ceil(seconds / most / week) + week
    return [step * index for index in range(math.floor(seconds / step) + 1)]


def linear_ticks(high: float, most: int = 5) -> list[float]:
    """From 0 to at most `high`, two to `most` of them, by 1, 2 or 5 times a power of ten.

    `high` is above 0, and `most` is 3 at least.
    """
    power = 10.0 ** math.floor(math.log10(high / most))
    step = next(power * factor for factor in (1, 2, 5, 10, 20) if high / (power * factor) < most)
    return [step * index for index in range(math.floor(high / step) + 1)]


def log_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """At most `most` (two at least) values in `low` .. `high`, 0 < low < high, as even on the scale as round ones are.

    Values 1, 2 and 5 of every power of ten where they fit, else powers of ten, or every second, third ... of them;
    where nothing round is inside, the ends.
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    exponents = range(first, last + 1)
    fine = [factor * 10.0**exponent for exponent in exponents for factor in (1, 2, 5)]
    choices = [fine] + [
        [10.0**power for power in exponents if power % step == 0] for step in range(1, len(exponents) + 1)
    ]
    for choice in choices:
        inside = [value for value in choice if low <= value <= high]
        if 2 <= len(inside) <= most:
            return inside
    return [low, high]


def spread(places: Sequence[float], *, gap: float, low: float, high: float) -> list[float]:
    """`places`, moved as little as a sweep finds, so that they are `gap` apart and inside `low` .. `high`.

    In the order that was given. Too many for the room: closer to each other, evenly.
    """
    order = sorted(range(len(places)), key=lambda index: places[index])
    gap = min(gap, (high - low) / (len(places) - 1)) if len(places) > 1 else gap
    moved = [0.0] * len(places)
    floor = low
    for index in order:
        moved[index] = max(min(max(places[index], low), high), floor)
        floor = moved[index] + gap
    ceiling = high
    for index in reversed(order):
        moved[index] = min(moved[index], ceiling)
        ceiling = moved[index] - gap
    return moved
