"""`spec.columns` and `spec.target`: what a table holds, and which of it is predicted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat

from .base import ColumnName, DefinitionObject, Text
from .privacy import Treatment

ColumnType = Literal["Number", "Integer", "Boolean", "Category", "Time", "Key"]
TimePart = Literal["TimeOfDay", "DayOfWeek", "DayOfMonth", "DayOfYear"]
NUMBERS: tuple[ColumnType, ...] = ("Number", "Integer")


class Column(DefinitionObject):
    """One column: its type, and what its values may be.

    Limits are those of what is measured, not of the rows at hand: they are the contract with who asks the model.
    """

    type: ColumnType = Field(
        description="Number: with a fraction. Integer: whole. Boolean: true and false. Category: one of a few texts. "
        "Time: a date, or a date and a time of day. Key: says which row it is, and is never learnt from."
    )
    unit: Text | None = Field(default=None, description="Of a number, for people.")
    minimum: FiniteFloat | None = Field(default=None, description="Smallest value that is possible.")
    maximum: FiniteFloat | None = Field(default=None, description="Largest value that is possible.")
    clip: bool = Field(
        default=False,
        description="Of a number: whether the model takes what is beyond `minimum` and `maximum` as if it were that.",
    )
    values: tuple[Text, ...] | None = Field(default=None, description="Of a category: all that are possible.")
    time_zone: Text | None = Field(
        default=None,
        description="Of a time: where its hours and days are counted, and what is meant where one says no offset from "
        "UTC, such as America/Sao_Paulo. Left out: every time of day has to say its offset, and days are those of UTC.",
    )
    future: bool = Field(
        default=False, description="Of a time: whether one after the run is possible, such as when something is due."
    )
    parts: tuple[TimePart, ...] = Field(
        default=(), description="Of a time: what the model learns from. A part goes round: 23:59 is close to 00:00."
    )
    nullable: bool = Field(
        default=False, description="Whether a value may be missing, here and in requests to the model."
    )
    description: Text | None = None
    personal: Treatment | None = Field(
        default=None,
        description="Of personal data, before anything is written. Drop: it is not read. Hash: a key becomes its "
        "HMAC-SHA-256. Generalise: a number becomes the middle of its bin, a text its beginning. Keep: it stays.",
    )
    legal_basis: Text | None = Field(default=None, description="With Keep: why it may be kept as it is.")
    bin_width: Annotated[FiniteFloat, Field(gt=0)] | None = Field(
        default=None, description="With Generalise: width of the bins of a number, which begin at 0."
    )
    prefix_length: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="With Generalise: how many characters of a text are left."
    )


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
