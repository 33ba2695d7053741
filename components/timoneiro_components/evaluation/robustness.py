"""Rows as they might come too: with noise, with values missing, and with every number shifted.

Changed labels are a disturbance as well, of what a model learns from: training/label_noise.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from ..definition.gates import Disturbance
from ..definition.training import Training

Random = np.random.Generator


def disturbed(features: pd.DataFrame, training: Training) -> dict[Disturbance, pd.DataFrame]:
    """The rows under each disturbance that the definition's columns allow, always in the same way."""
    found = {}
    for kind, disturb in _DISTURBANCES.items():
        rows = disturb(features.copy(), training, np.random.default_rng(training.spec.model.seed))
        if rows is not None:
            found[kind] = rows
    return found


def in_words(kind: Disturbance, training: Training) -> str:
    """What was done to the rows, or to the labels."""
    said = training.spec.evaluation
    if kind == "LabelNoise":
        return f"{100 * (training.label_noise or 0.0):g}% of the training labels changed"
    return {
        "Noise": f"noise of {said.noise:g} standard deviations on every number",
        "Missing": f"{said.missing:.0%} of the values of nullable columns taken away",
        "Shift": f"every number {said.shift:g} standard deviations higher",
    }[kind]


def _noise(rows: pd.DataFrame, training: Training, random: Random) -> pd.DataFrame | None:
    size = training.spec.evaluation.noise
    return _moved(rows, training, lambda spread: random.normal(0, size * spread, len(rows)))


def _shift(rows: pd.DataFrame, training: Training, random: Random) -> pd.DataFrame | None:
    del random
    size = training.spec.evaluation.shift
    return _moved(rows, training, lambda spread: np.full(len(rows), size * spread))


def _moved(
    rows: pd.DataFrame, training: Training, by: Callable[[float], np.ndarray[tuple[int], np.dtype[np.float64]]]
) -> pd.DataFrame | None:
    """Numbers only, whole ones stay whole, and none leaves the limits of its column."""
    numbers = [name for name, column in training.features.items() if column.type in ("Number", "Integer")]
    for name in numbers:
        column = training.spec.columns[name]
        spread = float(rows[name].std(ddof=0))
        moved = rows[name] + by(spread if np.isfinite(spread) else 0.0)
        moved = moved.round() if column.type == "Integer" else moved
        rows[name] = moved.clip(column.minimum, column.maximum)
    return rows if numbers else None


def _missing(rows: pd.DataFrame, training: Training, random: Random) -> pd.DataFrame | None:
    nullable = [name for name, column in training.features.items() if column.nullable]
    for name in nullable:
        rows.loc[random.random(len(rows)) < training.spec.evaluation.missing, name] = np.nan
    return rows if nullable else None


_DISTURBANCES: Mapping[Disturbance, Callable[[pd.DataFrame, Training, Random], pd.DataFrame | None]] = {
    "Noise": _noise,
    "Missing": _missing,
    "Shift": _shift,
}
