"""The options that several commands share, and the check of what people type."""

from dataclasses import dataclass
from typing import Annotated, Literal

import typer

from timoneiro_operator.api.duration import LONGEST, Duration
from timoneiro_operator.api.names import OBJECT_NAME
from timoneiro_operator.cli.errors import USAGE, CliError

Name = Annotated[str, typer.Argument(help="Name of the ModelDeployment.", show_default=False)]
OptionalName = Annotated[str | None, typer.Argument(help="Name of one ModelDeployment.", show_default=False)]
Namespace = Annotated[
    str | None,
    typer.Option("--namespace", "-n", help="Namespace; that of the kubeconfig's context if not given."),
]
Context = Annotated[str | None, typer.Option(help="Context of the kubeconfig; the current one if not given.")]
Kubeconfig = Annotated[
    str | None, typer.Option(metavar="FILE", help="Kubeconfig; $KUBECONFIG or ~/.kube/config if not given.")
]
OutputFormat = Annotated[
    Literal["json", "yaml"] | None, typer.Option("--output", "-o", help="Print data instead of a picture.")
]
Timeout = Annotated[str, typer.Option(metavar="DURATION", help="How long to wait, for example 45s, 10m or 1h30m.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Write the command, and do not wait for the answer.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOptions:
    """Where the cluster is."""

    namespace: str | None
    context: str | None
    kubeconfig: str | None


def checked_name(text: str, what: str = "a ModelDeployment") -> str:
    """`text`, if it can be a name. Raises CliError (usage) otherwise, before the cluster is asked."""
    if not OBJECT_NAME.fullmatch(text):
        raise CliError(
            f"'{text}' cannot be the name of {what}: it has small letters, digits, '-' and '.', "
            "and begins and ends with a letter or digit",
            code=USAGE,
        )
    return text


def seconds_of(text: str) -> float:
    """Seconds of a duration that a person typed. Raises CliError (usage)."""
    try:
        length = Duration(text)
    except ValueError as error:
        raise CliError(f"--timeout: {error}", code=USAGE) from error
    if length > LONGEST:
        raise CliError(f"--timeout: {text} is longer than ten years", code=USAGE)
    return length.total_seconds()
