"""Models, packages and real server processes on loopback."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
import skops.io
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

START_DEADLINE_SECONDS = 120
FEATURES = ["length", "width", "height"]


class Server:
    """A model server in a process of its own, its address and everything that it wrote to stderr."""

    def __init__(
        self,
        folder: Path,
        name: str = "parcel",
        environment: dict[str, str] | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.name = name
        self.url = f"http://127.0.0.1:{port}"
        self.lines: list[str] = []
        self._up = threading.Event()
        command = [sys.executable, "-m", "timoneiro_serving", "--model_name", name]
        command += ["--model_dir", str(folder), "--http_port", str(port), *arguments]
        self._process = subprocess.Popen(
            command,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._up.wait(START_DEADLINE_SECONDS) or self._process.poll() is not None:
            self.stop()
            raise AssertionError("the server did not start:\n" + "".join(self.lines))

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.lines.append(line)
            if "Uvicorn running" in line:
                self._up.set()
        self._up.set()

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=30)

    def post(self, path: str, **arguments: Any) -> httpx.Response:
        """One request over a connection of its own."""
        return httpx.post(self.url + path, timeout=30, **arguments)

    def count(self, series: str) -> float:
        """Value of a `<series>_count` of this model in /metrics, 0 if it is not there yet."""
        wanted = f'{series}_count{{model_name="{self.name}"}} '
        for line in httpx.get(f"{self.url}/metrics").text.splitlines():
            if line.startswith(wanted):
                return float(line.removeprefix(wanted))
        return 0.0

    def accounts(self) -> dict[str, float]:
        """Requests begun and in flight, and by how they ended, as /metrics shows them."""
        found = {}
        for line in httpx.get(f"{self.url}/metrics").text.splitlines():
            match = re.match(r'timoneiro_requests_(\w+?)(?:_total)?(?:\{outcome="(\w+)"\})? (\S+)$', line)
            if match:
                found[match[2] or match[1]] = float(match[3])
        return found

    def outside(self) -> dict[str, float]:
        """Requests with values that the model was not made for by feature, as /metrics shows them."""
        lines = httpx.get(f"{self.url}/metrics").text.splitlines()
        matches = (re.match(r'timoneiro_requests_outside_total\{feature="(\w+)"\} (\S+)$', line) for line in lines)
        return {match[1]: float(match[2]) for match in matches if match}

    def classes(self) -> dict[str, float]:
        """Requests by the class that was answered, as /metrics shows them."""
        lines = httpx.get(f"{self.url}/metrics").text.splitlines()
        matches = (re.match(r'timoneiro_predicted_classes_total\{class="(\w+)"\} (\S+)$', line) for line in lines)
        return {match[1]: float(match[2]) for match in matches if match}

    def stop(self) -> int:
        self._process.terminate()
        code = self._process.wait(timeout=60)
        self._reader.join(timeout=60)
        if self._process.stderr is not None:
            self._process.stderr.close()
        return code


@pytest.fixture(scope="session")
def rows() -> pd.DataFrame:
    """60 rows of three features, without missing values."""
    return pd.DataFrame(np.random.default_rng(7).normal(size=(60, 3)), columns=FEATURES)


@pytest.fixture(scope="session")
def labels(rows: pd.DataFrame) -> np.ndarray[Any, Any]:
    return np.where(rows["length"] + rows["width"] > 0, "large", "small")


@pytest.fixture(scope="session")
def classifier(rows: pd.DataFrame, labels: np.ndarray[Any, Any]) -> Pipeline:
    """A classifier that raises ValueError for missing values."""
    return Pipeline([("scale", StandardScaler()), ("classify", LogisticRegression())]).fit(rows, labels)


@pytest.fixture(scope="session")
def imputing_classifier(rows: pd.DataFrame, labels: np.ndarray[Any, Any]) -> Pipeline:
    """The same classifier behind an imputer."""
    steps = [("impute", SimpleImputer()), ("scale", StandardScaler()), ("classify", LogisticRegression())]
    return Pipeline(steps).fit(rows, labels)


def write_manifest(folder: Path, format_name: str, **changes: Any) -> None:
    document = {
        "schemaVersion": 1,
        "format": {"name": format_name, "version": "1"},
        "features": [{"name": name, "dtype": "float64", "nullable": True} for name in FEATURES],
        "target": {"name": "size", "classes": ["large", "small"]},
    }
    (folder / "timoneiro.json").write_text(json.dumps({**document, **changes}))


@pytest.fixture(scope="session")
def skops_folder(tmp_path_factory: pytest.TempPathFactory, classifier: Pipeline) -> Path:
    folder = tmp_path_factory.mktemp("skops")
    skops.io.dump(classifier, folder / "model.skops")
    write_manifest(folder, "sklearn")
    return folder


@pytest.fixture(scope="session")
def imputing_folder(tmp_path_factory: pytest.TempPathFactory, imputing_classifier: Pipeline) -> Path:
    folder = tmp_path_factory.mktemp("imputing")
    skops.io.dump(imputing_classifier, folder / "model.skops")
    write_manifest(folder, "sklearn")
    return folder


@pytest.fixture(scope="session")
def onnx_folder(tmp_path_factory: pytest.TempPathFactory, classifier: Pipeline) -> Path:
    folder = tmp_path_factory.mktemp("onnx")
    graph = to_onnx(
        classifier,
        initial_types=[("features", FloatTensorType([None, 3]))],
        options={id(classifier): {"zipmap": False}},
    )
    (folder / "model.onnx").write_bytes(graph.SerializeToString())
    write_manifest(folder, "onnx")
    return folder


@contextmanager
def _running(folder: Path) -> Iterator[Server]:
    server = Server(folder)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def skops_server(skops_folder: Path) -> Iterator[Server]:
    with _running(skops_folder) as server:
        yield server


@pytest.fixture(scope="session")
def imputing_server(imputing_folder: Path) -> Iterator[Server]:
    with _running(imputing_folder) as server:
        yield server


@pytest.fixture(scope="session")
def onnx_server(onnx_folder: Path) -> Iterator[Server]:
    with _running(onnx_folder) as server:
        yield server


@pytest.fixture
def refused() -> Callable[..., str]:
    """Starts a server that must not come up; gives the last line of its stderr."""

    def start(folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> str:
        command = [sys.executable, "-m", "timoneiro_serving", "--model_name", "m", "--model_dir", str(folder)]
        done = subprocess.run(
            [*command, *arguments],
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=START_DEADLINE_SECONDS,
            check=False,
        )
        assert done.returncode == 1, done.stderr
        return done.stderr.splitlines()[-1]

    return start


@pytest.fixture(scope="session")
def server_type() -> type[Server]:
    return Server
