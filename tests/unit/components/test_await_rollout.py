"""The wait for a rollout, on a clock of its own, in front of a cluster that answers from a script."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client import ApiException

from timoneiro_components.await_rollout import await_rollout, reasons_of
from timoneiro_components.cluster import ModelDeployments
from timoneiro_components.errors import StepError
from timoneiro_components.rollout import Publication, RolloutEnd

START = datetime(2026, 1, 31, 3, 30, tzinfo=UTC)
URI, DIGEST = "s3://models/loans/3/", f"sha256:{'3' * 64}"
OURS = {"revision": "c3", "version": "3", "uri": URI}


def seen(**status: Any) -> dict[str, Any]:
    spec = {"model": {"version": "3", "uri": URI, "digest": DIGEST}}
    known = {"observedGeneration": 7, "phase": "Progressing", **status}
    return {"metadata": {"name": "loans", "uid": "u-1"}, "spec": spec, "status": known}


UNDER_WAY = seen(candidate=OURS, message="step 1 of 3")
PROMOTED = seen(phase="Healthy", stable=OURS, message="version 3 serves all traffic")
ROLLED_BACK = seen(
    phase="RolledBack",
    wanted="c3",
    rejected=[{"revision": "c3", "reason": "errors 5.2x: worse"}],
    history=[{"revision": "c3", "version": "3", "outcome": "RolledBack", "endedAt": "2026-01-31T04:00:00Z"}],
)


@dataclass
class Scripted:
    """A cluster and its clock: an answer (or an error) for each request, the last again and again."""

    answers: list[Any]
    time: datetime = START
    slept: list[float] = field(default_factory=list)
    requests: int = 0

    def call_api(self, path: str, method: str, **arguments: Any) -> Any:
        assert (path, method) == ("/apis/timoneiro.dev/v1alpha1/namespaces/bank/modeldeployments/loans", "GET")
        self.requests += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)


def refusal(status: int) -> ApiException:
    return ApiException(status=status, reason="no")


@dataclass
class Waited:
    """What a wait left."""

    end: RolloutEnd
    told: list[str]
    rollout: dict[str, Any]
    report: str
    reasons: list[str]


def waited(cluster: Scripted, folder: Path, wait: str = "2h") -> Waited:
    identity = {"uid": "u-1", "generation": 7, "after": "", "at": START.isoformat()}
    model = {"version": "3", "uri": URI, "digest": DIGEST}
    publication = folder / "publication"
    Publication(namespace="bank", name="loans", **model, **identity).write(publication)  # type: ignore[arg-type]
    told: list[str] = []
    end = await_rollout(
        publication,
        wait=wait,
        rollout=folder / "new" / "rollout",
        report=folder / "new" / "report",
        on_change=told.append,
        deployments=ModelDeployments(cluster, "bank"),
        now=lambda: cluster.time,
        sleep=cluster.sleep,
    )
    rollout = json.loads((folder / "new" / "rollout").read_text())
    report = (folder / "new" / "report").read_text()
    return Waited(end, told, rollout, report, reasons_of(end, publication))


def test_a_rollout_that_ends_ends_the_wait(tmp_path: Path) -> None:
    assert waited(Scripted([UNDER_WAY, UNDER_WAY, PROMOTED]), tmp_path).end.outcome == "Promoted"


def test_a_promoted_version_gives_the_gate_no_reason(tmp_path: Path) -> None:
    assert waited(Scripted([PROMOTED]), tmp_path).reasons == []


def test_the_gate_fails_with_the_sentence_of_the_operator(tmp_path: Path) -> None:
    done = waited(Scripted([UNDER_WAY, ROLLED_BACK]), tmp_path)
    assert done.reasons == ["version 3 was rolled back: errors 5.2x: worse"]


def test_every_other_state_is_told_once(tmp_path: Path) -> None:
    done = waited(Scripted([UNDER_WAY, UNDER_WAY, PROMOTED]), tmp_path)
    assert done.told == ["Progressing: step 1 of 3", "Healthy: version 3 serves all traffic"]


def test_the_outcome_is_left_for_programs(tmp_path: Path) -> None:
    done = waited(Scripted([ROLLED_BACK]), tmp_path)
    wanted = {
        "outcome": "RolledBack",
        "promoted": False,
        "reason": "errors 5.2x: worse",
        "ended": "2026-01-31T04:00:00Z",
    }
    assert done.rollout | wanted == done.rollout
    assert done.rollout["publication"]["digest"] == DIGEST


def test_the_outcome_is_left_for_people(tmp_path: Path) -> None:
    report = waited(Scripted([ROLLED_BACK]), tmp_path).report
    assert report.startswith("# Rollout of loans 3: RolledBack\n\n* why: errors 5.2x: worse\n")


def test_a_wait_that_is_over_is_an_outcome_of_its_own_with_the_remedy(tmp_path: Path) -> None:
    (reason,) = waited(Scripted([UNDER_WAY]), tmp_path).reasons
    assert reason == (
        "version 3 is still being rolled out: it is not over 2h after it was published, and goes on "
        "(Progressing: step 1 of 3): `timoneiro explain loans -n bank` says what it waits for; give it more time with "
        "publish.wait"
    )


def test_the_wait_ends_at_its_deadline_and_not_later(tmp_path: Path) -> None:
    cluster = Scripted([UNDER_WAY])
    waited(cluster, tmp_path)
    assert cluster.time == START + timedelta(hours=2)


def test_a_step_that_is_tried_again_waits_no_longer_than_the_first_one(tmp_path: Path) -> None:
    cluster = Scripted([UNDER_WAY], time=START + timedelta(hours=3))
    assert (waited(cluster, tmp_path).end.outcome, cluster.slept) == ("NotOverInTime", [])


def test_an_outcome_that_is_known_when_the_time_is_over_is_the_outcome(tmp_path: Path) -> None:
    cluster = Scripted([PROMOTED], time=START + timedelta(hours=3))
    assert waited(cluster, tmp_path).end.outcome == "Promoted"


def test_nobody_is_asked_more_often_than_every_other_second_nor_less_than_four_times_a_minute(tmp_path: Path) -> None:
    cluster = Scripted([UNDER_WAY])
    waited(cluster, tmp_path)
    assert (min(cluster.slept[:-1]), max(cluster.slept)) == (2, 15)


@pytest.mark.parametrize("trouble", [ConnectionResetError("gone"), refusal(503), refusal(429), "no object"])
def test_a_cluster_that_does_not_answer_for_a_while_ends_nothing(tmp_path: Path, trouble: Any) -> None:
    assert waited(Scripted([UNDER_WAY, *[trouble] * 20, PROMOTED]), tmp_path).end.outcome == "Promoted"


def test_a_cluster_that_never_answers_is_told_when_the_time_is_over(tmp_path: Path) -> None:
    assert "the cluster answered 503" in waited(Scripted([refusal(503)]), tmp_path).end.reason


def test_an_access_that_is_refused_stops_the_step_at_once(tmp_path: Path) -> None:
    cluster = Scripted([refusal(403)])
    with pytest.raises(StepError, match="access is refused"):
        waited(cluster, tmp_path)
    assert cluster.requests == 1


def test_a_deployment_that_is_deleted_ends_the_wait(tmp_path: Path) -> None:
    (reason,) = waited(Scripted([UNDER_WAY, refusal(404)]), tmp_path).reasons
    assert reason == (
        "version 3 has no outcome: ModelDeployment bank/loans was deleted before the rollout was over: apply it again"
    )
