"""Figures of parts of the rows: one for each value of a column, numbers by their quarters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pandas as pd

from ..definition.training import Training
from ..tasks.answers import Array, ModelAnswers
from ..tasks.registry import figures_of

_MOST_VALUES = 50


@dataclass(frozen=True)
class Slice:
    """Rows whose `column` is `value` (`chosen`: a truth value for each test row), and their figures by metric; NaN
    where the rows do not tell one."""

    column: str
    value: str
    chosen: Array = field(repr=False)
    figures: Mapping[str, float]

    @property
    def rows(self) -> int:
        return int(self.chosen.sum())

    @property
    def name(self) -> str:
        return f"{self.column} {self.value}"


def slice_columns(training: Training) -> list[str]:
    """Columns that are looked at: those of the definition and of its gates, or all categories and truth values."""
    spec = training.spec
    said = spec.evaluation.slices
    usual = [name for name, column in training.features.items() if column.type in ("Category", "Boolean")]
    gates = [name for gate in spec.gates for name in (gate.slice, gate.fairness) if name is not None]
    return list(dict.fromkeys([*(usual if said is None else said), *gates]))


def slices_of(features: pd.DataFrame, answers: ModelAnswers, training: Training) -> Iterator[Slice]:
    """Each part with enough rows, the values of a column in their order."""
    least = training.spec.evaluation.min_slice_rows
    for column in slice_columns(training):
        for value, chosen in _parts(features[column], training.spec.columns[column].type):
            if chosen.sum() >= least:
                yield Slice(column, value, chosen, figures_of(training.spec.task, answers.take(chosen)))


def _parts(values: pd.Series, kind: str) -> Iterator[tuple[str, Array]]:
    missing = values.isna().to_numpy()
    if kind in ("Number", "Integer"):
        bounds = np.unique(values.dropna().quantile([0, 0.25, 0.5, 0.75, 1]).to_numpy())
        for position, (low, high) in enumerate(pairwise(bounds)):
            first = position == 0
            chosen = (values >= low if first else values > low) & (values <= high)
            yield f"{low:g} to {high:g}", chosen.to_numpy()
    else:
        names = {1.0: "true", 0.0: "false"} if kind == "Boolean" else {}
        for value in sorted(values.dropna().unique())[:_MOST_VALUES]:
            yield names.get(value, str(value)), (values == value).to_numpy()
    if missing.any():
        yield "missing", missing
