"""What all parts of a definition are made of: strict objects, and types of their fields."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat
from pydantic.alias_generators import to_camel

# Names end up in object keys, URLs and Kubernetes objects.
ResourceName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Text = Annotated[str, Field(min_length=1, max_length=2000)]
Fraction = Annotated[FiniteFloat, Field(ge=0, le=1)]
# `module:name`, of a function or a class of the user.
FUNCTION = r"[A-Za-z_][\w.]*:[A-Za-z_]\w*"
FunctionName = Annotated[str, Field(pattern=rf"^{FUNCTION}$")]
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
LengthOfTime = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,5}(s|m|h|d)$")]
# Of the environment.
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,199}$")]
ColumnName = Annotated[str, Field(min_length=1, max_length=1000)]


def seconds_of(length: str) -> int:
    """Of a LengthOfTime."""
    return int(length[:-1]) * _UNITS[length[-1]]


class DefinitionObject(BaseModel):
    """Fields are written in camelCase; nothing is converted, and what is not known is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=to_camel, populate_by_name=True)


class EnvironmentKey(DefinitionObject):
    """A secret in an environment variable."""

    env: VariableName = Field(
        description="Name of the variable; on a cluster it comes from a Secret. Never the secret itself."
    )
