"""Capacity before traffic, while an autoscaler chooses the number of pods."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.fake_world import FakeWorld
from timoneiro_operator.api.scaling import Replicas
from timoneiro_operator.api.status import Status
from timoneiro_operator.api.times import moment
from timoneiro_operator.decide.decide import decide
from timoneiro_operator.decide.observation import Failure

SCALED: dict[str, Any] = {"minReplicas": 2, "maxReplicas": 10}
BLUE_GREEN = {"strategy": "BlueGreen", "blueGreen": {"mirror": "1m", "bake": "1m"}}


def world(**rollout: Any) -> FakeWorld:
    """The first model is live, and its autoscaler has found that it needs eight replicas."""
    made = FakeWorld()
    made.spec["predictor"] = dict(SCALED)
    made.spec["rollout"] |= rollout
    made.healthy()
    made.autoscale(stable(made), 8)
    return made


def stable(made: FakeWorld) -> str:
    assert made.status.stable is not None
    return made.status.stable.revision


def replicas(made: FakeWorld) -> tuple[int | None, int | None]:
    """What stable model and candidate are held at, by the status."""
    status: Status = made.status
    return (
        status.stable.replicas if status.stable else None,
        status.candidate.replicas if status.candidate else None,
    )


def test_a_deployment_without_an_autoscaler_says_nothing_of_replicas() -> None:
    made = FakeWorld().healthy()
    made.model(2)
    made.until("Progressing 2/2")
    assert replicas(made) == (None, None)


def test_the_candidate_begins_with_the_share_of_its_first_step_but_never_below_the_minimum() -> None:
    made = world()
    name = made.model(2)
    made.until("Progressing 1/2")
    assert replicas(made) == (8, 1)
    assert made.scaled[name] == Replicas(2, 10)
    assert made.scaled[stable(made)] == Replicas(8, 10)


def test_a_step_waits_until_the_replicas_that_it_needs_are_ready() -> None:
    made = world()
    name = made.model(2)
    made.until("Progressing 1/2")
    made.ready = False
    made.until("Holding 1/2 1:90,2:10 1 2")
    made.tick(60)
    assert made.status.message == "2 of 4 replicas of the candidate are ready, which 10 % of the traffic needs"
    assert (replicas(made), made.scaled[name].least) == ((8, 4), 4)
    made.ready = True
    made.services[name] = replace(made.services[name], ready_replicas=4)
    made.until("Progressing 2/2 1:50,2:50 1 2")


def test_what_keeps_replicas_from_being_ready_is_said() -> None:
    made = world()
    name = made.model(2)
    made.until("Progressing 1/2")
    made.ready = False
    full = Failure(reason="Unschedulable", message="0/3 nodes are available", final=False, no_room=True)
    made.services[name] = replace(made.services[name], failure=full)
    made.trace(10, 10)
    assert made.status.message.endswith("needs (Unschedulable: 0/3 nodes are available)")


def test_the_promotion_needs_all_that_the_stable_model_had() -> None:
    made = world()
    name = made.model(2)
    made.until("Promoting")
    assert (replicas(made), made.services[name].ready_replicas) == ((8, 8), 8)


def test_a_load_that_has_grown_in_mid_rollout_counts_from_the_next_step_on() -> None:
    made = world()
    made.model(2)
    made.until("Progressing 1/2")
    made.autoscale(stable(made), 10)
    made.until("Progressing 2/2")
    assert replicas(made) == (10, 5)


def test_a_stable_model_that_needs_less_keeps_what_it_had() -> None:
    made = world()
    made.model(2)
    made.until("Progressing 2/2")
    made.autoscale(stable(made), 1)
    made.tick()
    assert made.services[stable(made)].ready_replicas == 8


def test_an_abort_finds_all_that_the_stable_model_had_and_gives_it_back_when_keep_stable_has_passed() -> None:
    made = world(keepStable="2m")
    made.model(2)
    made.until("Progressing 2/2")
    made.ask("abort")
    assert (replicas(made), made.scaled[stable(made)]) == ((8, None), Replicas(8, 10))
    ended = made.status.history[-1].ended_at.timestamp()
    decision = made.tick(100)
    assert decision.look_again == ended + 120 - made.now
    made.tick(decision.look_again or 0)
    assert (replicas(made), made.scaled[stable(made)]) == ((None, None), Replicas(2, 10))


def test_after_a_promotion_the_new_model_keeps_its_replicas_until_its_autoscaler_has_seen_the_load() -> None:
    made = world(keepStable="2m")
    name = made.model(2)
    made.until("Healthy")
    assert (stable(made), replicas(made), made.scaled[name]) == (name, (8, None), Replicas(8, 10))
    made.tick(121)
    assert made.scaled[name] == Replicas(2, 10)


def test_a_former_model_that_is_still_warm_takes_all_traffic_with_the_replicas_that_it_has() -> None:
    made = world()
    old = stable(made)
    made.model(2)
    made.until("Healthy")
    made.ask("rollback")
    made.tick()
    assert made.line() == "Healthy - 1:100 1 -"
    assert made.services[old].ready_replicas == 8


def test_a_former_model_that_is_too_small_for_the_load_gets_its_replicas_first() -> None:
    made = world()
    old = stable(made)
    made.model(2)
    made.until("Healthy")
    made.autoscale(stable(made), 10)
    made.ready = False
    made.ask("rollback")
    made.trace(1, 5)
    assert (made.line(), made.scaled[old]) == ("Progressing - 2:100 2 1", Replicas(10, 10))


@pytest.mark.parametrize("state", ["Progressing mirror 1/1", "Healthy bake"])
def test_blue_green_has_both_models_at_full_size_from_the_mirror_to_the_end(state: str) -> None:
    made = world(**BLUE_GREEN)
    name, old = made.model(2), stable(made)
    made.until(state)
    assert [made.services[revision].ready_replicas for revision in (old, name)] == [8, 8]


def test_a_person_who_promotes_a_step_is_told_what_it_needs_and_finds_it_started() -> None:
    made = world()
    name = made.model(2)
    made.until("Progressing 1/2")
    made.ready = False
    record = made.ask("promote")
    assert (record.outcome, made.scaled[name].least) == ("Refused", 4)
    assert "2 of 4 replicas of the candidate are ready, which 50 % of the traffic needs" in record.message
    made.services[name] = replace(made.services[name], ready_replicas=4)
    assert made.ask("promote").outcome == "Done"


def test_a_promotion_in_full_waits_for_the_replicas_and_then_goes_by_itself() -> None:
    made = world()
    name = made.model(2)
    made.until("Progressing 1/2")
    made.ready = False
    assert made.ask("promote", full=True).outcome == "Done"
    assert made.line().startswith("Holding 1/2 1:90,2:10")
    made.services[name] = replace(made.services[name], ready_replicas=8)
    made.until("Healthy")


def test_a_candidate_without_an_autoscaler_has_the_number_of_the_spec_and_the_stable_model_keeps_its_own() -> None:
    made = world()
    made.spec["predictor"] = {"minReplicas": 3}
    made.until("Progressing 2/2")
    name = made.wanted()
    assert (replicas(made), made.scaled[name]) == ((8, None), Replicas(3, 3))
    assert made.services[stable(made)].ready_replicas == 8


def test_the_numbers_of_a_rollout_that_another_one_replaces_are_kept() -> None:
    made = world()
    made.model(2)
    made.until("Progressing 2/2")
    made.model(3)
    made.tick()
    assert replicas(made)[0] == 8


def test_a_candidate_beside_an_adopted_model_has_as_many_replicas_and_that_one_is_left_alone() -> None:
    made = FakeWorld()
    made.spec["predictor"] = dict(SCALED)
    old = made.adopting()
    made.healthy()
    made.services[old] = replace(made.services[old], replicas=8, ready_replicas=8)
    name = made.model(2)
    made.until("Promoting")
    assert (replicas(made), made.services[name].ready_replicas) == ((None, 8), 8)


def test_it_keeps_those_that_the_spec_had_last_although_the_spec_named_another_model_then() -> None:
    made = FakeWorld()
    made.healthy()
    old = stable(made)
    made.model(2)
    made.until("Progressing 1/2")
    made.ask("abort")
    made.spec["predictor"] = {"minReplicas": 5}
    made.settle()
    assert made.scaled[old] == Replicas(5, 5)
    made.spec["predictor"] = {"minReplicas": 1, "maxReplicas": 10}
    made.tick()
    assert (stable(made), made.scaled[old]) == (old, Replicas(5, 5))


@pytest.mark.parametrize("ends", [False, True])
def test_a_stable_model_without_an_autoscaler_keeps_its_replicas_when_the_spec_brings_one(ends: bool) -> None:
    made = FakeWorld()
    made.spec["predictor"] = {"minReplicas": 2}
    made.healthy()
    made.spec["predictor"] = {"minReplicas": 5}
    made.settle()
    old = stable(made)
    made.spec["predictor"] = {"minReplicas": 1, "maxReplicas": 10}
    made.tick()
    assert made.scaled[old] == Replicas(5, 5)
    if ends:
        made.until("Progressing 1/2")
        made.ask("abort")
        made.tick(7200)
        assert (made.status.candidate, made.scaled[old]) == (None, Replicas(5, 5))


STEPS = st.lists(st.sampled_from([5, 10, 25, 33, 50, 75, 99]), min_size=1, max_size=4, unique=True).map(sorted)
EVENTS = st.one_of(
    st.just("tick"),
    st.just("tick"),
    st.tuples(st.sampled_from(["stable", "candidate"]), st.integers(1, 10)),
    st.booleans(),
    st.just("crash"),
    st.just("abort"),
    st.just("full"),
    st.integers(2, 4),
)


@given(
    weights=STEPS, blue_green=st.booleans(), load=st.integers(1, 10), events=st.lists(EVENTS, min_size=20, max_size=60)
)
@settings(max_examples=300, deadline=None)
def test_no_traffic_moves_before_its_replicas_are_ready_and_the_stable_model_loses_none(
    weights: list[int], blue_green: bool, load: int, events: list[Any]
) -> None:
    made = FakeWorld()
    made.spec["predictor"] = dict(SCALED)
    steps = {"canary": {"steps": [{"weight": weight, "for": "1s"} for weight in weights]}}
    made.spec["rollout"] = {"strategy": "BlueGreen" if blue_green else "Canary", **steps}
    made.spec["rollout"] |= {"blueGreen": {"mirror": "1s", "bake": "1s"}, "keepStable": "1m"}
    made.spec["analysis"] = {**made.spec["analysis"], "promotion": "NoHarm", "minRequests": 0}
    made.healthy()
    made.autoscale(stable(made), load)
    made.model(2)
    had: dict[str, int] = {}
    for event in events:
        _happens(made, event)
        _checked(made, had)


def _happens(made: FakeWorld, event: Any) -> None:
    made.now += 5
    if isinstance(event, tuple):
        part = getattr(made.status, event[0])
        if part is not None and part.revision in made.services:
            made.autoscale(part.revision, event[1])
    elif isinstance(event, bool):
        made.ready = event
        for name, there in made.services.items():
            if event:
                made.services[name] = replace(there, ready_replicas=there.replicas, routable=True)
    elif isinstance(event, int):
        made.model(event)
    elif event == "crash":
        # Acting without a status write; the next pass finds the old status.
        made.carry_out(made.decide())
    elif event in ("abort", "full") and made.status.candidate is not None:
        made.ask("abort") if event == "abort" else made.ask("promote", full=True)


def _checked(made: FakeWorld, had: dict[str, int]) -> None:
    """One pass. `had`: what each stable model had when its candidate began to get traffic, by both revisions."""
    before = made.route.routing if made.route else None
    services, status = dict(made.services), made.status
    decision = decide(made.deployment, made.observe(), moment(made.now))
    made.carry_out(decision)
    made.status = decision.status
    old, candidate = status.stable, decision.status.candidate
    if candidate is None:
        # What is kept may be given back now, and the same pair may begin again with less.
        had.clear()
    if before is None or old is None or decision.status.stable is None or not decision.routing.weights:
        return

    def share(routing: Any, revision: str) -> int:
        return 100 if routing.mirror == revision else routing.weights.get(revision, 0)

    for revision in decision.routing.weights:
        more = share(decision.routing, revision) > share(before, revision)
        if more and candidate is not None and revision == candidate.revision:
            pair = f"{old.revision} {revision}"
            had.setdefault(pair, services[old.revision].replicas)
            needed = -(-had[pair] * share(decision.routing, revision) // 100)
            assert services[revision].ready_replicas >= max(2, needed)
    if candidate is not None and share(decision.routing, candidate.revision):
        held = had.get(f"{old.revision} {candidate.revision}", 0)
        assert made.services[old.revision].replicas >= held
        assert made.scaled[old.revision].least >= held
