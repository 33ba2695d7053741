"""`timoneiro training ...`: from a table and one file to a model, on this machine. On Kubeflow: kubeflow_commands.py.

What takes long to import is imported by the command that needs it: `--help` is quick.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import kubeflow_commands
from .errors import FAILED, UNFINISHED
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

    from .local_run import Run, StepRun

# What the commands need beyond what the program itself does; found without being imported.
_NEEDED = ("kfp", "kserve", "optuna", "pandera", "pyarrow", "pydantic", "sklearn", "yaml")
app = typer.Typer(no_args_is_help=True)

# Each is where the first of these steps has left it that ran.
_ARTIFACTS = {
    "package": (("sign-model", "signed"), ("package-model", "package")),
    "model card": (("package-model", "card"),),
    "data report": (("validate-data", "report"),),
    "model report": (("evaluate-model", "report"),),
    "rehearsal": (("rehearse-model", "report"),),
    "registration": (("register-model", "registration"),),
    "rollout": (("await-rollout", "report"),),
    "quarantined rows": (("validate-data", "quarantine"),),
    "holdout rows": (("validate-data", "accepted_holdout"),),
}


@app.callback()
def _needed() -> None:
    """Train a model from a table and one file, training.yaml."""
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        print(f"{missing[0]} is not installed: pip install 'timoneiro[components,pipelines,serving]'", file=sys.stderr)
        raise typer.Exit(FAILED)


@app.command()
def init(
    table: Annotated[Path, typer.Argument(help="A CSV file with a header line.")],
    target: Annotated[str | None, typer.Option(help="The column that is to be predicted.")] = None,
) -> None:
    """Print a draft of training.yaml for a table."""
    from timoneiro_components.drafting.draft import draft
    from timoneiro_components.drafting.inference import guesses

    with sentences():
        typer.echo(draft(table, guesses(table, target)), nl=False)


@app.command()
def check(file: DefinitionFile = DEFINITION, settings: SettingsOption = None) -> None:
    """Say everything that is wrong with a definition and its source, before anything runs."""
    with sentences():
        training = _checked(file, settings)
    number = len(training.features)
    columns = "1 column" if number == 1 else f"{number} columns"
    typer.echo(f"{file}: {training.title}, {columns} to learn from, nothing is wrong")


@app.command()
def schema() -> None:
    """Print the JSON Schema of training.yaml, for editors."""
    from timoneiro_components.definition.schema import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


@app.command()
def run(
    file: DefinitionFile = DEFINITION,
    settings: SettingsOption = None,
    version: VersionOption = "1",
    publish: PublishOption = False,
    namespace: NamespaceOption = "default",
    model_store: ModelStoreOption = MODEL_STORE,
    root: Annotated[Path, typer.Option(help="Folder for runs.")] = Path("runs"),
) -> None:
    """Run the training pipeline on this machine: the steps that run on Kubeflow, each in a process of its own."""
    with sentences():
        from timoneiro_components.definition.reading import encoded

        training = _checked(file, settings, version)
    from timoneiro_components.rollout import UNFINISHED as NOT_OVER

    from .commit import commit_of
    from .local_run import run_locally

    parameters: dict[str, Any] = {
        "definition": encoded(training),
        "version": version,
        "namespace": namespace,
        "model_store": model_store,
        "publish": publish,
        "commit": commit_of(file, altered=bool(settings)),
    }
    console = sys.stdout  # during the run it is redirected to the log

    def report(step: StepRun) -> None:
        figures = ", ".join(f"{name} {_shown(value)}" for name, value in step.figures.items() if value != "")
        outcome = f"FAILED: {step.reason}" if step.reason else figures
        print(f"{step.name:<20}{step.seconds:5.1f} s  {outcome}".rstrip(), file=console, flush=True)

    try:
        done = run_locally(parameters, root, on_step=report)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(FAILED) from None
    _summary(done)
    if done.failed:
        print(f"{done.failed.name} failed: {done.failed.reason}", file=sys.stderr)
        late = done.outputs("await-rollout").get("ended") == NOT_OVER
        raise typer.Exit(UNFINISHED if late else FAILED)


kubeflow_commands.add_to(app)


def _checked(file: Path, settings: list[str] | None, version: str = "1") -> Training:
    """The definition, if nothing is wrong with it, or with `version`, that can be told before anything runs."""
    from timoneiro_components.definition.reading import read_training
    from timoneiro_components.identity import check_identity
    from timoneiro_components.packaging.signing import signing_key
    from timoneiro_components.privacy.preflight import check_privacy
    from timoneiro_components.quality.preflight import check_rules
    from timoneiro_components.sources.table import check_source
    from timoneiro_components.training.preflight import check_model

    training = read_training(file, settings or ())
    check_identity(training.metadata.name, version)
    check_source(training)
    check_model(training)
    check_rules(training)
    check_privacy(training)
    signing_key(training)
    return training


def _summary(done: Run) -> None:
    for title, places in _ARTIFACTS.items():
        if path := next(filter(None, (done.artifact(step, artifact) for step, artifact in places)), None):
            print(f"{title + ':':<20}{path}")
    print(f"{'log:':<20}{done.log}", flush=True)
    if done.failed:
        return
    if published := done.outputs("publish-model"):
        print(f"{'published:':<20}{published['uri']} {published['digest']}")
    else:
        print("nothing was published: add --publish")


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
