"""How payments come about. Everything about it is here, in numbers: nothing else decides what is drawn.

A card has habits: how often it pays, how much, and where. Before each payment

1. a card that is safe is stolen with probability 0.0014, and one that is stolen is blocked and replaced with 0.25;
2. with a stolen card the thief pays with probability 0.85, otherwise the owner: frauds come in bursts;
3. who pays does so after a time drawn from a Poisson process with a rate by hour of the day (`Payer.by_hour`): the
   owner by habit, about once a day and seldom at night, the thief every three hours at any time. With 0.3 the owner is
   on an errand instead, and pays again after 45 minutes on average;
4. the owner leaves on a trip (on average after 60 days at home) or comes home (after 6), by the time that has passed;
5. category, channel and amount are drawn by who pays. The owner's amount is log-normal around habit and category; three
   in ten payments of a thief are small trials, the others larger than the owner's;
6. the owner pays with 70 % at the merchant of that category who is the usual one, otherwise, as the thief, at any;
7. the country is the one before with a probability by who paid before and who pays now (`SAME_COUNTRY`), otherwise
   drawn (`COUNTRY_SHARES`). The distance from the place of the last payment is log-normal: around 1,500 km where the
   country is another one, otherwise around `KILOMETRES`.

Times are hours since the first midnight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..made import Indices, Reals

STOLEN, REPLACED, THIEF_PAYS = 0.0014, 0.25, 0.85
# How often an owner is on an errand, and its mean hours between payments.
ERRAND, ERRAND_HOURS = 0.3, 0.75
# Mean hours at home before a trip, and of a trip.
HOME_HOURS, TRIP_HOURS = 60 * 24.0, 6 * 24.0
USUAL_MERCHANT = 0.7
# What kind of payment it is: the owner's at home, the owner's on a trip, the thief's.
AT_HOME, ON_A_TRIP, BY_THIEF = 0, 1, 2
COUNTRIES = ("PT", "ES", "FR", "GB", "DE", "BR", "US", "other")
# By kind: which country, where it is not the one before.
COUNTRY_SHARES = np.array(
    [
        [0.985, 0.004, 0.002, 0.002, 0.002, 0.001, 0.002, 0.002],
        [0.05, 0.35, 0.18, 0.16, 0.08, 0.06, 0.04, 0.08],
        [0.80, 0.03, 0.02, 0.03, 0.02, 0.02, 0.04, 0.04],
    ]
)
# By kind of the last payment and of this one: probability of the same country, and median distance within a country.
SAME_COUNTRY = np.array([[0.0, 0.0, 0.0], [0.0, 0.9, 0.0], [0.0, 0.0, 0.8]])
KILOMETRES = np.array([[4.0, 150.0, 9.0], [150.0, 6.0, 9.0], [9.0, 9.0, 6.0]])
KILOMETRES_SPREAD = 1.0
ABROAD_KILOMETRES, ABROAD_SPREAD = 1500.0, 0.6
CHANNELS = ("chip", "contactless", "online")
# Of a thief's payment: probability, median and spread of a small trial.
TRIAL, TRIAL_MEDIAN, TRIAL_SPREAD = 0.3, 3.0, 0.6


class Category(NamedTuple):
    """What is bought: how often an owner and a thief do, the median amount of an average owner, how many merchants."""

    name: str
    owner: float
    thief: float
    median: float
    merchants: int


CATEGORIES = (
    Category("groceries", 0.30, 0.08, 28.0, 60),
    Category("restaurant", 0.20, 0.07, 22.0, 80),
    Category("transport", 0.12, 0.06, 6.0, 20),
    Category("services", 0.10, 0.17, 15.0, 40),
    Category("fuel", 0.09, 0.06, 45.0, 30),
    Category("clothing", 0.07, 0.12, 50.0, 50),
    Category("cash", 0.06, 0.14, 70.0, 30),
    Category("electronics", 0.03, 0.20, 120.0, 20),
    Category("travel", 0.03, 0.10, 180.0, 20),
)
MEDIANS = np.log([category.median for category in CATEGORIES])
MERCHANTS = np.array([category.merchants for category in CATEGORIES])
_FIRST_MERCHANT = np.concatenate([[0], np.cumsum(MERCHANTS)[:-1]])


@dataclass(frozen=True)
class Payer:
    """Owner or thief. `by_hour`: the rate in each hour of the day against the mean. Amounts: how much more than the
    category's median (as a logarithm), and the spread."""

    by_hour: Reals
    categories: Reals
    channels: Reals
    more: float
    spread: float

    def clock(self, hours: Reals) -> Reals:
        """Hours at the mean rate that bring as many payments as the time up to `hours`."""
        days, rest = np.divmod(hours, 24.0)
        clock: Reals = 24.0 * days + np.interp(rest, np.arange(25), self._passed)
        return clock

    def time(self, clock: Reals) -> Reals:
        """The inverse of `clock`."""
        days, rest = np.divmod(clock, 24.0)
        hours: Reals = 24.0 * days + np.interp(rest, self._passed, np.arange(25))
        return hours

    @property
    def _passed(self) -> Reals:
        """Of the clock, after each hour of the day."""
        return np.concatenate([[0.0], np.cumsum(self.by_hour)])


def _shares(values: list[float]) -> Reals:
    return np.array(values) / sum(values)


OWNER = Payer(
    24 * _shares([1, 0.6, 0.4, 0.3, 0.3, 0.6, 2, 5, 7, 7, 7, 9, 12, 11, 8, 7, 8, 10, 11, 10, 8, 5, 3, 2]),
    _shares([category.owner for category in CATEGORIES]),
    np.array([0.35, 0.45, 0.20]),
    more=0.0,
    spread=0.7,
)
THIEF = Payer(
    24 * _shares([7, 7, 6, 5, 4, 3, 3, 3, 3, 4, 4, 5, 5, 5, 5, 5, 5, 5, 5, 6, 6, 7, 7, 7]),
    _shares([category.thief for category in CATEGORIES]),
    np.array([0.15, 0.25, 0.60]),
    more=0.4,
    spread=0.9,
)
THIEF_RATE = 1 / 3  # payments an hour


@dataclass(frozen=True)
class Habits:
    """Of each card: payments an hour, how much more than others it spends (a logarithm), its usual merchants."""

    rate: Reals
    more: Reals
    usual: Indices


def habits(cards: int, random: np.random.Generator) -> Habits:
    """Those of `cards` cards."""
    rate = 0.8 * np.exp(np.clip(random.normal(0.0, 0.4, cards), -1.0, 1.0)) / 24.0
    usual = random.integers(0, MERCHANTS, (cards, len(CATEGORIES))) + _FIRST_MERCHANT
    return Habits(rate, random.normal(0.0, 0.4, cards), usual)


def simulate(cards: Habits, hours: float, random: np.random.Generator) -> pd.DataFrame:
    """Every payment in the first `hours`: sorted by card and time, with codes for texts, and whether a thief pays.

    `distance` is NaN at the first payment of a card.
    """
    count = len(cards.rate)
    state = _State(
        card=np.arange(count),
        time=np.zeros(count),
        stolen=np.zeros(count, bool),
        away=np.zeros(count, bool),
        kind=np.full(count, AT_HOME),
        country=np.full(count, -1),
    )
    steps: list[dict[str, Any]] = []
    while len(state.card):
        paid = _pay(state, cards, random)
        within = paid["time"] < hours
        steps.append({name: values[within] for name, values in paid.items()})
        state = _State(**{name: steps[-1][name] for name in _State._fields})
    frame = pd.concat([pd.DataFrame(step) for step in steps], ignore_index=True)
    frame = frame.sort_values(["card", "time"], kind="stable", ignore_index=True)
    return frame.assign(thief=frame["kind"] == BY_THIEF).drop(columns=["stolen", "away", "kind"])


class _State(NamedTuple):
    """Of each card that still pays, after its last payment. Country -1: there was none."""

    card: Indices
    time: Reals
    stolen: npt.NDArray[np.bool_]
    away: npt.NDArray[np.bool_]
    kind: Indices
    country: Indices


def _pay(last: _State, cards: Habits, random: np.random.Generator) -> dict[str, Any]:
    """The next payment of each card."""
    count = len(last.card)
    stolen = np.where(last.stolen, random.random(count) >= REPLACED, random.random(count) < STOLEN)
    thief = stolen & (random.random(count) < THIEF_PAYS)
    waited = random.exponential(1.0, count)
    habitual = OWNER.time(OWNER.clock(last.time) + waited / cards.rate[last.card])
    owner = np.where(random.random(count) < ERRAND, last.time + waited * ERRAND_HOURS, habitual)
    time = np.where(thief, THIEF.time(THIEF.clock(last.time) + waited / THIEF_RATE), owner)
    gone = np.exp(-(time - last.time) / np.where(last.away, TRIP_HOURS, HOME_HOURS))
    away = last.away ^ (random.random(count) >= gone)
    kind = np.where(thief, BY_THIEF, np.where(away, ON_A_TRIP, AT_HOME))

    category = _drawn(np.where(thief[:, None], THIEF.categories, OWNER.categories), random)
    channel = _drawn(np.where(thief[:, None], THIEF.channels, OWNER.channels), random)
    usual = ~thief & (random.random(count) < USUAL_MERCHANT)
    any_merchant = random.integers(0, MERCHANTS[category]) + _FIRST_MERCHANT[category]
    merchant = np.where(usual, cards.usual[last.card, category], any_merchant)

    same = random.random(count) < SAME_COUNTRY[last.kind, kind]
    country = np.where(same, last.country, _drawn(COUNTRY_SHARES[kind], random))
    domestic = country == last.country
    median = np.where(domestic, KILOMETRES[last.kind, kind], ABROAD_KILOMETRES)
    spread = np.where(domestic, KILOMETRES_SPREAD, ABROAD_SPREAD)
    distance = np.exp(np.log(median) + spread * random.normal(size=count))
    return {
        "card": last.card,
        "time": time,
        "stolen": stolen,
        "away": away,
        "kind": kind,
        "category": category,
        "merchant": merchant,
        "channel": channel,
        "amount": _amounts(thief, MEDIANS[category], cards.more[last.card], random),
        "country": country,
        "distance": np.where(last.country < 0, np.nan, distance),
    }


def _amounts(
    thief: npt.NDArray[np.bool_], medians: Reals, habit: Reals, random: np.random.Generator
) -> npt.NDArray[np.float64]:
    noise = random.normal(size=len(thief))
    trial = thief & (random.random(len(thief)) < TRIAL)
    owner = medians + habit + OWNER.more + OWNER.spread * noise
    stolen = medians + THIEF.more + THIEF.spread * noise
    tried = np.log(TRIAL_MEDIAN) + TRIAL_SPREAD * noise
    amounts: Reals = np.exp(np.where(trial, tried, np.where(thief, stolen, owner)))
    return amounts


def _drawn(shares: Reals, random: np.random.Generator) -> Indices:
    """One index for each row of `shares`."""
    limits = np.cumsum(shares, axis=1)[:, :-1]
    chosen: Indices = (random.random(len(shares))[:, None] >= limits).sum(axis=1)
    return chosen
