"""The commands that ask something of a rollout: promote, abort, pause, resume, retry, rollback."""

import uuid
from typing import TYPE_CHECKING, Annotated

import typer

from timoneiro_operator.cli.commands import shell
from timoneiro_operator.cli.commands.options import (
    ClusterOptions,
    Context,
    Kubeconfig,
    Name,
    Namespace,
    NoWait,
    Timeout,
    checked_name,
    seconds_of,
)

if TYPE_CHECKING:
    from timoneiro_operator.api.command import Action

PANEL = "Ask"


def add_to(app: typer.Typer) -> None:
    """Makes them commands of `app`."""
    for command in (promote, abort, pause, resume, retry, rollback):
        app.command(rich_help_panel=PANEL)(command)


def promote(
    name: Name,
    full: Annotated[bool, typer.Option("--full", help="All traffic now, without the remaining steps.")] = False,
    no_wait: NoWait = False,
    timeout: Timeout = "30s",
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """End the current step now; the rollout goes on with the next one, and after the last with all traffic.

    With --full all traffic goes to the candidate at once, without the steps and the evidence that are missing.
    Replicas have to be ready in any case.
    """
    target = ClusterOptions(namespace=namespace, context=context, kubeconfig=kubeconfig)
    _ask(name, "promote", target=target, timeout=None if no_wait else timeout, full=full)


def abort(
    name: Name,
    no_wait: NoWait = False,
    timeout: Timeout = "30s",
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Roll the candidate back: all traffic to the stable model. The revision counts as rejected until `retry`."""
    target = ClusterOptions(namespace=namespace, context=context, kubeconfig=kubeconfig)
    _ask(name, "abort", target=target, timeout=None if no_wait else timeout)


def pause(
    name: Name,
    no_wait: NoWait = False,
    timeout: Timeout = "30s",
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Keep the weight where it is until `resume`. Evidence of harm still rolls the candidate back."""
    target = ClusterOptions(namespace=namespace, context=context, kubeconfig=kubeconfig)
    _ask(name, "pause", target=target, timeout=None if no_wait else timeout)


def resume(
    name: Name,
    no_wait: NoWait = False,
    timeout: Timeout = "30s",
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Let a rollout go on that a person has paused, or that its schedule has paused until a person comes."""
    target = ClusterOptions(namespace=namespace, context=context, kubeconfig=kubeconfig)
    _ask(name, "resume", target=target, timeout=None if no_wait else timeout)


def retry(
    name: Name,
    no_wait: NoWait = False,
    timeout: Timeout = "30s",
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Roll the revision that the spec wants out again, after it was rolled back or aborted."""
    target = ClusterOptions(namespace=namespace, context=context, kubeconfig=kubeconfig)
    _ask(name, "retry", target=target, timeout=None if no_wait else timeout)


def rollback(
    name: Name,
    to: Annotated[
        str | None, typer.Option(metavar="REVISION|VERSION", help="Which former model; the last one if not given.")
    ] = None,
    no_wait: NoWait = False,
    timeout: Timeout = "30s",
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Leave the model that serves now: go back to the last one before it, or to the one that --to names.

    A model that is still warm takes all traffic at once; `timoneiro explain` lists the choice. While a rollout is
    running, `abort` is the command.
    """
    target = ClusterOptions(namespace=namespace, context=context, kubeconfig=kubeconfig)
    _ask(name, "rollback", target=target, timeout=None if no_wait else timeout, to=to)


def _ask(
    name: str,
    action: "Action",
    *,
    target: ClusterOptions,
    timeout: str | None,
    full: bool = False,
    to: str | None = None,
) -> None:
    """`timeout` None: does not wait for the answer."""
    from timoneiro_operator.cli.commands import actions  # noqa: PLC0415
    from timoneiro_operator.cli.commands.request import CommandRequest  # noqa: PLC0415

    limit = None if timeout is None else seconds_of(timeout)
    checked_name(name)
    code = actions.ask(
        cluster=shell.cluster_of(target),
        name=name,
        request=CommandRequest(action=action, full=full, to=to),
        id=str(uuid.uuid4()),
        timeout=limit,
        console=shell.console(),
        clock=shell.clock(),
    )
    raise typer.Exit(code)
