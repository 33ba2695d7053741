"""`spec.gates`: without what nothing is published."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat

from .base import DefinitionObject

MetricName = Literal["rocAuc", "accuracy", "logLoss"]
SMALLER_IS_BETTER: frozenset[MetricName] = frozenset({"logLoss"})


class Gate(DefinitionObject):
    """One condition, without which nothing is published: `atLeast`, `atMost`, or not worse than the champion."""

    metric: MetricName
    at_least: FiniteFloat | None = None
    at_most: FiniteFloat | None = None
    champion: Annotated[FiniteFloat, Field(ge=0)] | None = Field(
        default=None, description="By how much it may be worse than the model that serves now, on the same rows."
    )
