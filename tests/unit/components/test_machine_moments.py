"""The made-up machines: the same every time, looking back only, and as probable as they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from timoneiro_components.examples.made import Indices, MadeUp
from timoneiro_components.examples.maintenance import process, table

FEW = 2500


@pytest.fixture(scope="module")
def made() -> MadeUp:
    return table.machines_and_odds(FEW)


@pytest.fixture(scope="module")
def lives() -> process.MachineLives:
    return process.machine_lives(200, np.random.default_rng(3))


@pytest.fixture(scope="module")
def readings(lives: process.MachineLives) -> process.Readings:
    return process.read_sensors(lives, np.random.default_rng(4))


def running(readings: process.Readings, seed: int) -> tuple[Indices, Indices]:
    """Every machine, and an hour at which it runs."""
    chance = np.random.default_rng(seed).random(readings.life.shape)
    return np.arange(len(readings.life)), np.where(readings.life >= 0, chance, -1).argmax(axis=1)


def test_the_same_seed_gives_the_same_rows(made: MadeUp) -> None:
    pd.testing.assert_frame_equal(table.machines(FEW), made.table)


def test_another_seed_gives_others() -> None:
    assert not table.machines(20, seed=1)["hour"].equals(table.machines(20, seed=2)["hour"])


def test_a_machine_is_there_once(made: MadeUp) -> None:
    assert made.table["machine"].is_unique and len(made.table) == FEW


def test_between_2_and_8_of_100_machines_fail_within_a_day(made: MadeUp) -> None:
    assert 0.02 < made.table["fails"].mean() < 0.08


def test_what_is_missing_is_missing_only_soon_after_a_reset(made: MadeUp) -> None:
    late = made.table[made.table["hours_since_reset"] >= 48]
    early = made.table[made.table["hours_since_reset"] < 23]
    assert not late.isna().any(axis=None) and early["vibration_slope"].isna().all()


@pytest.mark.parametrize("seed", range(5))
def test_what_comes_later_changes_no_feature(readings: process.Readings, seed: int) -> None:
    machine, hour = running(readings, seed)
    later = np.arange(process.HOURS) > hour[:, None]
    other = replace(
        readings,
        values=np.where(later[:, :, None], 1e9, readings.values),
        age=np.where(later, 7.0, readings.age),
        life=np.where(later, 0, readings.life),
    )
    pd.testing.assert_frame_equal(
        table.look_back(other, machine, hour), table.look_back(readings, machine, hour), check_exact=True
    )


@pytest.mark.parametrize("seed", range(5))
def test_what_was_before_the_reset_changes_no_feature(readings: process.Readings, seed: int) -> None:
    machine, hour = running(readings, seed)
    reset = hour - readings.age[machine, hour]
    before = np.arange(process.HOURS) < reset[:, None]
    other = replace(readings, values=np.where(before[:, :, None], -1e9, readings.values))
    pd.testing.assert_frame_equal(
        table.look_back(other, machine, hour), table.look_back(readings, machine, hour), check_exact=True
    )


def test_features_are_those_that_one_would_compute_by_hand(readings: process.Readings) -> None:
    machine, hour = running(readings, seed=8)
    found = table.look_back(readings, machine, hour)
    for row in range(0, len(machine), 7):
        now, age = hour[row], int(readings.age[machine[row], hour[row]])
        own = readings.values[machine[row], now - age : now + 1, 0]
        assert found["vibration_mean"][row] == pytest.approx(own[-24:].mean(), abs=1e-4)
        if age >= 48:
            assert found["vibration_rise"][row] == pytest.approx(own[-24:].mean() - own[:24].mean(), abs=2e-4)
        if age >= 24:
            last = own[-72:]
            slope = 24 * np.polyfit(np.arange(len(last)), last, 1)[0]
            assert found["vibration_slope"][row] == pytest.approx(slope, abs=2e-5)


def test_a_failure_counts_for_the_24_hours_before_it(lives: process.MachineLives) -> None:
    machine, number = (found[:1] for found in np.nonzero(lives.failed & (lives.end > 30) & (lives.end < 900)))
    end = lives.end[machine, number]
    hours = np.floor(end).astype(int) + np.array([-24, -23, 0, 1])
    told = [bool(table.fails_within(lives, machine, np.array([hour]))[0]) for hour in hours]
    assert told == [False, True, True, False]


def test_a_machine_stands_still_between_a_failure_and_its_next_life(lives: process.MachineLives) -> None:
    pause = lives.start[:, 1:] - lives.end[:, :-1]
    least = np.where(lives.failed[:, :-1], process.REPAIR_HOURS, process.MAINTENANCE_HOURS)
    assert (pause >= least).all() and (pause < least + 1).all()


def test_no_reading_comes_from_a_machine_that_stands_still(readings: process.Readings) -> None:
    assert (np.isnan(readings.values).all(axis=-1) == (readings.life < 0)).all()


def test_a_moment_is_one_after_which_the_machine_was_watched_for_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[process.MachineLives] = []

    def watched(count: int, random: np.random.Generator) -> process.MachineLives:
        kept.append(process.machine_lives(count, random))
        return kept[-1]

    monkeypatch.setattr(table, "machine_lives", watched)
    made = table.machines(100)
    assert (made["hour"].to_numpy() <= kept[0].watched[made["machine"].str[1:].astype(int)] - table.HORIZON).all()


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.005), (0.005, 0.05), (0.05, 0.2), (0.2, 0.5), (0.5, 1.0)])
def test_of_machines_with_a_probability_that_share_fails(made: MadeUp, low: float, high: float) -> None:
    chosen = (made.probability >= low) & (made.probability < high)
    odds, found = made.probability[chosen], made.table["fails"].to_numpy()[chosen]
    assert abs(found.sum() - odds.sum()) < 4 * np.sqrt((odds * (1 - odds)).sum())


def test_maintenance_in_time_keeps_a_worn_machine_from_failing() -> None:
    rates, age = np.array([[1 / 300, 1 / 300]]), np.array([300.0])
    soon, late = (process.failure_probability(rates, age, np.array([planned]), 24) for planned in (301.0, 400.0))
    assert soon[0] < 0.1 < 0.5 < late[0]


def test_a_machine_is_enough() -> None:
    assert len(table.machines(1)) == 1
