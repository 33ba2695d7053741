"""What the commands share: arguments, and how errors become sentences and exit codes."""

# ruff: noqa: PLC0415

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from .errors import WRONG_USE, KubeflowError

DefinitionFile = Annotated[Path, typer.Argument(help="The definition, such as training.yaml.", show_default=True)]
DEFINITION = Path("training.yaml")
SettingsOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="One field of the definition, such as spec.model.seed=3."),
]
VersionOption = Annotated[str, typer.Option(help="Of the package; never used twice for different ones.")]
PublishOption = Annotated[bool, typer.Option("--publish", help="Upload it, and roll it out.")]
NamespaceOption = Annotated[str, typer.Option("--namespace", "-n", help="Of the ModelDeployment.")]
ModelStoreOption = Annotated[
    str, typer.Option(help="Where packages are kept: s3://bucket, gs://bucket or pvc://claim.")
]
MODEL_STORE = "s3://models"


@contextmanager
def sentences() -> Iterator[None]:
    """Ends the program with the sentences of what was raised within, a line each."""
    from timoneiro_components.definition.problems import DefinitionError
    from timoneiro_components.errors import StepError

    try:
        yield
    except DefinitionError as error:
        for problem in error.problems:
            print(f"{error.name}: {problem}", file=sys.stderr)
        raise typer.Exit(WRONG_USE) from None
    except StepError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(WRONG_USE) from None
    except KubeflowError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(error.code) from None
