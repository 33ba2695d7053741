"""`timoneiro training compile|submit|schedule|status`: the pipeline on Kubeflow.

What takes long to import is imported by the command that needs it, and KFP only where a pipeline is compiled.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .errors import FAILED, NOT_FOUND, WRONG_USE, KubeflowError
from .shell import (
    DEFINITION,
    MODEL_STORE,
    DefinitionFile,
    ModelStoreOption,
    NamespaceOption,
    PublishOption,
    SettingsOption,
    VersionOption,
    sentences,
)

if TYPE_CHECKING:
    from .api import PipelineApi
    from .connection import Connection
    from .runs import RunState

_MOST_RUNS = 20

_Image = Annotated[
    str, typer.Option(metavar="NAME@sha256:DIGEST", help="Of all steps; over kubeflow.image of the definition.")
]
_Host = Annotated[
    str, typer.Option(envvar="KF_PIPELINES_ENDPOINT", help="Where the API of Kubeflow Pipelines is, without /apis.")
]
_Ui = Annotated[
    str,
    typer.Option("--ui-host", envvar="KF_PIPELINES_UI_ENDPOINT", help="Where people see runs, if it is elsewhere."),
]
_TokenFile = Annotated[
    Path | None,
    typer.Option(
        envvar="KF_PIPELINES_SA_TOKEN_PATH",
        help="Token of a service account. Left out: the one that the cluster has put into this pod, if it has.",
    ),
]
_CaFile = Annotated[Path | None, typer.Option(help="Certificates of who has signed that of the host, in PEM.")]
_Profile = Annotated[str, typer.Option(help="Profile (its namespace), where Kubeflow has several users.")]
_Experiment = Annotated[str, typer.Option(help="Left out: it is called like the definition.")]


class AnswerForm(StrEnum):
    """How an answer is written."""

    TEXT = "text"
    JSON = "json"


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("compile")(compile_)
    app.command()(submit)
    app.command()(schedule)
    app.command()(status)


def compile_(
    output: Annotated[Path, typer.Option(help="File to write, *.yaml.")],
    file: Annotated[
        Path | None, typer.Argument(help="A definition, whose kubeflow is compiled in.", show_default="any definition")
    ] = None,
    settings: SettingsOption = None,
    image: _Image = "",
    kubernetes_manifests: Annotated[
        bool,
        typer.Option("--kubernetes-manifests", help="Pipeline and PipelineVersion, for the Kubernetes-native mode."),
    ] = False,
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Of these objects.")] = "kubeflow",
) -> None:
    """Write the training pipeline for Kubeflow. It takes the text of training.yaml as a parameter."""
    if output.suffix not in (".yaml", ".yml"):
        print(f"{output}: choose a name that ends with .yaml", file=sys.stderr)
        raise typer.Exit(WRONG_USE)
    with sentences():
        from timoneiro_components.definition.reading import encoded

        from .preparation import announced_plan, cluster_definition

        training = cluster_definition(file, settings or ()) if file is not None else None
        plan = announced_plan(training, image)
    import yaml

    from .compiling import compiled, manifests

    definition = encoded(training) if training else ""
    if kubernetes_manifests:
        name, title = (training.metadata.name, training.title) if training else ("timoneiro-training", "Timoneiro")
        documents = manifests(plan, name=name, title=title, namespace=namespace, definition=definition)
    else:
        documents = compiled(plan, definition)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(yaml.safe_dump_all(documents, sort_keys=True), encoding="utf-8")
    except OSError as error:
        print(f"{output} cannot be written: {error.strerror}", file=sys.stderr)
        raise typer.Exit(FAILED) from None
    typer.echo(f"wrote {output}")


def submit(
    file: DefinitionFile = DEFINITION,
    settings: SettingsOption = None,
    version: VersionOption = "1",
    publish: PublishOption = False,
    namespace: NamespaceOption = "default",
    model_store: ModelStoreOption = MODEL_STORE,
    image: _Image = "",
    experiment: _Experiment = "",
    host: _Host = "",
    ui_host: _Ui = "",
    token_file: _TokenFile = None,
    ca_file: _CaFile = None,
    profile: _Profile = "",
    wait: Annotated[bool, typer.Option("--wait", help="Until it has ended; fails if the run does.")] = False,
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait.")] = 86400,
) -> None:
    """Run the training pipeline on Kubeflow."""
    with sentences():
        connection = _connection(host, ui_host, token_file, ca_file, profile)
        from .commit import commit_of
        from .preparation import cluster_definition, prepared
        from .submission import submit as send

        training = cluster_definition(file, settings or ())
        name = training.metadata.name
        submission = prepared(
            training,
            name=f"{name} {version}",
            image=image,
            version=version,
            namespace=namespace,
            model_store=model_store,
            publish=publish,
            commit=commit_of(file, altered=bool(settings)),
        )
        api = _api(connection)
        run = send(api, submission, experiment or name)
        typer.echo(f"{'run:':<20}{run}\n{'see:':<20}{connection.run_address(run)}")
        if wait:
            _await(api, run, timeout)


def schedule(
    file: DefinitionFile = DEFINITION,
    settings: SettingsOption = None,
    cron: Annotated[
        str, typer.Option(help="When: minute, hour, day of the month, month, day of the week, as in '0 3 * * 1'.")
    ] = "",
    publish: PublishOption = False,
    namespace: NamespaceOption = "default",
    model_store: ModelStoreOption = MODEL_STORE,
    image: _Image = "",
    experiment: _Experiment = "",
    pause: Annotated[bool, typer.Option("--pause", help="Begin no further run.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Begin runs again.")] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Take the schedule away; its runs stay.")] = False,
    host: _Host = "",
    token_file: _TokenFile = None,
    ca_file: _CaFile = None,
    profile: _Profile = "",
) -> None:
    """Run the training pipeline on Kubeflow again and again; a schedule of the same definition is replaced.

    Each run publishes a version that is called like the time for which it was planned, such as 20260131030000.
    """
    if sum((bool(cron), pause, resume, delete)) != 1:
        print("say one of --cron, --pause, --resume and --delete", file=sys.stderr)
        raise typer.Exit(WRONG_USE)
    with sentences():
        connection = _connection(host, "", token_file, ca_file, profile)
        from timoneiro_components.definition.reading import read_as_written

        from .commit import commit_of
        from .cron import six_fields
        from .preparation import PLANNED_VERSION, cluster_definition, prepared
        from .submission import change_schedule
        from .submission import schedule as send

        if cron:
            times = six_fields(cron)
            training = cluster_definition(file, settings or ())
            name = training.metadata.name
            submission = prepared(
                training,
                name=name,
                image=image,
                version=PLANNED_VERSION,
                namespace=namespace,
                model_store=model_store,
                publish=publish,
                commit=commit_of(file, altered=bool(settings)),
            )
            description = f"Trains {training.title}"
            made = send(_api(connection), submission, experiment or name, cron=times, description=description)
            typer.echo(f"{'schedule:':<20}{made}")
            return
        name, api = read_as_written(file, settings or ()).metadata.name, _api(connection)

        def change(identity: str) -> None:
            api.delete_schedule(identity) if delete else api.enable_schedule(identity, enabled=resume)

        done = "deleted" if delete else "resumed" if resume else "paused"
        for identity in change_schedule(api, name, experiment or name, change):
            typer.echo(f"{'schedule:':<20}{identity} {done}")


def status(
    run: Annotated[str, typer.Argument(help="The id of a run, for its steps.", show_default="the latest runs")] = "",
    experiment: Annotated[str, typer.Option(help="Only its runs.")] = "",
    output: Annotated[AnswerForm, typer.Option("--output", "-o", help="How to write it.")] = AnswerForm.TEXT,
    host: _Host = "",
    token_file: _TokenFile = None,
    ca_file: _CaFile = None,
    profile: _Profile = "",
) -> None:
    """Show runs on Kubeflow, or the steps of one."""
    from datetime import UTC, datetime

    with sentences():
        api = _api(_connection(host, "", token_file, ca_file, profile))
        from .runs import described, listed, run_state

        if run:
            found = run_state(api.run(run), datetime.now(UTC))
            typer.echo(json.dumps(found.document(), indent=2) if output is AnswerForm.JSON else described(found))
            return
        identity = api.experiment(experiment) if experiment else ""
        if experiment and not identity:
            raise KubeflowError(f"there is no experiment {experiment}", code=NOT_FOUND)
        runs = [run_state(each, datetime.now(UTC)) for each in api.runs(experiment=identity, limit=_MOST_RUNS)]
        if output is AnswerForm.JSON:
            typer.echo(json.dumps([each.document() for each in runs], indent=2))
        else:
            typer.echo(listed(runs))


def _connection(host: str, ui: str, token: Path | None, authority: Path | None, profile: str) -> Connection:
    from .connection import connection

    return connection(host, ui=ui, token=token, authority=authority, profile=profile)


def _api(connection: Connection) -> PipelineApi:
    from .api import PipelineApi

    return PipelineApi.connect(connection)


def _await(api: PipelineApi, run: str, seconds: float) -> None:
    from .runs import ENDED, SUCCEEDED, lasted
    from .submission import await_end

    told: set[str] = set()

    def report(state: RunState) -> None:
        for step in state.steps:
            if step.state in ENDED and step.name not in told:
                told.add(step.name)
                outcome = f"FAILED: {step.reason}" if step.reason else step.state
                typer.echo(f"{step.name:<22}{lasted(step.seconds):>7}  {outcome}")

    end = await_end(api, run, seconds=seconds, on_change=report)
    if end.state != SUCCEEDED:
        reason = f": {end.reason}" if end.reason else ""
        raise KubeflowError(f"run {run} ended as {end.state}{reason}")
    typer.echo(f"{'state:':<20}{end.state} after {lasted(end.seconds)}")
