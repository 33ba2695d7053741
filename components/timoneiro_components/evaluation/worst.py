"""The rows where a model errs most: of all rows, and of the parts where it is worst. Positions only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..definition.metrics import PRIMARY
from ..definition.training import Training
from ..tasks.answers import ModelAnswers
from ..tasks.registry import better, figure_of
from .slices import Slice

_WORST, _WORST_OF_A_SLICE, _SLICES = 10, 3, 3
# By a row's key, or its number, and its position among the test rows.
NamedRow = Mapping[str, Any]


@dataclass(frozen=True)
class SliceExamples:
    """A part of the rows, and those of its rows whose answers are furthest from the truth."""

    part: Slice
    rows: Sequence[NamedRow]


def worst_rows(answers: ModelAnswers, count: int = _WORST) -> list[int]:
    """Positions of the rows whose answers are furthest from the truth, the worst first."""
    if answers.probabilities is None:
        errors = np.abs(answers.truth - answers.predicted)
    else:
        errors = 1 - np.array(
            [row[answers.classes.index(name)] for row, name in zip(answers.probabilities, answers.truth, strict=True)]
        )
    return [int(position) for position in np.argsort(-errors, kind="stable")[:count]]


def worst_by_slice(training: Training, answers: ModelAnswers, parts: Sequence[Slice]) -> list[tuple[Slice, list[int]]]:
    """The parts that are worst by the metric of the task, of those that are worse than all rows together, each with the
    positions of its worst rows.

    Of columns with personal data none: a key beside such a part would tell the value of a person.
    """
    metric = PRIMARY[training.spec.task]
    whole = figure_of(training.spec.task, metric)(answers)
    lost = [
        (better(metric, whole, part.figures[metric]), part)
        for part in parts
        if training.spec.columns[part.column].personal is None
    ]
    # This way round NaN is left out.
    ordered = sorted((entry for entry in lost if entry[0] > 0), key=lambda entry: -entry[0])
    found = []
    for _, part in ordered[:_SLICES]:
        positions = np.flatnonzero(part.chosen)
        among = worst_rows(answers.take(part.chosen), _WORST_OF_A_SLICE)
        found.append((part, [int(position) for position in positions[among]]))
    return found
