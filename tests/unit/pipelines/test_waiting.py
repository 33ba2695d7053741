"""The wait for a run, while Kubeflow answers or does not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from timoneiro_pipelines.api import PipelineApi
from timoneiro_pipelines.errors import KubeflowError
from timoneiro_pipelines.runs import RunState
from timoneiro_pipelines.submission import await_end


class ScriptedRuns:
    """Stands in for the API: gives one answer after the other, and raises those that are errors."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)

    def run(self, identity: str) -> Any:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        said = {"created_at": None, "finished_at": None, "error": None, "state_history": None, "run_details": None}
        return SimpleNamespace(run_id=identity, display_name="loans 7", state=answer, **said)


def awaited(*answers: Any, seconds: float = 60) -> tuple[RunState, list[str]]:
    """The end, and every state that was reported."""
    seen: list[str] = []
    api = cast(PipelineApi, ScriptedRuns(*answers))
    end = await_end(api, "r-1", seconds=seconds, on_change=lambda state: seen.append(state.state))
    return end, seen


def test_a_wait_goes_on_while_kubeflow_does_not_answer() -> None:
    end, _ = awaited("RUNNING", KubeflowError("no answer", transient=True), "SUCCEEDED")
    assert end.state == "SUCCEEDED"


def test_a_wait_ends_with_a_refusal() -> None:
    with pytest.raises(KubeflowError, match="may not"):
        awaited("RUNNING", KubeflowError("may not"), "SUCCEEDED")


def test_a_state_is_reported_once() -> None:
    assert awaited("PENDING", "PENDING", "RUNNING", "RUNNING", "FAILED")[1] == ["PENDING", "RUNNING", "FAILED"]


def test_a_wait_that_is_too_long_tells_the_last_trouble() -> None:
    with pytest.raises(KubeflowError, match="goes on; the last answer was: no answer"):
        awaited(KubeflowError("no answer", transient=True), seconds=0)
