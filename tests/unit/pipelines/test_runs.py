"""A run as people and programs read it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from timoneiro_pipelines.runs import described, lasted, listed, run_state

START = datetime(2026, 1, 31, 3, tzinfo=UTC)
NOW = START + timedelta(minutes=5)
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def error(message: str) -> Any:
    return SimpleNamespace(message=message)


def task(name: str, state: str | None, seconds: int | None = 60, **more: Any) -> Any:
    end = NEVER if seconds is None else START + timedelta(seconds=seconds)
    said = {"start_time": START, "end_time": end, "error": None, "state_history": None, **more}
    return SimpleNamespace(display_name=name, state=state, **said)


def run(state: str | None, *tasks: Any, **more: Any) -> Any:
    """What the client of the API makes of a run."""
    said = {"created_at": START, "finished_at": NEVER, "error": None, "state_history": None, **more}
    details = SimpleNamespace(task_details=list(tasks) or None)
    return SimpleNamespace(run_id="r-1", display_name="loans 7", state=state, run_details=details, **said)


def test_steps_are_in_the_order_of_the_pipeline_without_what_kubeflow_adds() -> None:
    tasks = [
        task(name, "SUCCEEDED") for name in ("train-model", "train-model-driver", "executor", "root", "ingest-data")
    ]
    assert [step.name for step in run_state(run("RUNNING", *tasks), NOW).steps] == ["ingest-data", "train-model"]


def test_what_goes_on_lasts_until_now() -> None:
    state = run_state(run("RUNNING", task("train-model", "RUNNING", None)), NOW)
    assert (state.seconds, state.steps[0].seconds, state.ended) == (300, 300, False)


def test_what_has_ended_lasts_no_longer() -> None:
    state = run_state(run("SUCCEEDED", task("train-model", "SUCCEEDED"), finished_at=START + timedelta(hours=1)), NOW)
    assert (state.seconds, state.steps[0].seconds, state.ended) == (3600, 60, True)


def test_what_has_not_begun_has_no_duration() -> None:
    state = run_state(run(None, task("train-model", None, start_time=NEVER), created_at=NEVER), NOW)
    assert (state.state, state.started, state.seconds) == ("PENDING", "", None)
    assert (state.steps[0].state, state.steps[0].seconds) == ("PENDING", None)


@pytest.mark.parametrize(
    ("failed", "reason"),
    [
        (task("train-model", "FAILED", error=error("exit\ncode 1")), "train-model failed: exit code 1"),
        (
            task(
                "train-model",
                "FAILED",
                state_history=[SimpleNamespace(error=None), SimpleNamespace(error=error("oom"))],
            ),
            "train-model failed: oom",
        ),
        (task("train-model", "FAILED"), "train-model failed: see its log"),
        (
            task("require-good-model", "FAILED"),
            "require-good-model failed: the model is not good enough: see the report of evaluate-model",
        ),
    ],
)
def test_a_failed_run_says_which_step_and_as_much_as_the_api_knows(failed: Any, reason: str) -> None:
    assert run_state(run("FAILED", task("ingest-data", "SUCCEEDED"), failed), NOW).reason == reason


def test_a_step_that_could_not_start_is_named() -> None:
    tasks = [task("ingest-data", "SUCCEEDED"), task("train-model-driver", "FAILED")]
    reason = "Kubeflow could not start train-model: see the log of train-model-driver"
    assert run_state(run("FAILED", *tasks), NOW).reason == reason


def test_a_run_that_failed_before_its_steps_has_the_reason_of_the_run() -> None:
    assert run_state(run("FAILED", error=error("quota exceeded")), NOW).reason == "quota exceeded"


def test_a_run_that_goes_on_after_a_step_has_failed_has_no_reason_yet() -> None:
    assert run_state(run("RUNNING", task("train-model", "FAILED")), NOW).reason == ""


def test_a_run_is_a_line_for_each_step() -> None:
    state = run_state(run("FAILED", task("ingest-data", "SUCCEEDED"), task("train-model", "FAILED", 75)), NOW)
    assert described(state).splitlines() == [
        "loans 7 (r-1): FAILED, 5m00s",
        "STEP         STATE      DURATION  REASON",
        "ingest-data  SUCCEEDED  1m00s",
        "train-model  FAILED     1m15s     see its log",
    ]


def test_runs_are_a_table() -> None:
    assert listed([run_state(run("RUNNING"), NOW)]).splitlines() == [
        "RUN  NAME     STATE    STARTED                    DURATION",
        "r-1  loans 7  RUNNING  2026-01-31T03:00:00+00:00  5m00s",
    ]


@pytest.mark.parametrize(
    ("seconds", "shown"), [(None, "-"), (0.4, "0s"), (59.6, "1m00s"), (3599, "59m59s"), (7260, "2h01m")]
)
def test_a_duration_is_short(seconds: float | None, shown: str) -> None:
    assert lasted(seconds) == shown
