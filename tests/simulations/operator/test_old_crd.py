"""An operator that is newer than the CRD: whatever field of the status is dropped, a bad candidate goes back."""

from typing import Any

import pytest

from support.crd import crd, fields, status_schema, without
from support.faulty_rollout import FaultyRollout
from timoneiro_operator.api.declared import outermost, packable, paths_of, undeclared
from timoneiro_operator.api.times import moment, text_of

# The CRD declares one shape for the stable revision and the candidate; these are of the other one.
_OF_NOBODY = {"candidate.since"} | {
    f"stable.{name}"
    for name in (
        "progressDeadline",
        "deadline",
        "trafficSince",
        "instant",
        "asked",
        "leaving",
        "leaving.outcome",
        "leaving.reason",
    )
}
ALL = sorted(set(fields(status_schema(crd()))) - _OF_NOBODY)


def played(path: str) -> FaultyRollout:
    """On an API server whose CRD lacks a field."""
    return FaultyRollout(schema=status_schema(without(path)))


@pytest.mark.parametrize("path", ALL)
async def test_a_bad_candidate_goes_back_and_the_field_is_named_whatever_the_crd_lacks(path: str) -> None:
    rollout = played(path)
    await rollout.until_it_has_traffic()
    conditions = {c.get("type"): c for c in rollout.plane.status.get("conditions") or []}
    rollout.source.failing = 0.5
    shares = await rollout.go_on(60)
    assert shares[-1] == 0
    assert max(shares) <= 10
    if not path.startswith("conditions"):
        assert f"does not declare status.{path}:" in conditions["OperatorReady"]["message"]
        assert conditions["OperatorReady"]["reason"] == "CRDOutdated"


@pytest.mark.parametrize("path", ["analysis", "candidate", "commands", "conditions", "phase", "stable", "step"])
async def test_a_candidate_that_is_as_good_is_promoted_whatever_part_of_the_status_the_crd_lacks(path: str) -> None:
    rollout = played(path)
    await rollout.until_it_has_traffic()
    assert (await rollout.go_on(600))[-1] == 100, rollout.plane.status


@pytest.mark.parametrize("path", ALL)
async def test_a_process_that_starts_anew_gives_a_bad_candidate_no_more_whatever_the_crd_lacks(path: str) -> None:
    rollout = played(path)
    await rollout.until_it_has_traffic()
    rollout.start()
    rollout.source.failing = 0.5
    shares = await rollout.go_on(60)
    assert max(shares) <= 10, shares
    assert shares == sorted(shares, reverse=True), shares


@pytest.mark.parametrize("path", ["analysis", "paused", "rejected", "stable.revision", "step.seconds"])
async def test_a_process_that_starts_anew_takes_no_step_while_the_crd_lacks_what_decides(path: str) -> None:
    rollout = played(path)
    await rollout.until_it_has_traffic()
    rollout.start()
    assert set(await rollout.go_on(600)) == {10}


@pytest.mark.parametrize(
    "path",
    [
        *("message", "history", "conditions.reason", "traffic.desired"),
        *("predictors", "revisions.predictorHash", "transformers", "revisions.transformerHash"),
    ],
)
async def test_a_process_that_starts_anew_goes_on_while_the_crd_lacks_what_only_people_read(path: str) -> None:
    rollout = played(path)
    await rollout.until_it_has_traffic()
    rollout.start()
    assert (await rollout.go_on(600))[-1] == 100


def test_the_crd_of_this_version_declares_all_that_the_operator_writes() -> None:
    assert undeclared(status_schema(crd())) == frozenset()


@pytest.mark.parametrize("path", ["transformers", "transformers.hash", "revisions.transformerHash"])
def test_a_part_that_the_crd_has_no_place_for_keeps_no_other_one_from_being_packed(path: str) -> None:
    assert packable({path}) == {"predictor"}


@pytest.mark.parametrize("path", ALL)
def test_a_field_that_is_taken_out_of_the_crd_is_found(path: str) -> None:
    assert undeclared(status_schema(without(path))) == {path}


def test_what_an_answer_lacks_is_named_once() -> None:
    trail = [{"at": text_of(moment(0.0)), "none": None}]
    sent: dict[str, Any] = {"step": {"kind": "Weight"}, "trail": trail, "phase": "Healthy"}
    kept = {"phase": "Healthy", "trail": [{}]}
    assert outermost(set(paths_of(sent)) - set(paths_of(kept))) == {"step", "trail.at"}
