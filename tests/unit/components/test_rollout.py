"""What has become of a published version, read from statuses as the operator writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from timoneiro_components.errors import StepError
from timoneiro_components.rollout import Publication, RolloutEnd, end_of, read_publication, state_of

URI, DIGEST = "s3://models/loans/3/", f"sha256:{'3' * 64}"
BEFORE, BEGUN, OVER = "2026-01-31T03:00:00Z", "2026-01-31T04:00:00.5Z", "2026-01-31T05:00:00.250000Z"
PUBLISHED = Publication(
    namespace="bank",
    name="loans",
    version="3",
    uri=URI,
    digest=DIGEST,
    uid="u-1",
    generation=7,
    after=BEFORE,
    at="2026-01-31T03:30:00+00:00",
)
OURS = {"revision": "c3", "version": "3", "uri": URI}
THEIRS = {"revision": "b2", "version": "2", "uri": "s3://models/loans/2/"}


def deployment(*, generation: int = 7, model: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    """Whose spec names version 3, and whose status is about it unless `generation` is smaller."""
    spec = {"model": {"version": "3", "uri": URI, "digest": DIGEST} if model is None else model}
    known = {
        "observedGeneration": generation,
        "wanted": "c3",
        "phase": "Progressing",
        "message": "step 1 of 3",
        **status,
    }
    return {"metadata": {"name": "loans", "uid": "u-1", "generation": 7}, "spec": spec, "status": known}


def entry(outcome: str, reason: str = "errors 5.2x: worse", *, ended: str = OVER, version: str = "3") -> dict[str, Any]:
    moments = {"startedAt": BEGUN, "endedAt": ended}
    return {"revision": f"c{version}", "version": version, "outcome": outcome, "reason": reason, **moments}


def end(body: dict[str, Any]) -> RolloutEnd:
    found = end_of(body, PUBLISHED)
    assert found is not None
    return found


def test_a_version_that_serves_all_traffic_is_promoted() -> None:
    body = deployment(phase="Healthy", stable=OURS, history=[entry("Promoted", "no errors in 1,204 requests")])
    assert end(body) == RolloutEnd("Promoted", "no errors in 1,204 requests", started=BEGUN, ended=OVER)


@pytest.mark.parametrize("outcome", ["Promoted", "Restored", "Adopted"])
def test_who_serves_has_passed_however_it_came_to_that(outcome: str) -> None:
    assert end(deployment(phase="Healthy", stable=OURS, history=[entry(outcome)])).promoted


def test_a_version_that_serves_already_is_promoted_without_a_rollout() -> None:
    assert end(deployment(phase="Healthy", stable=OURS)) == RolloutEnd("Promoted", "it serves all traffic")


def rolled_back() -> dict[str, Any]:
    rejected = [{"revision": "c3", "version": "3", "at": OVER, "reason": "errors 5.2x: worse"}]
    return deployment(phase="RolledBack", stable=THEIRS, rejected=rejected, history=[entry("RolledBack")])


def test_a_version_that_was_rolled_back_is_told_in_the_operator_s_words() -> None:
    assert end(rolled_back()).sentence("3") == "version 3 was rolled back: errors 5.2x: worse"


def test_a_rollback_is_told_before_the_gateway_has_taken_all_traffic_back() -> None:
    body = rolled_back()
    body["status"]["phase"] = "RollingBack"
    assert end(body).outcome == "RolledBack"


def test_a_version_that_was_rejected_before_and_published_again_is_not_waited_for() -> None:
    body = rolled_back()
    body["status"]["history"] = [entry("RolledBack", ended=BEFORE)]
    assert end(body).outcome == "RolledBack"


def test_a_version_that_somebody_took_out_after_it_was_promoted_is_rolled_back() -> None:
    body = rolled_back()
    body["status"]["history"] = [entry("Promoted")]
    assert end(body).outcome == "RolledBack"


def test_an_aborted_version_is_told_with_who_did_it() -> None:
    rejected = [{"revision": "c3", "at": OVER, "reason": "aborted by ada"}]
    body = deployment(
        phase="RolledBack", stable=THEIRS, rejected=rejected, history=[entry("Aborted", "aborted by ada")]
    )
    assert end(body).sentence("3") == "version 3 was aborted: aborted by ada"


OTHER = {"version": "4", "uri": "s3://models/loans/4/", "digest": f"sha256:{'4' * 64}"}


def test_a_version_that_another_one_has_replaced_is_superseded() -> None:
    body = deployment(model=OTHER, stable=THEIRS, history=[entry("Superseded", "version 4 is wanted")])
    assert end(body).sentence("3") == "version 3 was superseded: version 4 is wanted"


def test_a_version_that_was_promoted_before_the_next_one_came_is_promoted() -> None:
    body = deployment(model=OTHER, stable=OURS, candidate={**OURS, "version": "4"}, history=[entry("Promoted")])
    assert end(body).promoted


def test_a_rollout_of_the_same_version_before_the_publication_is_another_one() -> None:
    body = deployment(model=OTHER, stable=THEIRS, history=[entry("Promoted", ended=BEFORE)])
    assert end(body).sentence("3") == "version 3 was superseded: version 4 was published before its rollout began"


def test_a_version_that_served_and_is_replaced_at_once_is_promoted() -> None:
    assert end(deployment(model=OTHER, stable=OURS)).promoted


def test_a_model_that_was_taken_out_of_the_spec_is_superseded() -> None:
    assert end(deployment(model={}, stable=THEIRS)).reason == "spec.model was changed before its rollout began"


def test_a_version_that_was_withdrawn_is_told() -> None:
    body = deployment(model={}, stable=THEIRS, history=[entry("Withdrawn", "the spec names no model any more")])
    assert end(body).sentence("3") == "version 3 was withdrawn: the spec names no model any more"


def test_the_last_rollout_of_a_version_counts_whatever_the_order_and_digits_of_its_times() -> None:
    history = [entry("Promoted", ended="2026-01-31T05:00:00.9Z"), entry("RolledBack", ended="2026-01-31T05:00:00Z")]
    assert end(deployment(model=OTHER, stable=THEIRS, history=history)).outcome == "Promoted"


def test_an_invalid_spec_is_told_with_what_is_wrong() -> None:
    ready = {"type": "Ready", "reason": "InvalidSpec", "message": "spec.model.uri is missing", "observedGeneration": 7}
    told = end(deployment(generation=6, conditions=[ready])).sentence("3")
    assert told == "version 3 is not rolled out, since the spec is invalid: spec.model.uri is missing"


def test_a_first_model_that_does_not_get_ready_is_told() -> None:
    body = deployment(phase="Degraded", message="no pod is ready: OOMKilled", candidate=OURS)
    assert end(body).sentence("3") == "version 3 does not serve: no pod is ready: OOMKilled"


@pytest.mark.parametrize("metadata", [{"uid": "u-2"}, {"uid": "u-1", "deletionTimestamp": OVER}])
def test_a_deployment_that_is_deleted_or_another_one_ends_the_wait(metadata: dict[str, str]) -> None:
    assert end({**deployment(), "metadata": metadata}).sentence("3") == (
        "version 3 has no outcome: ModelDeployment bank/loans was deleted before the rollout was over: apply it again"
    )


def test_an_outcome_that_this_version_does_not_know_is_no_promotion() -> None:
    assert not end(deployment(model=OTHER, stable=THEIRS, history=[entry("Renamed")])).promoted


UNDER_WAY = {
    "the operator has not seen it": deployment(generation=6, phase="Healthy", stable=OURS),
    "there is no status yet": {"metadata": {"uid": "u-1"}, "spec": {}},
    "it has steps to go": deployment(stable=THEIRS, candidate=OURS),
    "it is tried again": deployment(stable=THEIRS, candidate=OURS, history=[entry("RolledBack")]),
    "it goes, and still has traffic": deployment(
        stable=THEIRS, candidate={**OURS, "leaving": {"outcome": "RolledBack", "reason": "x"}}
    ),
    "the former model is held back": deployment(phase="Holding", stable=OURS, history=[entry("Promoted")]),
    "the stable model is in trouble": deployment(phase="Degraded", stable=THEIRS, candidate=OURS),
    "another revision of it was rejected": deployment(
        phase="Pending", stable=THEIRS, rejected=[{"revision": "c9", "version": "3", "reason": "x"}]
    ),
    "the condition is about an older spec": deployment(
        conditions=[{"type": "Ready", "reason": "InvalidSpec", "message": "x", "observedGeneration": 6}]
    ),
}


@pytest.mark.parametrize("name", UNDER_WAY)
def test_a_rollout_is_not_over_while(name: str) -> None:
    assert end_of(UNDER_WAY[name], PUBLISHED) is None


def test_evidence_about_the_version_is_told() -> None:
    body = deployment(phase="Healthy", stable=OURS, history=[entry("Promoted")], verdict="no errors")
    body["status"]["analysis"] = {"candidate": "c3"}
    assert end(body).verdict == "no errors"


def test_evidence_about_another_version_is_not_told() -> None:
    body = deployment(phase="Healthy", stable=OURS, history=[entry("Promoted")], verdict="no errors")
    body["status"]["analysis"] = {"candidate": "b2"}
    assert end(body).verdict == ""


def test_the_state_is_phase_and_message() -> None:
    assert state_of(deployment()) == "Progressing: step 1 of 3"


def test_a_publication_comes_back_as_it_was_written(tmp_path: Any) -> None:
    PUBLISHED.write(tmp_path / "new" / "publication")
    assert read_publication(tmp_path / "new" / "publication") == PUBLISHED


def test_a_publication_begins_where_the_last_rollout_had_ended() -> None:
    applied = deployment(history=[entry("Promoted", ended=OVER), entry("RolledBack", ended=BEFORE)])
    told = {"namespace": "bank", "version": "3", "uri": URI, "digest": DIGEST}
    made = Publication.of(applied, **told, now=datetime(2026, 1, 31, 3, 30, tzinfo=UTC))
    assert (made.after, made.uid, made.generation, made.at) == (OVER, "u-1", 7, "2026-01-31T03:30:00+00:00")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": "loans"}'])
def test_what_tells_of_no_publication_is_refused(tmp_path: Any, text: str) -> None:
    (tmp_path / "publication").write_text(text)
    with pytest.raises(StepError, match=r"publication tells of no publication .*: publish again"):
        read_publication(tmp_path / "publication")
