"""Starts the model server: `python -m timoneiro_serving --model_name NAME --model_dir /mnt/models`.

Guarantees: a model that cannot be loaded ends the process with exit code 1 before the port is
opened. The reason is one sentence: the last line on stderr, and the termination log, where the
kubelet looks for it, if there is one.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import math
import os
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ModelLoadError
from .loading import load_model

if TYPE_CHECKING:
    from .signature import PublicKey

DIGEST_VARIABLE = "TIMONEIRO_MODEL_DIGEST"
OVERDUE_VARIABLE = "TIMONEIRO_OVERDUE_SECONDS"
BOUNDS_VARIABLE = "TIMONEIRO_NUMBER_BOUNDS"
_MOST_BOUNDS = 40
TERMINATION_LOG = Path("/dev/termination-log")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the server until it is stopped; gives the exit code."""
    with _nothing_is_garbage():
        try:
            options = _parser().parse_args(arguments)
            model = load_model(
                options.model_dir,
                expected_digest=os.environ.get(DIGEST_VARIABLE) or None,
                public_keys=options.model_public_key,
                allow_pickle=options.allow_pickle,
            )
        except ModelLoadError as error:
            _report(str(error))
            return 1
        # Only now: importing KServe takes seconds, and a refused model should be refused at once.
        from .predictions import NUMBER_BOUNDS  # noqa: PLC0415
        from .server import serve  # noqa: PLC0415

    serve(
        options.model_name,
        model,
        http_port=options.http_port,
        overdue_seconds=options.overdue_seconds,
        number_bounds=options.number_bounds or NUMBER_BOUNDS,
    )
    return 0


@contextlib.contextmanager
def _nothing_is_garbage() -> Iterator[None]:
    """While modules are imported and the model is loaded: all of it stays, and looking for garbage in it costs a fifth
    of the start."""
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m timoneiro_serving", description=__doc__)
    parser.add_argument("--model_name", required=True, help="name of the model in the URL")
    parser.add_argument("--model_dir", type=Path, default=Path("/mnt/models"), help="folder of the model")
    # An argument, and no variable: a server that does not know it ends, and serves nobody unverified.
    parser.add_argument(
        "--model_public_key",
        type=_public_key,
        action="append",
        default=[],
        metavar="PEM",
        help="serve only a model that this key has signed; given several times, one of them",
    )
    parser.add_argument("--http_port", type=int, default=8080, help="port to answer on")
    parser.add_argument(
        "--overdue_seconds",
        type=_seconds,
        default=os.environ.get(OVERDUE_VARIABLE) or "10",
        help=f"a request that takes longer counts as failed; by default what {OVERDUE_VARIABLE} says, or 10",
    )
    parser.add_argument(
        "--number_bounds",
        type=_bounds,
        default=os.environ.get(BOUNDS_VARIABLE) or "",
        help=f"between which numbers the answers of a regressor are counted, such as 10,20,50; by default what "
        f"{BOUNDS_VARIABLE} says, or 1, 2 and 5 of each power of ten",
    )
    parser.add_argument(
        "--allow_pickle",
        action="store_true",
        help="also load model.joblib and model.pkl, which run whatever code is in them",
    )
    return parser


def _public_key(pem: str) -> PublicKey:
    from .signature import PublicKey  # noqa: PLC0415  # who demands no signature does not import cryptography

    try:
        return PublicKey(pem)
    except ValueError as error:
        raise ModelLoadError(f"--model_public_key cannot be used: {error}") from None


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds")
    return seconds


def _bounds(text: str) -> tuple[float, ...]:
    try:
        bounds = tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        bounds = (math.nan,)
    if not all(map(math.isfinite, bounds)) or any(one >= other for one, other in pairwise(bounds)):
        raise argparse.ArgumentTypeError(f"'{text}' is no list of rising numbers such as 10,20,50")
    if len(bounds) > _MOST_BOUNDS:
        raise argparse.ArgumentTypeError(f"'{text}' has {len(bounds)} numbers, and {_MOST_BOUNDS} are the most")
    return bounds


def _report(sentence: str) -> None:
    line = " ".join(sentence.split())
    print(line, file=sys.stderr, flush=True)
    if TERMINATION_LOG.exists():
        # If it cannot be written the sentence is still the last line of the log.
        with contextlib.suppress(OSError):
            TERMINATION_LOG.write_text(line, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
