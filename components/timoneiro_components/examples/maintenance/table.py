"""Machines as a plant sees them at one moment: features of their sensors, and whether they failed within 24 hours.

Features look back only, and no further than the last reset. A moment is one whose next 24 hours were watched: where a
machine was sold before they ended, nobody knows the answer. That holds for machines that failed in these hours, too:
with them alone, all last hours would be failures.

A machine has one moment, so that rows are independent, and no machine is on both sides of a split.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..made import Indices, MadeUp, Reals
from .process import (
    HOURS,
    SENSORS,
    MachineLives,
    Readings,
    failure_probability,
    machine_lives,
    read_sensors,
)

HORIZON = 24
# Hours of the mean, of the slope (which needs a day), and of the first readings after a reset.
MEAN_HOURS, SLOPE_HOURS, SLOPE_LEAST, FIRST_HOURS = 24, 72, 24, 24
_AT_ONCE = 500  # machines: 960 hours of them take 15 MB a sensor and array


def machines(count: int = 12000, *, seed: int = 2026) -> pd.DataFrame:
    """One moment of each of about `count` machines, 4 % of which fail within 24 hours."""
    return machines_and_odds(count, seed=seed).table


def machines_and_odds(count: int = 12000, *, seed: int = 2026) -> MadeUp:
    """The same rows, with the probability of each that the machine fails, for someone who sees the wear itself."""
    random = np.random.default_rng(seed)
    parts = [_some(first, min(_AT_ONCE, count - first), random) for first in range(0, count, _AT_ONCE)]
    table = pd.concat([part.table for part in parts], ignore_index=True)
    return MadeUp(table, np.concatenate([part.probability for part in parts]))


def look_back(readings: Readings, machine: Indices, hour: Indices) -> pd.DataFrame:
    """Features of `machine` (its row in `readings`) at `hour`, from readings up to and with that hour.

    Of each sensor: its mean over a day; by how much that is above the first day after the reset (missing on the first
    two days), and its slope a day over three days (missing on the first).
    """
    age = readings.age[machine, hour].astype(int)
    reset = hour - age
    ago = np.arange(SLOPE_HOURS)
    since = ago <= age[:, None]  # the reset
    recent = readings.values[machine[:, None], np.maximum(hour[:, None] - ago, 0)]
    mean = _mean(recent[:, :MEAN_HOURS], since[:, :MEAN_HOURS])
    first = readings.values[machine[:, None], np.minimum(reset[:, None] + np.arange(FIRST_HOURS), hour[:, None])]
    rise = np.where((age >= 2 * FIRST_HOURS)[:, None], mean - first.mean(axis=1), np.nan)
    count = since.sum(axis=1)
    # Of a line through the readings, by least squares: hours from their middle.
    distance = np.where(since, (count[:, None] - 1) / 2 - ago, 0.0)
    spread = np.where(count >= SLOPE_LEAST, (distance**2).sum(axis=1), np.nan)
    slope = 24 * (np.where(since[:, :, None], recent, 0.0) * distance[:, :, None]).sum(axis=1) / spread[:, None]
    columns = {"hours_since_reset": age}
    for number, sensor in enumerate(SENSORS):
        columns[f"{sensor.name}_mean"] = mean[:, number].round(4)
        columns[f"{sensor.name}_rise"] = rise[:, number].round(4)
        columns[f"{sensor.name}_slope"] = slope[:, number].round(5)
    return pd.DataFrame(columns)


def fails_within(lives: MachineLives, machine: Indices, hour: Indices) -> npt.NDArray[np.bool_]:
    """Whether a failure begins in the 24 hours after `hour`."""
    end = np.where(lives.failed, lives.end, np.inf)[machine]
    later = hour[:, None]
    found: npt.NDArray[np.bool_] = np.any((end > later) & (end <= later + HORIZON), axis=1)
    return found


def _mean(readings: Reals, counted: npt.NDArray[np.bool_]) -> Reals:
    """Of machines x hours x sensors over those hours that are counted."""
    total = np.where(counted[:, :, None], readings, 0.0).sum(axis=1)
    mean: Reals = total / counted.sum(axis=1)[:, None]
    return mean


def _some(first: int, count: int, random: np.random.Generator) -> MadeUp:
    lives = machine_lives(count, random)
    readings = read_sensors(lives, random)
    known = (readings.life >= 0) & (np.arange(HOURS) <= (lives.watched - HORIZON)[:, None])
    chosen = np.where(known, random.random(known.shape), -1.0).argmax(axis=1)
    machine = np.arange(count)[known.any(axis=1)]
    hour = chosen[machine]
    life = readings.life[machine, hour]
    planned = lives.planned[machine, life]
    table = look_back(readings, machine, hour)
    table.insert(0, "machine", [f"m{first + number:05d}" for number in machine])
    table.insert(1, "hour", hour)
    table.insert(3, "hours_to_maintenance", (planned - hour).round(1))
    table["fails"] = fails_within(lives, machine, hour)
    age = readings.age[machine, hour]
    odds = failure_probability(lives.rates[machine, life], age, age + planned - hour, HORIZON)
    return MadeUp(table, odds)
