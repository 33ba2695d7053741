"""The model server as a process of its own, on a free port of this machine, until the block ends.

It is the program that serves in production; only the container around it is missing.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import StepError

NAME = "rehearsal"
_HOST = "127.0.0.1"
_START_SECONDS = 120.0
_ANSWER_SECONDS = 60.0
_END_SECONDS = 10.0


@dataclass(frozen=True)
class HttpAnswer:
    """Status, the JSON of the body (None if it is none), and after how many seconds it was there."""

    status: int
    body: Any
    seconds: float


class RunningServer:
    """One connection to a server that is ready."""

    def __init__(self, port: int, process: int) -> None:
        self._connection = http.client.HTTPConnection(_HOST, port, timeout=_ANSWER_SECONDS)
        self._process = process

    def post(self, path: str, body: bytes, content_type: str = "application/json") -> HttpAnswer:
        """Raises OSError and http.client.HTTPException where there is no answer."""
        began = time.monotonic()
        self._connection.request("POST", path, body, {"Content-Type": content_type})
        with self._connection.getresponse() as response:
            content = response.read()
        seconds = time.monotonic() - began
        try:
            return HttpAnswer(response.status, json.loads(content), seconds)
        except ValueError:
            return HttpAnswer(response.status, None, seconds)

    def close(self) -> None:
        self._connection.close()

    @property
    def memory(self) -> int:
        """Resident bytes; 0 where the system does not tell."""
        with suppress(OSError):
            found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self._process}/status").read_text())
            return int(found.group(1)) * 1024 if found else 0
        return 0


@contextmanager
def model_server(package: Path) -> Iterator[tuple[RunningServer, float]]:
    """The server of the package folder, and how many seconds it took to be ready.

    Raises StepError with the server's own last words if it ends before.
    """
    with socket.socket() as free:
        free.bind((_HOST, 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "timoneiro_serving", "--model_name", NAME]
    command += ["--model_dir", str(package), "--http_port", str(port)]
    with tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace") as log:
        began = time.monotonic()
        process = subprocess.Popen(command, env=os.environ, stdout=log, stderr=log)
        try:
            _wait_until_ready(port, process, log)
            seconds = time.monotonic() - began
            with closing(RunningServer(port, process.pid)) as server:
                yield server, seconds
        finally:
            process.terminate()
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_ready(port: int, process: subprocess.Popen[bytes], log: Any) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise StepError(f"the model server ended with exit code {process.returncode}: {_last_words(log)}")
        if _is_ready(port):
            return
        time.sleep(0.1)
    raise StepError(f"the model server was not ready within {_START_SECONDS:g} s: {_last_words(log)}")


def _is_ready(port: int) -> bool:
    with closing(http.client.HTTPConnection(_HOST, port, timeout=5)) as connection:
        try:
            connection.request("GET", f"/v2/models/{NAME}/ready")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False


def _last_words(log: Any) -> str:
    log.seek(0)
    lines = [line.strip() for line in log.read().splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
