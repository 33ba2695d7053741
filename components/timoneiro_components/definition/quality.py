"""`spec.checks`: what a table must keep to, and what follows where it does not."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat

from .base import ColumnName, DefinitionObject, Fraction, FunctionName, LengthOfTime, Text

Consequence = Literal["Warn", "Quarantine", "Stop"]


class RowActions(DefinitionObject):
    """What follows where rows are not as their columns are described. Warn: it is reported. Quarantine: the rows are
    taken out, and kept aside with the reasons. Stop: the gate fails."""

    limits: Consequence = Field(default="Stop", description="A number below `minimum` or above `maximum`.")
    categories: Consequence = Field(default="Stop", description="A text that is none of `values`.")
    missing: Consequence = Field(default="Stop", description="No value in a column that is not nullable.")
    future: Consequence = Field(
        default="Stop", description="A time after the run, in a column that does not say `future`."
    )
    duplicates: Consequence = Field(
        default="Stop", description="More copies of other rows than `maxDuplicates`. The first of them is no copy."
    )
    duplicate_keys: Consequence = Field(default="Stop", description="A key that an earlier row has.")
    test_duplicates: Consequence = Field(
        default="Warn",
        description="More test rows than `maxTestDuplicates` that are like a training row with another key. "
        "Quarantine takes out the training rows.",
    )


class DriftCheck(DefinitionObject):
    """Whether columns look as those that the model was trained on that serves now."""

    action: Literal["Warn", "Stop"] = Field(default="Warn", description="What follows where a column has drifted.")
    least_psi: Annotated[FiniteFloat, Field(gt=0)] = Field(
        default=0.2,
        description="Population stability index from which on a difference matters. What chance explains is none.",
    )


class Timeliness(DefinitionObject):
    """Whether the rows are as recent, and as close to each other, as has to be."""

    column: ColumnName = Field(description="A column of type Time.")
    max_age: LengthOfTime | None = Field(
        default=None, description="How long before the run the latest row may be, such as 7d or 12h."
    )
    max_gap: LengthOfTime | None = Field(
        default=None, description="How long there may be no row between the first and the last, such as 2d."
    )
    action: Literal["Warn", "Stop"] = Field(default="Stop", description="What follows where it is not so.")


class DataRule(DefinitionObject):
    """What every row must keep to, as an expression or a function: exactly one of them."""

    name: Annotated[str, Field(min_length=1, max_length=100)] = Field(description="In reports, and in the quarantine.")
    expression: Text | None = Field(
        default=None,
        description="What is true of a row that is fine, such as `end >= start` or `income > 0 or employed == false`. "
        "A row whose missing values leave the answer open is fine; `isNull(x)` asks for them.",
    )
    function: FunctionName | None = Field(
        default=None,
        description="`module:function`. It gets a pandas DataFrame, and gives true (fine) or false for each row.",
    )
    action: Consequence = Field(default="Stop", description="What follows for rows that do not keep to it.")


class Checks(DefinitionObject):
    """What the table must keep to, beside the types and limits of its columns."""

    max_missing: Fraction = Field(default=0.05, description="Largest share of missing values of a nullable column.")
    max_duplicates: Fraction = Field(default=0.0, description="Largest share of rows that are copies of another row.")
    max_test_duplicates: Fraction = Field(
        default=0.0, description="Largest share of test rows that are like a training row in all but the key."
    )
    max_single_auc: Annotated[FiniteFloat, Field(gt=0.5, le=1)] = Field(
        default=0.995,
        description="Largest ROC AUC of a column alone: one that predicts the target almost perfectly is known only "
        "afterwards, or is the target by another name. 1: it may be.",
    )
    min_rows_per_class: Annotated[int, Field(ge=2)] = Field(default=20, description="Fewer cannot be learnt from.")
    max_quarantined: Fraction = Field(
        default=0.05, description="Largest share of rows that are taken out; with more the gate fails."
    )
    drift: DriftCheck = DriftCheck()
    timeliness: tuple[Timeliness, ...] = Field(default=(), description="How recent the rows have to be.")
    actions: RowActions = RowActions()
    rules: tuple[DataRule, ...] = Field(default=(), description="What columns together must keep to.")
