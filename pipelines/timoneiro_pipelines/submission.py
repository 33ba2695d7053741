"""What is sent to Kubeflow: runs and schedules of a compiled pipeline, and the wait for a run.

Guarantees: a run takes one request that writes, and carries its whole pipeline, so that nothing is left behind when it
is refused; a schedule of the same name is there before the earlier one is taken away.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .api import PipelineApi
from .errors import NOT_FOUND, UNFINISHED, KubeflowError
from .runs import RunState, run_state

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 10.0


@dataclass(frozen=True)
class Submission:
    """A compiled pipeline (PipelineSpec and PlatformSpec) and what it is called with."""

    name: str
    documents: list[dict[str, Any]]
    parameters: Mapping[str, Any]
    service_account: str

    def fields(self) -> dict[str, Any]:
        """What a run and a schedule of the API have alike."""
        pipeline, platform = self.documents
        return {
            "display_name": self.name,
            "pipeline_spec": {"pipeline_spec": pipeline, "platform_spec": platform},
            "runtime_config": {"parameters": dict(self.parameters)},
            **({"service_account": self.service_account} if self.service_account else {}),
        }


def submit(api: PipelineApi, submission: Submission, experiment: str) -> str:
    """Id of the new run in the experiment of that name, which is made if it is not there."""
    with _experiment(api, experiment) as identity:
        return api.create_run(experiment_id=identity, **submission.fields())


def schedule(api: PipelineApi, submission: Submission, experiment: str, *, cron: str, description: str) -> str:
    """Id of the new schedule. Those of the same name are taken away when it is there.

    What was missed while Kubeflow was down is not made up for, and no run begins while the one before is under way.
    """
    with _experiment(api, experiment) as identity:
        before = api.schedules(submission.name, experiment=identity)
        made = api.create_schedule(
            experiment_id=identity,
            description=description,
            trigger={"cron_schedule": {"cron": cron}},
            mode="ENABLE",
            max_concurrency="1",
            no_catchup=True,
            **submission.fields(),
        )
    for each in before:
        try:
            api.delete_schedule(each.recurring_run_id)
        except KubeflowError as error:
            raise KubeflowError(
                f"schedule {made} is there, and the one before it ({each.recurring_run_id}) still is: {error}",
                code=error.code,
            ) from None
    return made


def change_schedule(api: PipelineApi, name: str, experiment: str, change: Callable[[str], None]) -> list[str]:
    """Carries out `change` for every schedule of that name; gives their ids. Raises KubeflowError if there is none."""
    identity = api.experiment(experiment)
    found = api.schedules(name, experiment=identity) if identity else []
    if not found:
        raise KubeflowError(f"experiment {experiment} has no schedule {name}: make one with --cron", code=NOT_FOUND)
    for each in found:
        change(each.recurring_run_id)
    return [str(each.recurring_run_id) for each in found]


def await_end(api: PipelineApi, run: str, *, seconds: float, on_change: Callable[[RunState], None]) -> RunState:
    """The run when it has ended; `on_change` is called with every other state of run or steps.

    Goes on while Kubeflow does not answer. Raises KubeflowError when it takes longer than `seconds`.
    """
    deadline, pause = time.monotonic() + seconds, _FIRST_PAUSE
    seen: object = None
    while True:
        trouble = ""
        try:
            state = run_state(api.run(run), datetime.now(UTC))
        except KubeflowError as error:
            if not error.transient:
                raise
            trouble = f"; the last answer was: {error}"
        else:
            now = (state.state, tuple((step.name, step.state) for step in state.steps))
            if now != seen:
                on_change(state)
                seen, pause = now, _FIRST_PAUSE
            if state.ended:
                return state
        left = deadline - time.monotonic()
        if left <= 0:
            raise KubeflowError(f"run {run} is not over after {seconds:g} s, and goes on{trouble}", code=UNFINISHED)
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE)


@contextmanager
def _experiment(api: PipelineApi, name: str) -> Iterator[str]:
    """The id of the experiment. One that was made for what then fails is taken away again."""
    found = api.experiment(name)
    identity = found or api.create_experiment(name)
    try:
        yield identity
    except KubeflowError as error:
        # After a lost answer there may be a run in it.
        if not found and not error.transient:
            with suppress(KubeflowError):
                api.delete_experiment(identity)
        raise
