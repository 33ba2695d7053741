"""The probability that a thief pays, given everything that the bank has seen up to and with that payment: exact.

The process is a hidden Markov model. What is hidden is whether the card is stolen, whether its owner is on a trip, and
who pays. The forward algorithm gives the probability of each state after each payment (Rabiner 1989, section III.A).
Whoever computes it knows the formulas of the process and the habits of the card, and no label: no model that sees less
can order payments better, but by luck.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..made import Indices, Reals
from .process import (
    ABROAD_KILOMETRES,
    ABROAD_SPREAD,
    AT_HOME,
    BY_THIEF,
    COUNTRY_SHARES,
    ERRAND,
    ERRAND_HOURS,
    HOME_HOURS,
    KILOMETRES,
    KILOMETRES_SPREAD,
    MEDIANS,
    MERCHANTS,
    ON_A_TRIP,
    OWNER,
    REPLACED,
    SAME_COUNTRY,
    STOLEN,
    THIEF,
    THIEF_PAYS,
    THIEF_RATE,
    TRIAL,
    TRIAL_MEDIAN,
    TRIAL_SPREAD,
    TRIP_HOURS,
    USUAL_MERCHANT,
    Habits,
)

# The states: (stolen, on a trip, thief). A thief has a stolen card.
_STATES = ((0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 0), (1, 0, 1), (1, 1, 1))
_KINDS = tuple(BY_THIEF if thief else ON_A_TRIP if away else AT_HOME for _, away, thief in _STATES)
_THEFT = np.array([[1 - STOLEN, STOLEN], [REPLACED, 1 - REPLACED]])


def thief_probability(payments: pd.DataFrame, cards: Habits) -> Reals:
    """For each of `payments` (as `simulate` gives them) the probability that it is a thief's."""
    order = payments.groupby("card").cumcount().to_numpy()
    moves = _moves(payments, cards)
    probability = np.empty(len(payments))
    states = np.zeros((payments["card"].max() + 1, len(_STATES)))
    states[:, 0] = 1.0  # safe and at home before the first payment
    card = payments["card"].to_numpy()
    for rows in np.split(np.argsort(order, kind="stable"), np.cumsum(np.bincount(order))[:-1]):
        now = np.einsum("ns,nsz->nz", states[card[rows]], moves[rows])
        now /= now.sum(axis=1, keepdims=True)
        states[card[rows]] = now
        probability[rows] = now[:, 4] + now[:, 5]
    return probability


def _moves(payments: pd.DataFrame, cards: Habits) -> Reals:
    """By payment, state before and state after: likelihood of the move together with what is seen of the payment,
    but for a factor that is the same for all states."""
    first = payments["card"].ne(payments["card"].shift()).to_numpy()
    time = payments["time"].to_numpy()
    before = np.where(first, 0.0, payments["time"].shift(fill_value=0.0).to_numpy())
    seen = _seen(payments, cards, before)
    seen -= seen.max(axis=1, keepdims=True)
    place = _place(payments, first)
    stays = [np.exp(-(time - before) / hours) for hours in (HOME_HOURS, TRIP_HOURS)]
    moves = np.empty((len(payments), len(_STATES), len(_STATES)))
    for a, (was_stolen, was_away, _) in enumerate(_STATES):
        for b, (stolen, away, thief) in enumerate(_STATES):
            who = (THIEF_PAYS if thief else 1 - THIEF_PAYS) if stolen else 1.0
            trip = stays[was_away] if away == was_away else 1 - stays[was_away]
            chance = _THEFT[was_stolen, stolen] * who * trip
            moves[:, a, b] = chance * np.exp(seen[:, thief]) * place[:, _KINDS[a], _KINDS[b]]
    return moves


def _seen(payments: pd.DataFrame, cards: Habits, before: Reals) -> Reals:
    """Log-likelihood of time, category, channel, merchant and amount: by payment, for the owner and for the thief."""
    card, time = payments["card"].to_numpy(), payments["time"].to_numpy()
    category, channel = payments["category"].to_numpy(), payments["channel"].to_numpy()
    amount = np.log(payments["amount"].to_numpy())
    hour = (time % 24.0).astype(int)
    found = []
    for payer, rate in ((OWNER, cards.rate[card]), (THIEF, np.full(len(card), THIEF_RATE))):
        when = rate * payer.by_hour[hour] * np.exp(-rate * (payer.clock(time) - payer.clock(before)))
        if payer is OWNER:
            when = (1 - ERRAND) * when + ERRAND * np.exp(-(time - before) / ERRAND_HOURS) / ERRAND_HOURS
        found.append(np.log(when) + np.log(payer.categories[category]) + np.log(payer.channels[channel]))
    anywhere = 1.0 / MERCHANTS[category]
    usual = payments["merchant"].to_numpy() == cards.usual[card, category]
    owner_merchant = (1 - USUAL_MERCHANT) * anywhere + USUAL_MERCHANT * usual
    owner_amount = _normal(amount, MEDIANS[category] + cards.more[card] + OWNER.more, OWNER.spread)
    larger = _normal(amount, MEDIANS[category] + THIEF.more, THIEF.spread)
    trial = _normal(amount, np.log(TRIAL_MEDIAN), TRIAL_SPREAD)
    found[0] += np.log(owner_merchant) + np.log(owner_amount)
    found[1] += np.log(anywhere) + np.log(TRIAL * trial + (1 - TRIAL) * larger)
    return np.column_stack(found)


def _place(payments: pd.DataFrame, first: npt.NDArray[np.bool_]) -> Reals:
    """Likelihood of country and distance: by payment, kind of the payment before and kind of this one."""
    country = payments["country"].to_numpy()
    before: Indices = np.where(first, -1, payments["country"].shift(fill_value=-1).to_numpy())
    kilometres = np.log(np.where(first, 1.0, payments["distance"].to_numpy()))
    same = country == before
    found = np.empty((len(payments), 3, 3))
    for a in (AT_HOME, ON_A_TRIP, BY_THIEF):
        for b in (AT_HOME, ON_A_TRIP, BY_THIEF):
            stuck = SAME_COUNTRY[a, b]
            where = stuck * same + (1 - stuck) * COUNTRY_SHARES[b, country]
            near = _normal(kilometres, np.log(KILOMETRES[a, b]), KILOMETRES_SPREAD)
            far = _normal(kilometres, np.log(ABROAD_KILOMETRES), ABROAD_SPREAD)
            found[:, a, b] = where * np.where(first, 1.0, np.where(same, near, far))
    return found


def _normal(values: Reals, mean: Reals | float, spread: float) -> Reals:
    """Density but for the factor 1 / sqrt(2 pi), which all have."""
    density: Reals = np.exp(-0.5 * ((values - mean) / spread) ** 2) / spread
    return density
