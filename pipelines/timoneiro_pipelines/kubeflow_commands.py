"""`timoneiro training compile|submit|schedule|status`: the pipeline on Kubeflow.

What takes long to import is imported by the command that needs it, and KFP only where a pipeline is compiled.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    from timoneiro_components.definition.training import Training

    from .api import PipelineApi
    from .connection import Connection
    from .plan import ClusterPlan
    from .runs import RunState
    from .submission import Submission

# Kubeflow puts the time for which a run was planned in its place, so that every run publishes a version of its own.
_PLANNED_VERSION = "[[ScheduledTime]]"
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
    import yaml

    from .plan import general_plan, plan_of

    with sentences():
        from timoneiro_components.definition.reading import encoded

        training = _for_cluster(file, settings) if file is not None else None
        plan = plan_of(training, _checked_image(image)) if training else general_plan(_checked_image(image))
    _say_whether_cached(plan)
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
        training = _for_cluster(file, settings)
        parameters = {"version": version, "namespace": namespace, "model_store": model_store, "publish": publish}
        submission = _submission(training, parameters, image, f"{training.metadata.name} {version}")
        from . import submission as sending

        api = _api(connection)
        run = sending.submit(api, submission, experiment or training.metadata.name)
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
        if cron:
            made = _schedule(file, settings, cron, publish, namespace, model_store, image, experiment, connection)
            typer.echo(f"{'schedule:':<20}{made}")
            return
        from timoneiro_components.definition.reading import read_as_written

        from .submission import change_schedule

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


def _for_cluster(file: Path, settings: list[str] | None) -> Training:
    """The definition with its paths as they are written, if nothing is wrong with it on a cluster."""
    from timoneiro_components.definition.environment import cluster_faults
    from timoneiro_components.definition.problems import DefinitionError, DefinitionProblem, field_of
    from timoneiro_components.definition.reading import read_as_written

    training = read_as_written(file, settings or ())
    if found := [DefinitionProblem(0, field_of(path), sentence) for path, sentence in cluster_faults(training)]:
        raise DefinitionError(file.name, found)
    return training


def _checked_image(image: str) -> str:
    """Raises KubeflowError for what is no name of an image."""
    if any(character.isspace() for character in image) or ("@" in image and "@sha256:" not in image):
        raise KubeflowError(
            f"--image {image!r} must be the name of an image, best by digest: name@sha256:...", code=WRONG_USE
        )
    return image


def _say_whether_cached(plan: ClusterPlan) -> None:
    if not plan.cached:
        print(
            f"{plan.image} is no image by digest, so that nothing is taken from the cache: write name@sha256:...",
            file=sys.stderr,
        )


def _submission(training: Training, parameters: dict[str, Any], image: str, name: str) -> Submission:
    """The pipeline compiled for this definition, and what it is called with."""
    from timoneiro_components.definition.reading import encoded
    from timoneiro_components.identity import check_identity
    from timoneiro_components.store import package_uri

    from .plan import plan_of
    from .submission import Submission

    version = parameters["version"]
    if version != _PLANNED_VERSION:
        check_identity(training.metadata.name, version)
    package_uri(parameters["model_store"], training.metadata.name, "1")
    plan = plan_of(training, _checked_image(image))
    _say_whether_cached(plan)
    from .compiling import compiled

    return Submission(name, compiled(plan), {"definition": encoded(training), **parameters}, plan.service_account)


def _schedule(
    file: Path,
    settings: list[str] | None,
    cron: str,
    publish: bool,
    namespace: str,
    model_store: str,
    image: str,
    experiment: str,
    connection: Connection,
) -> str:
    from .cron import six_fields

    try:
        times = six_fields(cron)
    except ValueError as error:
        raise KubeflowError(f"--cron {error}", code=WRONG_USE) from None
    training = _for_cluster(file, settings)
    parameters = {
        "version": _PLANNED_VERSION,
        "namespace": namespace,
        "model_store": model_store,
        "publish": publish,
    }
    name = training.metadata.name
    submission = _submission(training, parameters, image, name)
    from . import submission as sending

    return sending.schedule(
        _api(connection), submission, experiment or name, cron=times, description=f"Trains {training.title}"
    )


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
