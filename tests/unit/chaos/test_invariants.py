"""What the observer of a campaign may never see."""

from typing import Any

from chaos import invariants
from support.versions import Seen


def seen(version: int, *, at: float = 0.0, generation: int = 1, **status: Any) -> Seen:
    body = {"metadata": {"name": "chaos", "generation": generation}, "status": status}
    return Seen(version, "ModelDeployment", body, gone=False, at=at)


def step(index: int, began: str, due: str, **status: Any) -> dict[str, Any]:
    candidate = {"revision": "b", "startedAt": "2026-11-26T10:00:00.000000Z"}
    return {
        "candidate": candidate,
        "step": {"kind": "Weight", "index": index, "startedAt": began, "notBefore": due},
        **status,
    }


FIRST = step(1, "2026-11-26T10:00:01.000000Z", "2026-11-26T10:00:11.000000Z")
EARLY = step(2, "2026-11-26T10:00:10.000000Z", "2026-11-26T10:00:20.000000Z")
ON_TIME = step(2, "2026-11-26T10:00:11.500000Z", "2026-11-26T10:00:21.000000Z")


def test_a_step_that_begins_before_the_last_one_was_over_is_seen() -> None:
    assert len(invariants.early_steps([seen(1, **FIRST), seen(2, **EARLY)])) == 1


def test_a_step_on_time_is_nothing_to_be_seen() -> None:
    assert invariants.early_steps([seen(1, **FIRST), seen(2, **ON_TIME)]) == []


def test_a_person_may_end_a_step_early() -> None:
    assert invariants.early_steps([seen(1, **FIRST), seen(2, **EARLY, commands=[{"id": "1"}])]) == []


def counts(requests: int) -> dict[str, Any]:
    metric = {"name": "errors", "candidate": {"requests": requests}, "stable": {"requests": 0}}
    return {"candidate": {"revision": "b"}, "analysis": {"candidate": "b", "stable": "a", "metrics": [metric]}}


def test_more_requests_than_were_sent_since_the_rollout_began_are_seen() -> None:
    sent = [float(n) for n in range(100)]
    history = [seen(1, at=50.0, candidate={"revision": "b"}), seen(2, at=60.0, **counts(20))]
    assert len(invariants.counted_twice(history, sent)) == 1


def test_as_many_requests_as_were_sent_are_nothing_to_be_seen() -> None:
    sent = [float(n) for n in range(100)]
    history = [seen(1, at=50.0, candidate={"revision": "b"}), seen(2, at=60.0, **counts(10))]
    assert invariants.counted_twice(history, sent) == []


def blind(weight: int, available: str) -> dict[str, Any]:
    return {
        "candidate": {"revision": "b", "startedAt": "x"},
        "traffic": {"desired": {"candidate": weight, "stable": 100 - weight}},
        "conditions": [{"type": "MetricsAvailable", "status": available}],
    }


def test_a_weight_that_rises_without_metrics_is_seen() -> None:
    assert len(invariants.advanced_blind([seen(1, **blind(20, "False")), seen(2, **blind(50, "False"))])) == 1


def test_a_weight_may_rise_with_metrics_and_fall_without() -> None:
    assert invariants.advanced_blind([seen(1, **blind(20, "True")), seen(2, **blind(50, "True"))]) == []
    assert invariants.advanced_blind([seen(1, **blind(50, "False")), seen(2, **blind(0, "False"))]) == []


def promoted(stable: str) -> dict[str, Any]:
    entry = {"revision": "b", "version": "2", "outcome": "Promoted", "endedAt": "x"}
    return {"stable": {"revision": stable}, "history": [entry]}


def test_a_promoted_model_that_never_was_stable_is_seen() -> None:
    assert len(invariants.falsely_promoted([seen(1, **promoted("a"))], {})) == 1
    assert invariants.falsely_promoted([seen(1, **promoted("b"))], {"2": "good"}) == []


def test_a_harmful_model_that_is_promoted_is_seen() -> None:
    assert len(invariants.falsely_promoted([seen(1, **promoted("b"))], {"2": "bad"})) == 1


def test_a_status_about_an_older_spec_is_not_consistent() -> None:
    traffic = {"accepted": True}
    assert invariants.consistent(seen(1, generation=2, observedGeneration=2, traffic=traffic))
    assert not invariants.consistent(seen(1, generation=2, observedGeneration=1, traffic=traffic))
