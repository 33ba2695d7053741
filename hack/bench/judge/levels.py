"""What moves the rates of both arms together, and what moves those of single pods."""

from typing import Protocol

import numpy as np

from bench.judge.counts import Floats

_BURSTS, _BURST_FACTOR = 3, 20.0
_DAY_WINDOWS, _DAY_SWING = 60, 0.8


class Level(Protocol):
    """Factors on load and on error rate of both arms in a window, and what is added to the rates of both; each of
    shape (rollouts,)."""

    def at(self, index: int) -> tuple[Floats, Floats, Floats]: ...


class Steady:
    """The same all the time."""

    def __init__(self, rollouts: int) -> None:
        self._ones, self._none = np.ones(rollouts), np.zeros(rollouts)

    def at(self, index: int) -> tuple[Floats, Floats, Floats]:
        return self._ones, self._ones, self._none


class Bursts:
    """In three windows of a rollout both arms fail 20 times as often: something behind both of them breaks."""

    def __init__(self, dice: np.random.Generator, rollouts: int, windows: int) -> None:
        order = dice.random((rollouts, windows)).argsort(axis=1)
        self._factors = np.where(order < _BURSTS, _BURST_FACTOR, 1.0)

    def at(self, index: int) -> tuple[Floats, Floats, Floats]:
        rollouts = len(self._factors)
        return np.ones(rollouts), self._factors[:, index], np.zeros(rollouts)


class Diurnal:
    """Load and error rate swing by 80 % around their means; a day takes half an hour, and starts anywhere."""

    def __init__(self, dice: np.random.Generator, rollouts: int) -> None:
        self._phase = dice.random(rollouts)

    def at(self, index: int) -> tuple[Floats, Floats, Floats]:
        factor = 1.0 + _DAY_SWING * np.sin(2.0 * np.pi * (index / _DAY_WINDOWS + self._phase))
        return factor, factor, np.zeros(len(factor))


class Rise:
    """From a window on both arms fail by a factor more often, and go on so."""

    def __init__(self, rollouts: int, *, begin: int, factor: float) -> None:
        self._begin, self._steady, self._risen = begin, Steady(rollouts).at(0), np.full(rollouts, factor)

    def at(self, index: int) -> tuple[Floats, Floats, Floats]:
        load, errors, added = self._steady
        return load, self._risen if index >= self._begin else errors, added


class Outages:
    """Something behind both arms breaks, and its failures come on top of their own, whichever arm is asked.

    `begin`: the first windows of each. `windows`: how long one lasts. `part`: of the requests that fail in it.
    """

    def __init__(self, rollouts: int, *, begin: tuple[int, ...], windows: int, part: float) -> None:
        self._steady = Steady(rollouts).at(0)
        self._broken = {first + more for first in begin for more in range(windows)}
        self._part = np.full(rollouts, part)

    def at(self, index: int) -> tuple[Floats, Floats, Floats]:
        load, errors, added = self._steady
        return load, errors, self._part if index in self._broken else added


class Noise(Protocol):
    """Factors on the error rate of the candidate, shape (rollouts,), and of the stable's pods, (rollouts, pods)."""

    def draw(self) -> tuple[Floats, Floats]: ...


class Quiet:
    """All pods are alike."""

    def __init__(self, rollouts: int, pods: int = 1) -> None:
        self._candidate, self._stable = np.ones(rollouts), np.ones((rollouts, pods))

    def draw(self) -> tuple[Floats, Floats]:
        return self._candidate, self._stable


class Restless:
    """Every pod has a gamma factor of mean 1 in every window, with the coefficient of variation `cv`."""

    def __init__(self, dice: np.random.Generator, rollouts: int, *, cv: float, pods: int) -> None:
        self._dice, self._rollouts, self._cv, self._pods = dice, rollouts, cv, pods

    def draw(self) -> tuple[Floats, Floats]:
        shape = self._cv**-2
        factors = self._dice.gamma(shape, 1.0 / shape, size=(self._rollouts, 1 + self._pods))
        return factors[:, 0], factors[:, 1:]


class Persistent:
    """Every pod has one gamma factor of mean 1 for the whole rollout: a node that is a little bad stays so."""

    def __init__(self, dice: np.random.Generator, rollouts: int, *, cv: float, candidates: int, pods: int) -> None:
        shape = cv**-2
        self._candidate = dice.gamma(shape, 1.0 / shape, size=(rollouts, candidates)).mean(axis=1)
        self._stable = dice.gamma(shape, 1.0 / shape, size=(rollouts, pods))

    def draw(self) -> tuple[Floats, Floats]:
        return self._candidate, self._stable


class BadNodes:
    """One node of ten makes whatever runs on it fail three times as often; each pod is on a node of its own."""

    _PART, _FACTOR = 0.1, 3.0

    def __init__(self, dice: np.random.Generator, rollouts: int, *, candidates: int, pods: int) -> None:
        bad = np.zeros((rollouts, round(1 / self._PART)), dtype=np.bool_)
        bad[:, 0] = True
        placed = np.where(dice.permuted(bad, axis=1), self._FACTOR, 1.0)
        self._candidate = placed[:, :candidates].mean(axis=1)
        self._stable = np.where(dice.permuted(bad, axis=1), self._FACTOR, 1.0)[:, :pods]

    def draw(self) -> tuple[Floats, Floats]:
        return self._candidate, self._stable


class ColdStart:
    """In its first windows the candidate fails by the factor `factor` more often."""

    def __init__(self, rollouts: int, *, windows: int, factor: float) -> None:
        self._left, self._cold, self._warm = windows, np.full(rollouts, factor), np.ones(rollouts)

    def draw(self) -> tuple[Floats, Floats]:
        self._left -= 1
        return self._cold if self._left >= 0 else self._warm, self._warm[:, None]


class OwnBursts:
    """The candidate fails `factor` times as often in one of `every` windows, and less in the others: 1 on average."""

    def __init__(self, dice: np.random.Generator, rollouts: int, *, every: int, factor: float) -> None:
        self._dice, self._rollouts, self._part, self._factor = dice, rollouts, 1.0 / every, factor

    def draw(self) -> tuple[Floats, Floats]:
        quiet = (1.0 - self._part * self._factor) / (1.0 - self._part)
        candidate = np.where(self._dice.random(self._rollouts) < self._part, self._factor, quiet)
        return candidate, np.ones((self._rollouts, 1))
