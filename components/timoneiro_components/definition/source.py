"""`spec.source`: where a table comes from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import unquote

from pydantic import Field

from .base import DefinitionObject, FunctionName, Text, VariableName

FilePath = Annotated[str, Field(pattern=r"^[^\x00]{1,4000}$")]
SQLITE = "sqlite:///"
POINTER = ".dvc"
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/]*)/?(.*)", re.DOTALL)


def split_address(path: str) -> tuple[str, str, str]:
    """Protocol (`s3`), bucket and key of an address; none of the first two for a path on this machine."""
    found = _ADDRESS.fullmatch(path)
    return (found[1].lower(), found[2], found[3]) if found else ("", "", path)


def split_lakefs(address: str) -> tuple[str, str, str]:
    """Repository, reference (a branch, a tag or a commit) and path of `lakefs://repository/reference/path`."""
    _, repository, rest = split_address(address)
    reference, _, path = rest.partition("/")
    return repository, reference, path


def is_pointer(path: str) -> bool:
    """Whether it is a file of this machine by which DVC knows another one."""
    return split_address(path)[0] == "" and path.endswith(POINTER)


class SourceKind(DefinitionObject):
    """One way to say where a table comes from."""

    def below(self, folder: Path) -> Self:
        """The same with whole paths, where it said some that are relative to `folder`."""
        del folder
        return self


class SourceFile(SourceKind):
    """A table in a file."""

    path: FilePath = Field(
        description="Where the file is: beside training.yaml, an absolute path, s3://bucket/key, gs://bucket/key, "
        "lakefs://repository/branch/path, or the .dvc file by which DVC tracks it."
    )

    def below(self, folder: Path) -> Self:
        scheme, _, rest = split_address(self.path)
        if scheme == "file":
            return self.model_copy(update={"path": f"/{unquote(rest)}"})
        if scheme:
            return self
        return self.model_copy(update={"path": str((folder / self.path).resolve())})


class Csv(SourceFile):
    """A table of text with one header line."""

    encoding: Text = Field(
        default="Auto", description="Such as utf-8 or latin-1. Auto: UTF-8, and latin-1 where it is none."
    )
    separator: Literal["Auto", ",", ";", "\t", "|"] = Field(
        default="Auto", description="Between the values. Auto: the one that splits the first lines alike."
    )
    decimal: Literal[".", ","] = Field(default=".", description="Between a number and its fraction.")
    missing: tuple[str, ...] = Field(default=("",), description="Texts that stand for a missing value.")


class Parquet(SourceFile):
    """A Parquet file, whose columns have types of their own."""


class JsonLines(SourceFile):
    """A file with a JSON object in each line."""


class Python(SourceKind):
    """A function that makes the table, for what no other source reads."""

    function: FunctionName = Field(
        description="`module:function`. Called without arguments, it gives a pandas DataFrame."
    )


class FromEnvironment(DefinitionObject):
    """A text that is no part of the definition: a variable of the environment holds it."""

    env: VariableName = Field(description="The name of the variable; on a cluster it comes from a Secret.")


class Sql(SourceKind):
    """What a query gives, or a whole table, of a database that is only read."""

    url: Annotated[str, Field(pattern=r"^[^\x00-\x1f]{1,4000}$")] = Field(
        description="`sqlite:///loans.db` (beside training.yaml) or `postgresql://host/database`, without user and "
        "password."
    )
    query: Annotated[str, Field(min_length=1, max_length=100_000)] | None = Field(
        default=None, description="One SELECT. With an ORDER BY the same data gives the same digest."
    )
    table: Text | None = Field(default=None, description="Instead of a query: `name` or `schema.name`.")
    user_from: FromEnvironment | None = Field(default=None, description="Who asks.")
    password_from: FromEnvironment | None = Field(default=None, description="The password of who asks.")

    def below(self, folder: Path) -> Self:
        if not self.url.startswith(SQLITE):
            return self
        file = (folder / self.url.removeprefix(SQLITE)).resolve()
        return self.model_copy(update={"url": f"{SQLITE}{file}"})


class TableSource(DefinitionObject):
    """Where the table comes from: exactly one of `csv`, `parquet`, `jsonLines`, `sql` and `python`."""

    csv: Csv | None = None
    parquet: Parquet | None = None
    json_lines: JsonLines | None = None
    sql: Sql | None = None
    python: Python | None = None
    title: Text | None = Field(default=None, description="Whose data it is, for the model card.")
    licence: Text | None = Field(default=None, description="Under which terms it may be used, for the model card.")

    @property
    def given(self) -> dict[str, SourceKind]:
        """What is said, by the name of its field; one of them in a definition that was checked."""
        said = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: kind for name, kind in said.items() if isinstance(kind, SourceKind)}

    def below(self, folder: Path) -> Self:
        """The same with whole paths, where it said some that are relative to `folder`."""
        return self.model_copy(update={name: said.below(folder) for name, said in self.given.items()})
