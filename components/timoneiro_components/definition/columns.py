"""`spec.columns` and `spec.target`: what a table holds, and which of it is predicted."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, FiniteFloat

from .base import ColumnName, DefinitionObject, Text

ColumnType = Literal["Number", "Integer", "Boolean", "Category", "Key"]


class Column(DefinitionObject):
    """One column: its type, and what its values may be.

    Limits are those of what is measured, not of the rows at hand: they are the contract with who asks the model.
    """

    type: ColumnType = Field(
        description="Number: with a fraction. Integer: whole. Boolean: true and false. Category: one of a few texts. "
        "Key: says which row it is, and is never learnt from."
    )
    unit: Text | None = Field(default=None, description="Of a number, for people.")
    minimum: FiniteFloat | None = Field(default=None, description="Smallest value that is possible.")
    maximum: FiniteFloat | None = Field(default=None, description="Largest value that is possible.")
    values: tuple[Text, ...] | None = Field(default=None, description="Of a category: all that are possible.")
    nullable: bool = Field(
        default=False, description="Whether a value may be missing, here and in requests to the model."
    )
    description: Text | None = None


class TargetColumn(DefinitionObject):
    """What is predicted."""

    column: ColumnName
    positive: Text | None = Field(
        default=None,
        description="Of two classes the one whose probability is judged, such as `default`.",
    )


def classes_of(column: Column) -> tuple[str, ...]:
    """What a target may be, as text."""
    return ("false", "true") if column.type == "Boolean" else column.values or ()
