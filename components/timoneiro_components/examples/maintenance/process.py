"""How machines wear out. Everything about it is here, in numbers: nothing else decides what is drawn.

A machine has a bearing and a seal, which wear independently, and lives from one reset to the next: it is new, was
repaired or was maintained. With each life

1. each part draws a rate (log-normal around `RATES` an hour, spread 0.3, and around the machine's own, spread 0.2). Its
   wear t hours after the reset is (rate t)^1.5;
2. each part draws a threshold (Weibull, shape 8, scale 1), at which it fails. Besides, a machine fails without any sign
   once in 6,000 hours on average;
3. maintenance is planned for an age between 250 and 500 hours, and done if the machine has not failed by then.

A repair takes 12 hours, maintenance 4; both reset both parts. A machine is watched for 960 hours; three of ten are sold
earlier, at any time after the first 200.

Sensors are read every full hour, with noise and around a level of the machine's own (`SENSORS`). Load goes up and down
every day, and with it temperature, pressure and current. A worn bearing raises vibration and temperature, a worn seal
lowers the pressure and raises the current.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..made import Indices, Reals

HOURS = 960
BEARING, SEAL = 0, 1
RATES = np.array([1 / 420, 1 / 500])
RATE_SPREAD, MACHINE_SPREAD = 0.3, 0.2
WEAR_POWER, THRESHOLD_SHAPE = 1.5, 8.0
SUDDEN = 1 / 6000
PLANNED = (250.0, 500.0)
REPAIR_HOURS, MAINTENANCE_HOURS = 12.0, 4.0
SOLD, SOLD_AFTER = 0.3, 200
# Of the load, which is about 0.7: how far it goes up and down in a day, and its noise.
LOAD, LOAD_SWING, LOAD_NOISE = 0.7, 0.2, 0.05


class Sensor(NamedTuple):
    """Its level, the spread of it between machines, what load and wear of each part add, and its noise. `power`: with
    which the wear shows, so that some sensors are silent for long."""

    name: str
    level: float
    machines: float
    load: float
    bearing: float
    seal: float
    power: float
    noise: float


SENSORS = (
    Sensor("vibration", 2.5, 0.4, 0.3, 2.0, 0.0, 2.0, 0.5),
    Sensor("temperature", 40.0, 3.0, 14.0, 8.0, 0.0, 1.0, 2.0),
    Sensor("pressure", 6.2, 0.2, -0.4, 0.0, -0.8, 1.5, 0.25),
    Sensor("current", 12.0, 1.0, 8.0, 0.5, 2.0, 1.0, 1.0),
)


@dataclass(frozen=True)
class MachineLives:
    """Lives of machines. Arrays of machines x lives, in hours of the observation: `start` of a life, `planned`
    maintenance and what `end`ed it, and whether that was a failure (`failed`); `rates` has the parts as third axis.
    Later lives of a machine than it had begin after everything. `watched`: the hours of each machine, up to HOURS."""

    start: Reals
    planned: Reals
    end: Reals
    failed: npt.NDArray[np.bool_]
    rates: Reals
    watched: Indices


@dataclass(frozen=True)
class Readings:
    """Machines x hours: the number of the `life` (-1 where a machine stands still), hours since the reset (`age`), and
    `values` with the sensors as third axis; both NaN where it stands still."""

    life: Indices
    age: Reals
    values: Reals


def machine_lives(machines: int, random: np.random.Generator) -> MachineLives:
    """The lives of `machines` machines."""
    own = random.normal(0.0, MACHINE_SPREAD, (machines, 2))
    lives: list[tuple[Any, ...]] = []
    start = np.zeros(machines)
    while (start < HOURS).any():
        rates = RATES * np.exp(own + random.normal(0.0, RATE_SPREAD, (machines, 2)))
        thresholds = random.weibull(THRESHOLD_SHAPE, (machines, 2))
        worn_out = (thresholds ** (1 / WEAR_POWER) / rates).min(axis=1)
        failure = start + np.minimum(worn_out, random.exponential(1 / SUDDEN, machines))
        planned = start + random.uniform(*PLANNED, machines)
        end = np.minimum(failure, planned)
        lives.append((start, planned, end, failure < planned, rates))
        start = np.ceil(end + np.where(failure < planned, REPAIR_HOURS, MAINTENANCE_HOURS))
    sold = random.random(machines) < SOLD
    watched = np.where(sold, random.integers(SOLD_AFTER, HOURS, machines), HOURS)
    starts, planned, ends, failed, rates = (np.stack(part, axis=1) for part in zip(*lives, strict=True))
    return MachineLives(starts, planned, ends, failed, rates, watched)


def read_sensors(machines: MachineLives, random: np.random.Generator) -> Readings:
    """What the sensors of all machines show in each hour, as if all of them were watched to the end."""
    count, hours = len(machines.watched), np.arange(HOURS)
    life = np.full((count, HOURS), -1)
    for number in range(machines.start.shape[1]):
        runs = (hours >= machines.start[:, number, None]) & (hours < machines.end[:, number, None])
        life[runs] = number
    rows = np.arange(count)[:, None]
    age = np.where(life >= 0, hours - machines.start[rows, life], np.nan)
    bearing, seal = np.moveaxis(wear(machines.rates[rows, life], age), -1, 0)
    phase = random.uniform(0, 2 * np.pi, (count, 1))
    load = LOAD + LOAD_SWING * np.sin(2 * np.pi * hours / 24 + phase) + LOAD_NOISE * random.normal(size=age.shape)
    values = [
        sensor.level
        + sensor.machines * random.normal(size=(count, 1))
        + sensor.load * load
        + sensor.bearing * bearing**sensor.power
        + sensor.seal * seal**sensor.power
        + sensor.noise * random.normal(size=age.shape)
        for sensor in SENSORS
    ]
    return Readings(life, age, np.stack(values, axis=-1))


def wear(rates: Reals, age: Reals) -> Reals:
    """Of each part `age` hours after the reset; `rates` has the parts as last axis."""
    worn: Reals = (rates * age[..., None]) ** WEAR_POWER
    return worn


def failure_probability(rates: Reals, age: Reals, planned: Reals, horizon: float) -> Reals:
    """That a machine which runs `age` hours after its reset fails within `horizon` hours, for someone who knows `rates`
    (parts as last axis), and so the wear, and that maintenance is `planned` at that age, but no threshold.

    Of a part with wear w below its threshold the hazard that adds up until wear v is v^8 - w^8. After maintenance only
    what fails without a sign counts: nothing wears out within a day (less than one in a million).
    """
    runs = np.minimum(horizon, np.maximum(planned - age, 0.0))
    stands = np.minimum(horizon - runs, MAINTENANCE_HOURS)
    hazards = wear(rates, age + runs) ** THRESHOLD_SHAPE - wear(rates, age) ** THRESHOLD_SHAPE
    probability: Reals = -np.expm1(-(hazards.sum(axis=-1) + SUDDEN * (horizon - stands)))
    return probability
