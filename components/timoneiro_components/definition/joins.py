"""`spec.joins`: columns that other tables add to the rows of the main one."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field

from .base import ColumnName, DefinitionObject, LengthOfTime
from .source import TableSource


class AsOf(DefinitionObject):
    """What was known at the time of a row: of all that fits, the latest that is not after it."""

    left: ColumnName = Field(description="Time of a row of the main table.")
    right: ColumnName = Field(description="Time of a row of the joined table: from when on its values were known.")
    tolerance: LengthOfTime | None = Field(
        default=None, description="How old it may be at most, such as 30d, 12h, 15m or 45s."
    )


class Join(DefinitionObject):
    """Another table. Every row of the main one stays as it is, and gets the values of the row that fits, if there is
    one."""

    source: TableSource
    on: tuple[ColumnName, ...] = Field(min_length=1, description="Columns that both tables have, by which rows fit.")
    columns: tuple[ColumnName, ...] = Field(
        min_length=1, description="What is taken from it. spec.columns describes each."
    )
    ignore: tuple[ColumnName, ...] = Field(default=(), description="Its columns that are not read.")
    as_of: AsOf | None = Field(default=None, description="Instead of the one row with these keys the latest of them.")

    def below(self, folder: Path) -> Self:
        """The same with whole paths, where it said some that are relative to `folder`."""
        return self.model_copy(update={"source": self.source.below(folder)})
