"""A run as people and programs read it. Pure: what the API has answered, and the time, are arguments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from timoneiro_components.definition.kubeflow import STEPS

SUCCEEDED, FAILED = "SUCCEEDED", "FAILED"
ENDED = frozenset({SUCCEEDED, FAILED, "SKIPPED", "CANCELED"})
# Why a gate has failed is in what the step before it leaves.
_REPORTS: Mapping[str, str] = {
    "require-valid-data": "the data is not as it has to be: see the report of validate-data",
    "require-good-model": "the model is not good enough: see the report of evaluate-model",
    "require-working-model": "the model server does not answer as it has to: see the report of rehearse-model",
}


@dataclass(frozen=True)
class StepState:
    """One step of a run. `state`: as Kubeflow calls it. `seconds`: since it began, or until it ended; None before.
    `reason`: why it failed, as far as the API tells; "" else."""

    name: str
    state: str
    seconds: float | None
    reason: str


@dataclass(frozen=True)
class RunState:
    """One run. `started`: ISO 8601, in UTC. `steps`: those that have begun, in the order of the pipeline; none where
    only a list of runs was asked for."""

    run: str
    name: str
    state: str
    started: str
    seconds: float | None
    reason: str
    steps: tuple[StepState, ...]

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def run_state(run: Any, now: datetime) -> RunState:
    """What a V2beta1Run says at the time `now`."""
    details = getattr(run.run_details, "task_details", None) or ()
    tasks = {task.display_name: task for task in details}
    steps = tuple(_step(name, tasks[name], now) for name in STEPS if name in tasks)
    failed = next((f"{step.name} failed: {step.reason}" for step in steps if step.state == FAILED), "")
    # A driver is what prepares a step and starts it.
    drivers = ((name, tasks[f"{name}-driver"]) for name in STEPS if f"{name}-driver" in tasks)
    stuck = next((_not_started(name, task) for name, task in drivers if task.state == FAILED), "")
    started = _moment(run.created_at)
    return RunState(
        run=str(run.run_id),
        name=str(run.display_name),
        state=run.state or "PENDING",
        started=started.isoformat(timespec="seconds") if started else "",
        seconds=_seconds(started, _moment(run.finished_at), now),
        reason=(failed or stuck or _error(run)) if run.state == FAILED else "",
        steps=steps,
    )


def listed(runs: Iterable[RunState]) -> str:
    """A table of runs, the newest first."""
    rows = [(run.run, run.name, run.state, run.started, lasted(run.seconds)) for run in runs]
    return _table([("RUN", "NAME", "STATE", "STARTED", "DURATION"), *rows])


def described(run: RunState) -> str:
    """A run with its steps, a line each."""
    rows = [(step.name, step.state, lasted(step.seconds), step.reason) for step in run.steps]
    head = f"{run.name} ({run.run}): {run.state}, {lasted(run.seconds)}"
    lines = [head, *([_table([("STEP", "STATE", "DURATION", "REASON"), *rows])] if rows else [])]
    return "\n".join(lines)


def lasted(seconds: float | None) -> str:
    """A duration for people: `1h02m`, `3m20s`, `7s`."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{rest:02}s" if minutes else f"{rest}s"


def _step(name: str, task: Any, now: datetime) -> StepState:
    state = task.state or "PENDING"
    reason = (_error(task) or _REPORTS.get(name, "see its log")) if state == FAILED else ""
    return StepState(name, state, _seconds(_moment(task.start_time), _moment(task.end_time), now), reason)


def _not_started(name: str, driver: Any) -> str:
    return f"Kubeflow could not start {name}: {_error(driver) or f'see the log of {name}-driver'}"


def _error(said: Any) -> str:
    """Message of the error, of the object or of the last change of its state, in one line."""
    history = [change.error for change in said.state_history or () if change.error is not None]
    error = said.error or (history[-1] if history else None)
    return " ".join(str(error.message or "").split()) if error is not None else ""


def _moment(said: datetime | None) -> datetime | None:
    """Kubeflow says 1970 where it means never."""
    return said if said is not None and said.timestamp() > 0 else None


def _seconds(start: datetime | None, end: datetime | None, now: datetime) -> float | None:
    return None if start is None else max(0.0, ((end or now) - start).total_seconds())


def _table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
