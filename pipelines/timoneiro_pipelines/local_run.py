"""Runs the training pipeline on this machine, with the steps that would run on a cluster.

KFP's local runner writes thousands of lines to stdout. Guarantees: they go to a log file and nowhere
else; every step is reported once, when it ends; a failure is reported with the step's own sentence; neither
processes nor temporary files are left behind.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from kfp import local

from .termination import processes_end_with_us
from .training import training_pipeline

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_STARTED = re.compile(r"Executing task '([^']+)'")
_ENDED = re.compile(r"Task '([^']+)' finished with status (\w+)")
_INDENT = "    "  # what KFP puts before every line of a step


@dataclass(frozen=True)
class StepRun:
    """One finished step. `figures` are its metrics and outputs; `reason` says why it failed ("" if it did not)."""

    name: str
    seconds: float
    figures: dict[str, Any]
    reason: str


@dataclass(frozen=True)
class Run:
    """One finished run: its folder, the log of KFP in it, and the steps in the order in which they ended."""

    folder: Path
    log: Path
    steps: tuple[StepRun, ...]

    @property
    def failed(self) -> StepRun | None:
        return next((step for step in self.steps if step.reason), None)

    def artifact(self, step: str, name: str) -> Path | None:
        """Where the artifact is, or None if the step did not write it."""
        return next(self.folder.glob(f"**/{step}/{name}"), None)

    def outputs(self, step: str) -> dict[str, Any]:
        """Metrics and outputs of a step, {} if it did not run."""
        return next((done.figures for done in self.steps if done.name == step), {})


def run_locally(parameters: dict[str, Any], root: Path, *, on_step: Callable[[StepRun], None]) -> Run:
    """Runs the pipeline in a new folder below `root`, whose name is the run's; calls `on_step` as each step ends
    (with sys.stdout and sys.stderr redirected to the log).

    A failing step ends the run and is in the result; anything else that KFP raises is passed on.
    Raises ValueError for a root that KFP's local runner cannot work in.
    """
    # KFP replaces this word by the interpreter's path wherever it finds it in a step's command.
    if "python3" in str(root.resolve()):
        raise ValueError(f"{root.resolve()}: KFP cannot work below a folder with 'python3' in its name")
    folder = root.resolve() / datetime.now().strftime("%Y%m%d-%H%M%S-%f")
    folder.mkdir(parents=True)
    log = folder / "kfp.log"
    with log.open("w", encoding="utf-8") as file:
        watch = _Watch(file, folder, on_step)
        with (
            processes_end_with_us(),
            _temporary_files_in(folder / "temporary"),
            contextlib.redirect_stdout(watch),
            contextlib.redirect_stderr(watch),
        ):
            # Anew for every run: KFP deletes the workspace of the run before.
            local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(folder), raise_on_error=True)
            try:
                training_pipeline()(**parameters, run=folder.name)
            except RuntimeError:
                if not any(step.reason for step in watch.steps):
                    raise
    return Run(folder, log, tuple(watch.steps))


@contextlib.contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    """Deletes what steps leave behind: KFP copies each to a folder of its own, and forgets it."""
    before = os.environ.get("TMPDIR")
    folder.mkdir()
    os.environ["TMPDIR"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before
        shutil.rmtree(folder, ignore_errors=True)


class _Watch(io.TextIOBase):
    """Stands in for stdout: passes lines on to the log and notices where steps begin and end."""

    def __init__(self, log: TextIO, folder: Path, on_step: Callable[[StepRun], None]) -> None:
        self.steps: list[StepRun] = []
        self._log = log
        self._folder = folder
        self._on_step = on_step
        self._rest = ""
        self._lines: list[str] = []
        self._started = 0.0

    def write(self, text: str) -> int:
        self._log.write(_COLOUR.sub("", text))
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._see(_COLOUR.sub("", line))
        return len(text)

    def flush(self) -> None:
        self._log.flush()

    def _see(self, line: str) -> None:
        if _STARTED.search(line):
            self._started = time.monotonic()
            self._lines = []
        elif ended := _ENDED.search(line):
            name, status = ended.groups()
            reason = "" if status == "SUCCESS" else _reason(self._lines)
            step = StepRun(name, time.monotonic() - self._started, _figures(self._folder, name), reason)
            self.steps.append(step)
            self._on_step(step)
        else:
            self._lines.append(line)


def _reason(lines: list[str]) -> str:
    """The message of the exception that a traceback in `lines` ends with."""
    reason = ""
    in_traceback = False
    for line in lines:
        text = line.removeprefix(_INDENT)
        if text.startswith("Traceback (most recent call last)"):
            in_traceback = True
        elif in_traceback and text and not text[0].isspace():
            kind, _, message = text.partition(": ")
            # A gate or a step that could not work speaks for itself; other exceptions need their type.
            reason = message if kind.startswith("timoneiro_components.errors.") else text
            in_traceback = False
    return reason or "the step ended without a message"


def _figures(folder: Path, step: str) -> dict[str, Any]:
    path = next(folder.glob(f"**/{step}/executor_output.json"), None)
    if path is None:
        return {}
    document = json.loads(path.read_text(encoding="utf-8"))
    figures: dict[str, Any] = {}
    for artifact in document.get("artifacts", {}).get("metrics", {}).get("artifacts", []):
        figures.update(artifact["metadata"])
    figures.update(document.get("parameterValues", {}))
    return figures
