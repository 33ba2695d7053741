"""`spec.checks`: what a table must keep to."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, FiniteFloat

from .base import DefinitionObject, Fraction


class Checks(DefinitionObject):
    """What the table must keep to, beside the types and limits of its columns."""

    max_missing: Fraction = Field(default=0.05, description="Largest share of missing values of a nullable column.")
    max_duplicates: Fraction = Field(default=0.0, description="Largest share of rows that are copies of another row.")
    max_single_auc: Annotated[FiniteFloat, Field(gt=0.5, le=1)] = Field(
        default=0.995,
        description="Largest ROC AUC of a column alone: one that predicts the target almost perfectly is known only "
        "afterwards, or is the target by another name. 1: it may be.",
    )
    min_rows_per_class: Annotated[int, Field(ge=2)] = Field(default=20, description="Fewer cannot be learnt from.")
