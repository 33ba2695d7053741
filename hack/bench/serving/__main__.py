"""One row a request: our model server beside KServe's for scikit-learn, and beside MLServer, in turn on one machine.

All answer the v2 protocol with the probabilities of a logistic regression over 30 columns that are imputed and scaled.
Ours checks types, limits and gaps of each value besides, and looks columns up by name. Prints figures, and exits with 1
where ours is slower.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sklearn.datasets import load_breast_cancer

from bench.serving.bare import __file__ as bare_file
from bench.serving.client import Latencies, asked
from bench.serving.rival import MODEL
from bench.serving.rival import __file__ as rival_file
from timoneiro_components.definition.reading import read_training
from timoneiro_components.ingest import ingest
from timoneiro_components.package import package
from timoneiro_components.train import train

_EXAMPLE = Path(__file__).parents[3] / "pipelines" / "examples" / "diagnosis" / "training.yaml"
_HOST, _OURS_PORT, _BARE_PORT, _RIVAL_PORT = "127.0.0.1", 18480, 18485, 18490
_START_SECONDS = 120.0
_AT_A_TIME = (1, 8)
_OURS, _BARE, _RIVAL = "timoneiro", "KServe", "MLServer"


@dataclass(frozen=True)
class Server:
    """A server that is ready. `url`: where it takes v2 requests; `body`: a row as it wants it."""

    name: str
    url: str
    body: bytes


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.serving", description=__doc__)
    parser.add_argument("mlserver", type=Path, help="virtual environment that MLServer is installed in")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is asked (default 5)")
    parser.add_argument("--seconds", type=float, default=4, help="for how long each time (default 4)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="timoneiro-bench-") as folder:
        root = Path(folder)
        with _ours(root) as ours, _rivals(root, options.mlserver.resolve()) as rivals:
            return _compared((ours, *rivals), options.rounds, options.seconds)


def _compared(servers: tuple[Server, ...], rounds: int, seconds: float) -> int:
    print("| who | at a time | requests a second | p50, ms | p99, ms |\n|---|---|---|---|---|", flush=True)
    slower = []
    for at_a_time in _AT_A_TIME:
        found: dict[str, list[Latencies]] = {server.name: [] for server in servers}
        for server in servers:
            asked(server.url, server.body, at_a_time=at_a_time, seconds=1)
        # In turn, so that whatever else the machine does befalls all.
        for _ in range(rounds):
            for server in servers:
                found[server.name].append(asked(server.url, server.body, at_a_time=at_a_time, seconds=seconds))
        for name, answers in found.items():
            rate, p50, p99 = (statistics.median(figures) for figures in zip(*map(_figures, answers), strict=True))
            print(f"| {name} | {at_a_time} | {rate:,.0f} | {p50:.2f} | {p99:.2f} |", flush=True)
        for rival in (_BARE, _RIVAL):
            ratio = statistics.median(
                ours.rate / its.rate for ours, its in zip(found[_OURS], found[rival], strict=True)
            )
            slower += [f"than {rival}, {at_a_time} at a time: {ratio:.2f} times its requests"] if ratio < 1 else []
    print(f"BROKEN: slower {'; '.join(slower)}" if slower else "kept: not slower")
    return 1 if slower else 0


def _figures(answers: Latencies) -> tuple[float, float, float]:
    return answers.rate, answers.quantile(0.5), answers.quantile(0.99)


@contextmanager
def _ours(root: Path) -> Iterator[Server]:
    training = read_training(_EXAMPLE, ["spec.split.folds=3"])
    places = {name: root / name for name in ("data", "holdout", "privacy", "dataset")}
    ingest(training, **places)
    train(training, data=places["data"], model=root / "model", test=root / "test")
    files = {name: places[name] for name in ("data", "privacy", "dataset")}
    package(training, model=root / "model", **files, destination=root / "package", version="1")
    command = [sys.executable, "-m", "timoneiro_serving", "--model_name", MODEL, "--model_dir", str(root / "package")]
    command += ["--http_port", str(_OURS_PORT)]
    with _started(_OURS, command, root, _OURS_PORT):
        yield Server(_OURS, _address(_OURS_PORT), _body({}))


@contextmanager
def _rivals(root: Path, environment: Path) -> Iterator[tuple[Server, Server]]:
    folder, programs = root / "rival", environment / "bin"
    folder.mkdir()
    subprocess.run([programs / "python", rival_file, folder, str(_RIVAL_PORT)], check=True)
    bare = [sys.executable, bare_file, str(folder / "model.joblib"), str(_BARE_PORT)]
    with (
        _started(_BARE, bare, root, _BARE_PORT),
        _started(_RIVAL, [str(programs / "mlserver"), "start", str(folder)], root, _RIVAL_PORT),
    ):
        yield (
            Server(_BARE, _address(_BARE_PORT), _body({})),
            Server(_RIVAL, _address(_RIVAL_PORT), _body({"outputs": [{"name": "predict_proba"}]})),
        )


def _address(port: int) -> str:
    return f"http://{_HOST}:{port}/v2/models/{MODEL}/infer"


def _body(more: dict[str, object]) -> bytes:
    row = [float(value) for value in load_breast_cancer().data[0]]
    tensor = {"name": "rows", "shape": [1, len(row)], "datatype": "FP64", "data": row}
    return json.dumps({"inputs": [tensor], **more}).encode()


@contextmanager
def _started(name: str, command: list[str], root: Path, port: int) -> Iterator[None]:
    with (root / f"{name}.log").open("w+", encoding="utf-8", errors="replace") as log:
        process = subprocess.Popen(
            command, cwd=root, env={**os.environ, "PYTHONUNBUFFERED": "1"}, stdout=log, stderr=log
        )
        try:
            _wait_until_ready(name, process, log, port)
            yield
        finally:
            process.terminate()
            process.wait(30)


def _wait_until_ready(name: str, process: subprocess.Popen[bytes], log: IO[str], port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with closing(http.client.HTTPConnection(_HOST, port, timeout=5)) as connection:
            try:
                connection.request("GET", f"/v2/models/{MODEL}/ready")
                if connection.getresponse().status == http.HTTPStatus.OK:
                    return
            except (OSError, http.client.HTTPException):
                pass
        time.sleep(0.2)
    log.seek(0)
    raise SystemExit(f"{name} is not ready:\n{log.read()[-2000:]}")


if __name__ == "__main__":
    sys.exit(main())
