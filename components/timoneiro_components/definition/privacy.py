"""`spec.privacy`: what is found of personal data, how long it may be kept, and whose rows are left out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import ColumnName, DefinitionObject, EnvironmentKey, Text
from .source import FilePath

Treatment = Literal["Drop", "Hash", "Generalise", "Keep"]


class Erasure(DefinitionObject):
    """Whose rows are left out of every run."""

    path: FilePath = Field(description="A CSV file of keys with a header line, beside training.yaml or absolute.")
    keys: tuple[ColumnName, ...] | None = Field(
        default=None, description="Columns of type Key that the file has. Default: all of them."
    )


class Privacy(DefinitionObject):
    """What happens with personal data. What happens with a column is in `columns`, as `personal`."""

    on_finding: Literal["Stop", "Warn"] = Field(
        default="Stop", description="What follows where a column looks like personal data and says no `personal`."
    )
    max_rows_scanned: Annotated[int, Field(ge=1000, le=10_000_000)] = Field(
        default=20_000, description="Of larger tables as many rows, spread evenly, are looked at."
    )
    hash_key_from: EnvironmentKey | None = Field(default=None, description="The key for columns with `personal: Hash`.")
    retention: Text | None = Field(default=None, description="How long the data may be kept, for people.")
    erasure: Erasure | None = None
