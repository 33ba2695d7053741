"""What the commands do: read, ask, wait and print. Each returns the exit code."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, RenderableType

from timoneiro_operator.api import names
from timoneiro_operator.api.command import encode_command
from timoneiro_operator.api.kinds import Body, Kind
from timoneiro_operator.api.times import text_of
from timoneiro_operator.cli.commands.cards import read_cards
from timoneiro_operator.cli.commands.cluster import ClusterAccess
from timoneiro_operator.cli.commands.request import CommandRequest, command_for
from timoneiro_operator.cli.commands.waiting import Clock, wait_for_answer, wait_for_rollout
from timoneiro_operator.cli.errors import DONE, USAGE, CliError
from timoneiro_operator.cli.presentation.explain import explain
from timoneiro_operator.cli.presentation.outcome import Ending, status_exit
from timoneiro_operator.cli.presentation.tables import deployments_table, history_tables
from timoneiro_operator.cli.presentation.tree import Picture, draw
from timoneiro_operator.cli.presentation.view import View, view_of
from timoneiro_operator.cli.report.content import encoded
from timoneiro_operator.cli.report.gather import report_of
from timoneiro_operator.cli.report.page import page


def get_all(*, cluster: ClusterAccess, everywhere: bool, output: str | None, console: Console, clock: Clock) -> int:
    bodies = cluster.list(everywhere=everywhere)
    if output is not None:
        items = [_without_managed_fields(body) for body in bodies]
        say(console, dump({"apiVersion": "v1", "kind": "List", "items": items}, output, console))
    elif bodies:
        rows = [(_view_or_reason(body), body) for body in bodies]
        show(console, deployments_table(rows, namespaces=everywhere, now=clock.now()))
    else:
        where = "any namespace" if everywhere else f"namespace '{cluster.namespace}'"
        say(console, f"There is no {names.KIND} in {where}.")
    return DONE


def get_one(*, cluster: ClusterAccess, name: str, output: str | None, console: Console, clock: Clock) -> int:
    body = cluster.get(name)
    if output is not None:
        say(console, dump(_without_managed_fields(body), output, console))
        return DONE
    notes: list[str] = []
    services = _part(cluster, "InferenceService", name, notes)
    pods = _part(cluster, "Pod", name, notes) or []
    view = view_of(body)
    for part in (view.status.stable, view.status.candidate):
        adopted = view.adopted(part.revision) if part is not None else None
        if part is not None and adopted is not None:
            found, theirs = _adopted(cluster, adopted, part.revision, notes)
            uids = {pod["metadata"]["uid"] for pod in theirs}
            services = [*(services or []), *found]
            pods = [*(pod for pod in pods if pod["metadata"]["uid"] not in uids), *theirs]
    show(console, draw(Picture(view=view, services=services, pods=pods, notes=notes), clock.now()))
    return DONE


def ask(
    *,
    cluster: ClusterAccess,
    name: str,
    request: CommandRequest,
    id: str,
    timeout: float | None,
    console: Console,
    clock: Clock,
) -> int:
    """Writes a command and waits for the answer; `timeout` None: does not wait."""
    view = view_of(cluster.get(name))
    # First without a name: who asks makes no difference to whether there is something to ask.
    command_for(view=view, request=request, by="", at="", id=id)
    command = command_for(view=view, request=request, by=cluster.user(), at=text_of(clock.now()), id=id)
    cluster.command(name, encode_command(command), by=command.by)
    if timeout is None:
        say(console, f"{request.action} of revision {command.revision} is written; `timoneiro history {name}` tells.")
        return DONE
    outcome = wait_for_answer(cluster=cluster, name=name, id=id, action=request.action, timeout=timeout, clock=clock)
    return _finish(console, outcome)


def status(*, cluster: ClusterAccess, name: str, timeout: float | None, console: Console, clock: Clock) -> int:
    """`timeout` None: does not wait."""
    if timeout is None:
        return _finish(console, status_exit(view_of(cluster.get(name))), always_out=True)

    def tell(line: str) -> None:
        say(console, line)

    outcome = wait_for_rollout(cluster=cluster, name=name, timeout=timeout, clock=clock, tell=tell)
    return _finish(console, outcome, always_out=True)


def history(*, cluster: ClusterAccess, name: str, output: str | None, console: Console) -> int:
    body = cluster.get(name)
    if output is not None:
        raw = body.get("status") or {}
        say(console, dump({part: raw.get(part) or [] for part in ("history", "commands")}, output, console))
    else:
        show(console, history_tables(view_of(body)))
    return DONE


def tell_why(*, cluster: ClusterAccess, name: str, console: Console, clock: Clock) -> int:
    for sentence in explain(view_of(cluster.get(name)), clock.now()):
        # Prose: at words for people, and a sentence a line for programs.
        console.print(sentence, markup=False, highlight=False, soft_wrap=not console.is_terminal)
    return DONE


def report(
    *, cluster: ClusterAccess, name: str, cards: Sequence[str], output: str | None, console: Console, clock: Clock
) -> int:
    read = read_cards(cards)
    made = report_of(view_of(cluster.get(name)), clock.now(), read)
    known = [word for revision in made.revisions for word in (revision.version, revision.revision) if word]
    for version in read:
        if version not in known:
            choice = ", ".join(dict.fromkeys(known)) or "none"
            raise CliError(f"--card {version}=...: this report has no such version; it has {choice}", code=USAGE)
    text = page(made) if output is None else dump(encoded(made), output, console)
    if output is None and not speaks_unicode(console):
        # The page says of itself that it is UTF-8, which ASCII is a part of.
        text = text.encode("ascii", "xmlcharrefreplace").decode()
    # As it is: rich would take tabs and what looks like an emoji for something else.
    console.file.write(text + "\n")
    return DONE


def speaks_unicode(console: Console) -> bool:
    """Whether what the console writes to takes every character."""
    return console.encoding.startswith("utf")


def dump(content: Mapping[str, Any], output: str, console: Console) -> str:
    """JSON or YAML, in the order of the API server; in the escapes of either where the console needs them."""
    unicode = speaks_unicode(console)
    if output == "json":
        return json.dumps(content, indent=2, ensure_ascii=not unicode)
    import yaml  # noqa: PLC0415

    return str(yaml.safe_dump(content, sort_keys=False, allow_unicode=unicode)).rstrip("\n")


def say(console: Console, text: str) -> None:
    """Plain text, never wrapped or coloured: what goes to a file is what is meant."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def show(console: Console, picture: RenderableType) -> None:
    """A picture; for a file without the blanks that pad its lines."""
    if console.is_terminal:
        console.print(picture)
        return
    with console.capture() as captured:
        console.print(picture)
    for line in captured.get().splitlines():
        say(console, line.rstrip())


def _finish(console: Console, outcome: Ending, *, always_out: bool = False) -> int:
    """The line on stdout, or on stderr when it says that what was asked did not happen."""
    if outcome.code != DONE and not always_out:
        raise CliError(outcome.line, code=outcome.code)
    say(console, outcome.line)
    return outcome.code


def _part(cluster: ClusterAccess, kind: Kind, name: str, notes: list[str]) -> list[Body] | None:
    """Objects below a ModelDeployment; without the right to see them the rest is still worth drawing."""
    try:
        return cluster.part(kind, name).items
    except CliError as error:
        notes.append(error.message)
        return None


def _adopted(cluster: ClusterAccess, service: str, revision: str, notes: list[str]) -> tuple[list[Body], list[Body]]:
    """An adopted InferenceService and its pods, which get in the picture the label that they cannot have."""
    try:
        body, pods = cluster.named("InferenceService", service), cluster.pods_of(service)
    except CliError as error:
        notes.append(error.message)
        return [], []
    label = {names.LABEL_REVISION: revision}
    return [body], [
        {**pod, "metadata": {**pod["metadata"], "labels": {**(pod["metadata"].get("labels") or {}), **label}}}
        for pod in pods
    ]


def _view_or_reason(body: Body) -> View | str:
    """One object that this version does not understand must not hide the others."""
    try:
        return view_of(body)
    except CliError as error:
        return error.message


def _without_managed_fields(body: Body) -> dict[str, Any]:
    """The object as the API server has it, less who owns which field: kubectl leaves that out too."""
    metadata = {key: value for key, value in body["metadata"].items() if key != "managedFields"}
    return {**body, "metadata": metadata}
