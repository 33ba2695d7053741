"""The program `timoneiro`, also as `kubectl timoneiro`: options in, exit code out."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import entry_points
from pathlib import Path

import typer

from timoneiro_operator.cli.commands import hand, read, shell, steer
from timoneiro_operator.cli.errors import CliError

app = typer.Typer(
    name="timoneiro",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
read.add_to(app)
steer.add_to(app)
hand.add_to(app)
# Of other rooms of the project, where they are installed, and of whoever adds some. An image of a part of the project
# may name commands whose package it leaves out.
for point in sorted(entry_points(group="timoneiro.commands"), key=lambda point: point.name):
    with suppress(ModuleNotFoundError):
        app.add_typer(point.load(), name=point.name)


@app.callback()
def _about() -> None:
    """See and steer how machine-learning models are rolled out.

    `timoneiro get` shows what is there, `timoneiro explain NAME` why it is where it is and what would change that.

    What you ask of a rollout (promote, abort, pause, ...) is carried out once by the operator, and is kept on record
    with your name: `timoneiro history NAME`.

    Exit codes: 0 done; 1 refused, or the rollout failed; 2 wrong use; 3 not over, or not answered, in time;
    4 not found; 5 the cluster cannot be asked.
    """


@app.command()
def version() -> None:
    """Print the version of this program."""
    from importlib.metadata import PackageNotFoundError  # noqa: PLC0415
    from importlib.metadata import version as installed  # noqa: PLC0415

    try:
        typer.echo(f"timoneiro {installed('timoneiro')}")
    except PackageNotFoundError:
        typer.echo("timoneiro (not installed as a package)")


def main(arguments: Sequence[str] | None = None) -> None:
    """Ends the process with the exit code. What goes wrong is one sentence on stderr, and never a traceback."""
    program = "kubectl timoneiro" if Path(sys.argv[0]).name.startswith("kubectl-") else "timoneiro"
    shell.write_anywhere()
    try:
        app(args=list(arguments) if arguments is not None else None, prog_name=program)
    except CliError as error:
        print(f"{program}: {error.message}", file=sys.stderr)
        sys.exit(error.code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read has had enough: `timoneiro get | head` is no error.
        sys.stderr.close()
        sys.exit(0)


if __name__ == "__main__":
    main()
