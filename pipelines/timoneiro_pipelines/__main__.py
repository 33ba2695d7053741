"""Command line: `python -m timoneiro_pipelines run` and `python -m timoneiro_pipelines compile`.

Guarantees: exit code 0 only if everything asked for was done; otherwise the last line on stderr is
one sentence that says what was not, and why.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from google.protobuf import json_format

from .parameters import ParameterError, run_parameters
from .training import training_pipeline

_ARTIFACTS = {
    "package": ("package-model", "package"),
    "model card": ("package-model", "card"),
    "data report": ("validate-data", "report"),
    "holdout rows": ("ingest-data", "holdout"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what the arguments say; gives the exit code."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "compile":
            return _compile(options.output)
        return _run(run_parameters(_types(), options.parameters, options.set), options.root)
    except (ParameterError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m timoneiro_pipelines")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run the training pipeline on this machine")
    run.add_argument("--parameters", type=Path, help="YAML file of parameters")
    run.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="one parameter; wins over the file"
    )
    run.add_argument("--root", type=Path, default=Path("runs"), help="folder for runs (default: runs)")
    compiling = commands.add_parser("compile", help="write the pipeline for a cluster")
    compiling.add_argument("--output", type=Path, required=True, help="file to write, *.yaml")
    return parser


def _types() -> dict[str, str]:
    root = json_format.MessageToDict(training_pipeline.pipeline_spec.root)
    return {name: spec["parameterType"] for name, spec in root["inputDefinitions"]["parameters"].items()}


def _compile(output: Path) -> int:
    from kfp.compiler import Compiler  # noqa: PLC0415  # a run does not need it

    if output.suffix not in (".yaml", ".yml"):
        raise ValueError(f"{output}: choose a name that ends with .yaml")
    output.parent.mkdir(parents=True, exist_ok=True)
    draft = output.with_name(f".{output.stem}.draft.yaml")
    Compiler().compile(training_pipeline, str(draft))
    draft.replace(output)
    print(f"wrote {output}")
    return 0


def _run(parameters: dict[str, Any], root: Path) -> int:
    from .local_run import StepRun, run_locally  # noqa: PLC0415  # the local runner takes a second to import

    console = sys.stdout  # during the run it is redirected to the log

    def report(step: StepRun) -> None:
        figures = ", ".join(f"{name} {_shown(value)}" for name, value in step.figures.items() if value != "")
        outcome = f"FAILED: {step.reason}" if step.reason else figures
        print(f"{step.name:<16}{step.seconds:5.1f} s  {outcome}".rstrip(), file=console, flush=True)

    run = run_locally(parameters, root, on_step=report)
    for title, (step, artifact) in _ARTIFACTS.items():
        if path := run.artifact(step, artifact):
            print(f"{title + ':':<16}{path}")
    print(f"{'log:':<16}{run.log}", flush=True)
    if run.failed:
        print(f"{run.failed.name} failed: {run.failed.reason}", file=sys.stderr)
        return 1
    if published := run.outputs("publish-model"):
        print(f"{'published:':<16}{published['uri']} {published['digest']}")
    else:
        print("nothing was published (publish is false)")
    return 0


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
