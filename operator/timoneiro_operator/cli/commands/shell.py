"""What the commands touch of the world: the cluster, the terminal, the time."""

import codecs
import io
import sys
import time
from typing import TYPE_CHECKING

from timoneiro_operator.api.times import moment
from timoneiro_operator.cli.commands.options import ClusterOptions, checked_name

if TYPE_CHECKING:
    from rich.console import Console

    from timoneiro_operator.cli.commands.cluster import ClusterAccess
    from timoneiro_operator.cli.commands.waiting import Clock


# What the pictures are drawn with, for a terminal that has ASCII only.
_DRAWN = {"\u2588": "#", "\u2591": "."}

# Nothing is cut or wrapped for a program that reads it.
_WIDTH_OF_FILES = 10_000


def cluster_of(target: ClusterOptions) -> "ClusterAccess":
    """The cluster that the options mean."""
    from timoneiro_operator.cli.commands.cluster import connect  # noqa: PLC0415

    if target.namespace is not None:
        checked_name(target.namespace, "a namespace")
    return connect(kubeconfig=target.kubeconfig, context=target.context, namespace=target.namespace)


def write_anywhere() -> None:
    """Lets stdout and stderr take every text: a character that they cannot show becomes its escape.

    What people have called a model, or themselves, must not turn a rollout that went well into a failure.
    """
    codecs.register_error("timoneiro", _shown)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="timoneiro")


def _shown(error: UnicodeError) -> tuple[str, int]:
    """What is written for a run of characters that a stream cannot show, and where to go on."""
    assert isinstance(error, UnicodeEncodeError)
    run = error.object[error.start : error.end]
    return "".join(_DRAWN.get(it) or it.encode("ascii", "backslashreplace").decode() for it in run), error.end


def console() -> "Console":
    """Stdout. Colours only for a terminal, and not with NO_COLOR; as wide as it takes for a file.

    What people wrote is printed as it is: `:name:` is no emoji.
    """
    from rich.console import Console  # noqa: PLC0415

    return Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else _WIDTH_OF_FILES)


def clock() -> "Clock":
    from timoneiro_operator.cli.commands.waiting import Clock  # noqa: PLC0415

    return Clock(now=lambda: moment(time.time()), sleep=time.sleep)
