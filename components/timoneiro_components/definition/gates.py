"""`spec.gates` and `spec.evaluation`: without what nothing is published, and how closely is looked."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat

from .base import ColumnName, DefinitionObject, Text
from .metrics import METRICS

Disturbance = Literal["Noise", "Missing", "Shift", "LabelNoise"]
_METRIC = Field(
    description=f"One of {', '.join(METRICS)}, or `module:function` of what is and what was said.",
    json_schema_extra={"examples": list(METRICS)},
)


class Gate(DefinitionObject):
    """One condition, without which nothing is published: `atLeast`, `atMost`, or not worse than the champion."""

    metric: Annotated[Text, _METRIC]
    at_least: FiniteFloat | None = None
    at_most: FiniteFloat | None = None
    champion: Annotated[FiniteFloat, Field(ge=0)] | None = Field(
        default=None, description="By how much it may be worse than the model that serves now, on the same rows."
    )
    confidence: Annotated[FiniteFloat, Field(ge=0.5, lt=1)] | None = Field(
        default=None,
        description="Of a comparison with the champion: how sure it has to be that the candidate is not worse by more "
        "than that (0.9 unless said). 0.5: the difference that was seen decides.",
    )
    slice: ColumnName | None = Field(
        default=None, description="The condition must hold for the rows of each value of this column."
    )
    fairness: ColumnName | None = Field(
        default=None, description="With atMost: the largest difference of the metric between values of this column."
    )
    robustness: Disturbance | None = Field(
        default=None,
        description="With atMost: how much worse the metric may get when rows, or training labels, are disturbed so.",
    )


class Evaluation(DefinitionObject):
    """How a model is judged on the test rows."""

    slices: tuple[ColumnName, ...] | None = Field(
        default=None,
        description="Columns whose values are looked at one by one; numbers by their quarters. Left out: categories "
        "and truth values.",
    )
    min_slice_rows: Annotated[int, Field(ge=10)] = Field(
        default=50, description="Fewer rows of a value say nothing: they are not judged."
    )
    noise: Annotated[FiniteFloat, Field(gt=0, le=10)] = Field(
        default=0.1, description="Noise on numbers, in standard deviations of the column."
    )
    missing: Annotated[FiniteFloat, Field(gt=0, le=1)] = Field(
        default=0.1, description="Share of the values of nullable columns that are taken away."
    )
    shift: Annotated[FiniteFloat, Field(gt=0, le=10)] = Field(
        default=0.25, description="Shift of all numbers at once, in standard deviations of each column."
    )
    label_noise: Annotated[FiniteFloat, Field(gt=0, le=0.5)] | None = Field(
        default=None,
        description="Share of the training labels that are changed for a second model, which is only judged. Left out: "
        "there is none, or, where a gate asks for it, 0.05.",
    )
