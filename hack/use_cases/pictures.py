"""A picture of each use case: above what the data are like, below how good the model is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve, roc_curve

from timoneiro_components.examples.fraud.table import payments
from timoneiro_components.examples.maintenance.process import HOURS, Readings, machine_lives, read_sensors

from .drawing import Axes, Spot, bar, disc, picture, polyline, words
from .measure import CaseResult, Probabilities

_WIDTH, _LEFT, _RIGHT = 400, 50, 388
_SHARES = [(share, f"{100 * share:.0f} %") for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
_POINTS = 200  # of a curve: more cannot be seen
_BINS = 10


def draw(tested: CaseResult) -> str:
    """The picture of the case, as SVG."""
    above = {"fraud": _burst, "predictive-maintenance": _lives}.get(tested.case.name)
    body = [
        *(_separation(tested) if above is None else above()),
        *(_precision(tested) if tested.best is not None else _roc(tested)),
    ]
    return picture(_WIDTH, 560, f"{tested.case.title}: the data, and how good the model is", body)


def _burst() -> Iterator[str]:
    """Two weeks of the card with the most frauds."""
    table = payments()
    frauds = table[table["label"] == "fraud"]
    card = frauds["card"].value_counts().sort_index().idxmax()
    middle = int(frauds[frauds["card"] == card]["day"].median())
    shown = table[(table["card"] == card) & table["day"].between(middle - 7, middle + 6)]
    axes = Axes(_LEFT, _RIGHT, 52, 236, (0.0, 14.0), (0.0, 3.5))
    yield words((10, 20), "Two weeks of a card that was stolen", size=13.5)
    yield disc((16, 35), colour="quiet")
    yield words((24, 39), "its owner's payments")
    yield disc((162, 35), colour="alarm")
    yield words((170, 39), "the thief's")
    yield from axes.grid(
        [(0, "day 1"), (7, "day 8"), (14, "day 15")], [(0, "1 €"), (1, "10 €"), (2, "100 €"), (3, "1,000 €")]
    )
    for row in shown.sort_values("label", ascending=False).itertuples():
        at = axes.at(row.day - middle + 7 + row.hour / 24, min(3.5, max(0.0, np.log10(row.amount))))
        yield disc(at, colour="alarm" if row.label == "fraud" else "quiet")


def _lives() -> Iterator[str]:
    """The vibration of a machine that failed and was maintained: of 60 the one where it went up most."""
    random = np.random.default_rng(11)
    lives = machine_lives(60, random)
    readings = read_sensors(lives, random)
    within = lives.end < HOURS
    both = np.any(lives.failed & within, axis=1) & np.any(~lives.failed & within, axis=1)
    daily = [_daily(readings, machine) for machine in range(len(lives.watched))]
    machine = int(np.argmax(both * np.array([found.max() - found.min() for found in daily])))
    shown = daily[machine]
    lowest, highest = float(np.floor(shown.min())), float(np.ceil(shown.max()))
    axes = Axes(_LEFT, _RIGHT, 52, 236, (0.0, HOURS / 24), (lowest, highest))
    yield words((10, 20), "Vibration of one machine, mean of 24 hours, in mm/s", size=13.5)
    yield bar((12, 29), 2.5, 12, colour="alarm")
    yield words((22, 39), "it failed")
    yield bar((92, 29), 2.5, 12, colour="best")
    yield words((102, 39), "it was maintained in time")
    days = [(day, "day 40" if day == 40 else f"{day}") for day in (0, 10, 20, 30, 40)]
    yield from axes.grid(days, [(value, f"{value:g}") for value in np.arange(axes.y[0], highest + 0.5)])
    for end, failed in zip(lives.end[machine], lives.failed[machine], strict=True):
        if end < HOURS:
            across = axes.at(end / 24, 0)[0]
            yield bar((across - 1, axes.top), 2.5, axes.bottom - axes.top, colour="alarm" if failed else "best")
    for life in range(readings.life[machine].max() + 1):
        hours = np.flatnonzero((readings.life[machine] == life) & shown.notna().to_numpy())
        yield polyline([axes.at(hour / 24, shown[hour]) for hour in hours[::4]], colour="model", width=1.8)


def _daily(readings: Readings, machine: int) -> pd.Series:
    """By hour the mean vibration of the last 24, since the reset; missing for six hours after it."""
    vibration = pd.Series(readings.values[machine, :, 0]).groupby(readings.life[machine])
    return vibration.rolling(24, min_periods=6).mean().droplevel(0).sort_index().reindex(range(HOURS))


def _separation(tested: CaseResult) -> Iterator[str]:
    """What the model says of the rows of either class."""
    axes = Axes(_LEFT, _RIGHT, 52, 236, (0.0, 1.0), (0.0, 1.0))
    yield words((10, 20), "What the model says of rows that it has not seen", size=13.5)
    yield bar((12, 30), 10, 10, colour="alarm")
    yield words((28, 39), tested.case.positives)
    yield bar((142, 30), 10, 10, colour="quiet")
    yield words((158, 39), "the others")
    yield from axes.grid(_SHARES, _SHARES)
    for place, (chosen, colour) in enumerate(((tested.truth, "alarm"), (~tested.truth, "quiet"))):
        counts, edges = np.histogram(tested.model[chosen], bins=_BINS, range=(0, 1))
        for share, start in zip(counts / counts.sum(), edges[:-1], strict=True):
            left, top = axes.at(start + 0.008 + place * 0.042, share)
            yield bar((left, top), 0.04 * (axes.right - axes.left), axes.bottom - top, colour=colour)
    yield words((_RIGHT, 267), "probability; height: how many of the class", anchor="end", colour="faint")


def _precision(tested: CaseResult) -> Iterator[str]:
    """Precision against recall, of the model and of the best that is possible."""
    axes = Axes(_LEFT, _RIGHT, 340, 516, (0.0, 1.0), (0.0, 1.0))
    yield words((10, 300), f"Of all alarms, how many are {tested.case.positives}", size=13.5)
    yield from axes.grid(_SHARES, _SHARES)
    yield words((_RIGHT, 546), f"{tested.case.positives} that are found", anchor="end", colour="faint")
    curves = [(tested.model, "model", "", "the model")]
    if tested.best is not None:
        curves.append((tested.best, "best", "6 4", "the best possible"))
    for place, (probabilities, colour, dash, label) in enumerate(curves):
        yield polyline([axes.at(x, y) for x, y in _precision_points(tested, probabilities)], colour=colour, dash=dash)
        yield from _key(place, label, colour, dash)


def _roc(tested: CaseResult) -> Iterator[str]:
    axes = Axes(_LEFT, _RIGHT, 340, 516, (0.0, 1.0), (0.0, 1.0))
    yield words((10, 300), f"{tested.case.positives.capitalize()} that are found", size=13.5)
    yield from axes.grid(_SHARES, _SHARES)
    yield words((_RIGHT, 546), "of the others, how many are an alarm", anchor="end", colour="faint")
    false, true, _ = roc_curve(tested.truth, tested.model)
    yield polyline([axes.at(0, 0), axes.at(1, 1)], colour="quiet", width=1.2, dash="3 3")
    yield polyline([axes.at(x, y) for x, y in zip(false, true, strict=True)], colour="model")
    yield from _key(0, "the model", "model", "")
    yield from _key(1, "by chance", "quiet", "3 3")


def _key(place: int, label: str, colour: str, dash: str) -> Iterator[str]:
    left = 12 + 110 * place
    yield polyline([(left, 319), (left + 22, 319)], colour=colour, dash=dash)
    yield words((left + 28, 323), label)


def _precision_points(tested: CaseResult, probabilities: Probabilities) -> list[Spot]:
    """Recall and precision where recall changes; at the same recall the largest precision."""
    precision, recall, _ = precision_recall_curve(tested.truth, probabilities)
    best = pd.Series(precision[:-1]).groupby(recall[:-1]).max()
    best = best[best.index > 0]
    kept = best.iloc[np.unique(np.linspace(0, len(best) - 1, _POINTS).round().astype(int))]
    return list(zip(kept.index, kept, strict=True))
