"""The payments as a bank has them: what is known when a payment comes in, and labels that come late.

Features look back only: those of a payment depend on it and on earlier ones of the same card.

A fraud is reported some days later (log-normal, 5 days in the median, 30 at most: then the right to object ends). That
a payment was genuine is known when nobody has objected for 30 days. Rows whose label is not known on the day of the cut
are left out, and so are the frauds of the last 30 days that are reported already: with those alone, every recent row
would be a fraud.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..made import MadeUp
from .posterior import thief_probability
from .process import CATEGORIES, CHANNELS, COUNTRIES, Habits, habits, simulate

DAYS = 120  # that are simulated; the last of them is the cut
OBJECTION_DAYS = 30
REPORT_MEDIAN, REPORT_SPREAD = 5.0, 0.9
_TEXTS = {"category": [category.name for category in CATEGORIES], "channel": CHANNELS, "country": COUNTRIES}


def payments(cards: int = 1850, *, seed: int = 2026) -> pd.DataFrame:
    """90 days of payments of `cards` cards, in the order of time: about 110 of each, and 0.5 % of them frauds."""
    return _rows(_history(cards, seed)[1])


def payments_and_odds(cards: int = 1850, *, seed: int = 2026) -> MadeUp:
    """The same rows, with the probability that each is a fraud."""
    bank, history = _history(cards, seed)
    table = _rows(history.assign(odds=thief_probability(history, bank)))
    return MadeUp(table.drop(columns="odds"), table["odds"].to_numpy())


def look_back(history: pd.DataFrame) -> pd.DataFrame:
    """Features of each payment of `history` (sorted by card and time), in its order.

    Windows end before the payment, and have those since the given hours before it. Missing at the first payment of a
    card: time, and the ratio to the geometric mean of earlier amounts.
    """
    card, time = history["card"].to_numpy(), history["time"].to_numpy()
    logs = np.log(history["amount"].to_numpy())
    first = np.searchsorted(card, card)  # the row of the first payment of the same card
    here = np.arange(len(card))
    earlier = here - first
    spent = np.concatenate([[0.0], np.cumsum(history["amount"].to_numpy())])
    habit = np.concatenate([[0.0], np.cumsum(logs)])
    known = history.duplicated(["card", "merchant"]).to_numpy()
    elsewhere = np.concatenate([[0], np.cumsum(~known)])
    online = np.concatenate([[0], np.cumsum(history["channel"].to_numpy() == CHANNELS.index("online"))])
    # One clock for all: cards are further apart than any window.
    clock = time + card * (24.0 * DAYS + 1000.0)
    since = {hours: np.maximum(np.searchsorted(clock, clock - hours), first) for hours in (1, 24, 168)}
    with np.errstate(invalid="ignore"):
        mean = (habit[here] - habit[first]) / np.where(earlier > 0, earlier, np.nan)
    return pd.DataFrame(
        {
            "hour": (time % 24.0).astype(int),
            "hours_since_last": np.where(earlier > 0, time - np.roll(time, 1), np.nan).round(3),
            "payments_1h": here - since[1],
            "payments_24h": here - since[24],
            "payments_7d": here - since[168],
            "spent_24h": (spent[here] - spent[since[24]]).round(2),
            "amount_ratio": np.exp(logs - mean).round(4),
            "known_merchant": known,
            "new_merchants_24h": elsewhere[here] - elsewhere[since[24]],
            "online_24h": online[here] - online[since[24]],
        },
        index=history.index,
    )


def labels(history: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Day of the payment, what it turned out to be, and the day on which that was known."""
    day = (history["time"] // 24.0).astype(int)
    thief = history["thief"].to_numpy()
    waited = np.ceil(np.exp(np.log(REPORT_MEDIAN) + REPORT_SPREAD * random.normal(size=len(history))))
    waited = np.where(thief, np.minimum(waited, OBJECTION_DAYS), OBJECTION_DAYS).astype(int)
    return pd.DataFrame({"day": day, "label": np.where(thief, "fraud", "genuine"), "label_day": day + waited})


def labelled(table: pd.DataFrame, *, cut: int) -> pd.DataFrame:
    """The rows about which everybody could have objected before the day `cut`."""
    return table[table["day"] + OBJECTION_DAYS < cut].reset_index(drop=True)


def _history(cards: int, seed: int) -> tuple[Habits, pd.DataFrame]:
    """The cards, and every payment by card and time, with its features and labels."""
    random = np.random.default_rng(seed)
    bank = habits(cards, random)
    history = simulate(bank, 24.0 * DAYS, random)
    # As they are recorded: whoever knows the process has no more digits than the bank.
    history = history.assign(
        amount=history["amount"].round(2).clip(lower=0.01), distance=history["distance"].round(1).clip(lower=0.1)
    )
    return bank, pd.concat([history, look_back(history), labels(history, random)], axis=1)


def _rows(history: pd.DataFrame) -> pd.DataFrame:
    """Those whose label is known, in the order of time, with a key and with texts for codes."""
    table = history.sort_values("time", kind="stable")
    table.insert(0, "payment", [f"{number:07d}" for number in range(len(table))])
    table = labelled(table, cut=DAYS)
    texts = {name: np.array(values)[table[name].to_numpy()] for name, values in _TEXTS.items()}
    return table.drop(columns=["time", "thief"]).rename(columns={"distance": "distance_km"}).assign(**texts)
