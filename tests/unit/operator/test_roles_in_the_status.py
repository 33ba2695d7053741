"""The stable revision and the candidate on the wire: what was written before each had a type of its own."""

from typing import Any

import msgspec
import pytest

from timoneiro_operator.api.status import STEPS, Candidate, Direct, Stable, Status

BOTH: dict[str, Any] = {
    "revision": "a",
    "inferenceService": "fraud-a",
    "uri": "s3://1",
    "version": "1",
    "ready": True,
    "backend": "fraud-00001",
    "replicas": 2,
    "transformerReplicas": 3,
    "startedAt": "2026-11-26T10:00:00Z",
}
OF_CANDIDATE = {
    "progressDeadline": "2026-11-26T10:10:00Z",
    "deadline": "2026-11-26T16:00:00Z",
    "instant": "promoted in full by ana",
    "asked": True,
    "leaving": {"outcome": "Aborted", "reason": "aborted by ana"},
}


@pytest.mark.parametrize(
    ("role", "written"), [("stable", BOTH | {"since": "2026-11-26T11:00:00Z"}), ("candidate", BOTH | OF_CANDIDATE)]
)
def test_a_revision_is_read_and_written_without_loss(role: str, written: dict[str, Any]) -> None:
    assert msgspec.to_builtins(msgspec.convert({role: written}, Status)) == {role: written}


def test_the_way_of_a_candidate_is_the_reason_for_no_steps_on_the_wire() -> None:
    candidate = Candidate(revision="a", inference_service="fraud-a", uri="s3://1")
    direct = candidate.directly("it was stable before")
    assert (candidate.way, direct.way) == (STEPS, Direct("it was stable before"))
    assert msgspec.to_builtins(direct)["instant"] == "it was stable before"


def test_a_stable_revision_has_no_way() -> None:
    assert not hasattr(Stable(revision="a", inference_service="fraud-a", uri="s3://1"), "way")
