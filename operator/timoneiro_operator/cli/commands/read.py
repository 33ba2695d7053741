"""The commands that only look: get, watch, status, explain, history, report, check-metrics."""

from typing import Annotated

import typer

from timoneiro_operator.cli.commands import shell
from timoneiro_operator.cli.commands.options import (
    ClusterOptions,
    Context,
    Kubeconfig,
    Name,
    Namespace,
    OptionalName,
    OutputFormat,
    Timeout,
    checked_name,
    seconds_of,
)
from timoneiro_operator.cli.errors import DONE, USAGE, CliError

PANEL = "Look"


def add_to(app: typer.Typer) -> None:
    """Makes them commands of `app`."""
    for command in (get, watch, status, explain, history, report):
        app.command(rich_help_panel=PANEL)(command)
    app.command("check-metrics", rich_help_panel=PANEL)(check_metrics)


def get(
    name: OptionalName = None,
    namespace: Namespace = None,
    all_namespaces: Annotated[bool, typer.Option("--all-namespaces", "-A", help="All namespaces.")] = False,
    output: OutputFormat = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """List ModelDeployments; or draw one: what serves, its pods, and the evidence about the candidate.

    The bars show evidence on its way to the bound at which the operator acts, on a logarithmic scale.
    """
    from timoneiro_operator.cli.commands import actions  # noqa: PLC0415

    if name is not None and all_namespaces:
        raise CliError("a NAME belongs to one namespace: leave -A out", code=USAGE)
    cluster = shell.cluster_of(ClusterOptions(namespace=namespace, context=context, kubeconfig=kubeconfig))
    if name is None:
        code = actions.get_all(
            cluster=cluster, everywhere=all_namespaces, output=output, console=shell.console(), clock=shell.clock()
        )
    else:
        code = actions.get_one(
            cluster=cluster, name=checked_name(name), output=output, console=shell.console(), clock=shell.clock()
        )
    raise typer.Exit(code)


def watch(name: Name, namespace: Namespace = None, context: Context = None, kubeconfig: Kubeconfig = None) -> None:
    """Draw one ModelDeployment as `get` does, and again whenever something changes. Ctrl-C ends it.

    Into a file or a pipe it prints one line for each change instead.
    """
    from timoneiro_operator.cli.commands import live  # noqa: PLC0415

    cluster = shell.cluster_of(ClusterOptions(namespace=namespace, context=context, kubeconfig=kubeconfig))
    try:
        live.watch(cluster=cluster, name=checked_name(name), console=shell.console(), clock=shell.clock())
    except KeyboardInterrupt:
        raise typer.Exit(DONE) from None


def status(
    name: Name,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until the rollout of what the spec wants is over.")
    ] = False,
    timeout: Timeout = "10m",
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Say in one line where the rollout is, and with the exit code how it went.

    0: what the spec wants serves all traffic. 1: it was rolled back or aborted, the spec is invalid, or nothing \
serves as it should. 3: not over (in time). 4: there is no such ModelDeployment. 5: the cluster cannot be asked. \
A status about an older spec is no answer, so that `kubectl apply && timoneiro status --wait` needs no pause between.
    """
    from timoneiro_operator.cli.commands import actions  # noqa: PLC0415

    limit = seconds_of(timeout) if wait else None
    cluster = shell.cluster_of(ClusterOptions(namespace=namespace, context=context, kubeconfig=kubeconfig))
    raise typer.Exit(
        actions.status(
            cluster=cluster, name=checked_name(name), timeout=limit, console=shell.console(), clock=shell.clock()
        )
    )


def explain(name: Name, namespace: Namespace = None, context: Context = None, kubeconfig: Kubeconfig = None) -> None:
    """Say in sentences why the rollout is where it is, and what would change that."""
    from timoneiro_operator.cli.commands import actions  # noqa: PLC0415

    cluster = shell.cluster_of(ClusterOptions(namespace=namespace, context=context, kubeconfig=kubeconfig))
    raise typer.Exit(
        actions.tell_why(cluster=cluster, name=checked_name(name), console=shell.console(), clock=shell.clock())
    )


def history(
    name: Name,
    namespace: Namespace = None,
    output: OutputFormat = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """List the rollouts that have ended and why, and the commands that people gave and what came of them."""
    from timoneiro_operator.cli.commands import actions  # noqa: PLC0415

    cluster = shell.cluster_of(ClusterOptions(namespace=namespace, context=context, kubeconfig=kubeconfig))
    raise typer.Exit(actions.history(cluster=cluster, name=checked_name(name), output=output, console=shell.console()))


def report(
    name: Name,
    card: Annotated[
        list[str] | None,
        typer.Option(metavar="VERSION=PATH", help="Model card of a version: a package folder, or the card's file."),
    ] = None,
    namespace: Namespace = None,
    output: OutputFormat = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Print one HTML page about the latest rollout: the decision, weights and evidence over time, revisions, cards.

    `timoneiro report NAME > report.html`. The page needs nothing else: it can be mailed, printed and kept. A model \
card is in the package of its model: `--card 14=FOLDER` puts it into the page, for as many versions as you like.
    """
    from timoneiro_operator.cli.commands import actions  # noqa: PLC0415

    cluster = shell.cluster_of(ClusterOptions(namespace=namespace, context=context, kubeconfig=kubeconfig))
    raise typer.Exit(
        actions.report(
            cluster=cluster,
            name=checked_name(name),
            cards=card or [],
            output=output,
            console=shell.console(),
            clock=shell.clock(),
        )
    )


def check_metrics(
    name: Name,
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Address of Prometheus as seen from here, such as that of a port-forward."),
    ] = None,
    gateway_pods: Annotated[
        str | None,
        typer.Option(
            metavar="NAMESPACE/LABEL=VALUE", help="With source type Gateway, its pods: projectcontour/app=envoy."
        ),
    ] = None,
    namespace: Namespace = None,
    output: OutputFormat = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Measure now as the operator would: for each metric the query, the series found, the counts and what is missing.

    Nothing is changed. Pods and Prometheus are read through the API server, which needs the right to `get` \
`pods/proxy` or `services/proxy`. Exit code 1 when a metric cannot be measured.
    """
    from timoneiro_operator.cli.commands import check_metrics as checking  # noqa: PLC0415

    cluster = shell.cluster_of(ClusterOptions(namespace=namespace, context=context, kubeconfig=kubeconfig))
    raise typer.Exit(
        checking.check_metrics(
            cluster=cluster,
            name=checked_name(name),
            url=url,
            gateway_pods=gateway_pods,
            output=output,
            console=shell.console(),
            clock=shell.clock(),
        )
    )
