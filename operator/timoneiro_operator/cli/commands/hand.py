"""The commands that take over what serves already, and let it go again: adopt, release."""

from typing import Annotated

import typer

from timoneiro_operator.cli.commands import shell
from timoneiro_operator.cli.commands.options import (
    ClusterOptions,
    Context,
    Kubeconfig,
    Name,
    Namespace,
    NoWait,
    OutputFormat,
    Timeout,
    checked_name,
    seconds_of,
)
from timoneiro_operator.cli.errors import USAGE, CliError

PANEL = "Move"


def add_to(app: typer.Typer) -> None:
    """Makes them commands of `app`."""
    for command in (adopt, release):
        app.command(rich_help_panel=PANEL)(command)


def adopt(
    service: Annotated[
        str, typer.Argument(metavar="INFERENCESERVICE", help="InferenceService that serves.", show_default=False)
    ],
    hostname: Annotated[
        list[str] | None, typer.Option(help="Host name for the rollouts; may be given more than once.")
    ] = None,
    gateway: Annotated[
        str | None, typer.Option(metavar="NAMESPACE/NAME", help="Gateway; KServe's own if not given.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print the ModelDeployment, for Git or to be edited.")
    ] = False,
    output: OutputFormat = None,
    no_wait: NoWait = False,
    timeout: Timeout = "2m",
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Make an InferenceService that serves already the stable model of a new ModelDeployment.

    No pod restarts and no request is lost: nothing is written to the InferenceService, then or later. The
    ModelDeployment has the name that the model answers to, and describes what serves, so that no rollout begins. What
    cannot be adopted is refused with the reason, and nothing is written.
    """
    from timoneiro_operator.cli.commands import adopt as actions  # noqa: PLC0415

    target = ClusterOptions(namespace=namespace, context=context, kubeconfig=kubeconfig)
    limit = None if no_wait else seconds_of(timeout)
    checked_name(service, "an InferenceService")
    if output is not None and not dry_run:
        raise CliError("--output prints what --dry-run would make: give both", code=USAGE)
    wish = actions.Wish(service=service, hostnames=tuple(hostname or ()), gateway=gateway)
    code = actions.adopt(
        cluster=shell.cluster_of(target),
        wish=wish,
        output=output or ("yaml" if dry_run else None),
        timeout=limit,
        console=shell.console(),
        clock=shell.clock(),
    )
    raise typer.Exit(code)


def release(
    name: Name,
    timeout: Timeout = "1m",
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Remove a ModelDeployment and nothing else: what serves goes on serving, with its route.

    Refused in the middle of a rollout: wait for its end, or abort it. `kubectl delete` removes what serves, too.
    """
    from timoneiro_operator.cli.commands import adopt as actions  # noqa: PLC0415

    target = ClusterOptions(namespace=namespace, context=context, kubeconfig=kubeconfig)
    limit = seconds_of(timeout)
    checked_name(name)
    code = actions.release(
        cluster=shell.cluster_of(target), name=name, timeout=limit, console=shell.console(), clock=shell.clock()
    )
    raise typer.Exit(code)
