"""Behaviours at their limits, found by mutants of `decide` that no other test noticed (docs/mutation.md)."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from support.fake_world import EPOCH, FakeWorld
from timoneiro_operator.api.command import Action, parse_command
from timoneiro_operator.api.status import (
    AnalysisStatus,
    Counts,
    MetricStatus,
    Ratio,
    Status,
    Step,
    Verdict,
    Weights,
    to_seconds,
)
from timoneiro_operator.decide.conditions import invalid
from timoneiro_operator.decide.decision import takes_traffic_away, with_refusal
from timoneiro_operator.decide.events import Event, events_between
from timoneiro_operator.decide.observation import Failure, Observation, RouteState, Routing, Workload
from timoneiro_operator.decide.routing import without_loss
from timoneiro_operator.decide.steps import arms_to_measure
from timoneiro_operator.decide.text import metric_sentence, name_of, share_text, verdict_sentence

BAD = {"s3://models/fraud/1": 0.01, "s3://models/fraud/2": 0.5}
BLUE_GREEN = {"strategy": "BlueGreen", "blueGreen": {"mirror": "1m", "bake": "1m"}}


def rolling(state: str = "Progressing 1/2", **fields: object) -> FakeWorld:
    """Version 2 is on its way and in the step that `state` begins with."""
    world = FakeWorld(**fields).healthy()  # type: ignore[arg-type]
    world.model(2)
    world.until(state)
    return world


def rolled_back() -> FakeWorld:
    world = FakeWorld(rate=dict(BAD)).healthy()
    world.model(2)
    world.until("RolledBack", seconds=10)
    return world


def lose(world: FakeWorld, revision: str) -> None:
    world.services[revision] = replace(world.services[revision], ready_replicas=0)


def stable_of(world: FakeWorld) -> str:
    assert world.status.stable is not None
    return world.status.stable.revision


def metric_of(world: FakeWorld) -> MetricStatus:
    assert world.status.analysis is not None
    return world.status.analysis.metrics[0]


# Evidence


def test_the_status_shows_the_ratio_within_its_interval() -> None:
    world = rolling(rate={"s3://models/fraud/1": 0.02, "s3://models/fraud/2": 0.02})
    world.trace(10, 5)
    ratio = metric_of(world).ratio
    assert ratio.lower < ratio.estimate < ratio.upper


def test_the_status_shows_the_events_of_both_models() -> None:
    world = rolling(rate={"s3://models/fraud/1": 1.0, "s3://models/fraud/2": 1.0})
    world.tick(10)
    metric = metric_of(world)
    assert (metric.candidate, metric.stable) == (Counts(requests=100, events=100), Counts(requests=900, events=900))


def test_the_evidence_that_took_a_candidate_back_is_shown_and_beyond_the_bound() -> None:
    evidence = metric_of(rolled_back()).evidence
    assert evidence.worse > 100
    assert evidence.not_worse < 20


def test_the_evidence_that_promoted_a_candidate_is_shown_and_beyond_the_bound() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.until("Healthy - 2", seconds=10)
    evidence = metric_of(world).evidence
    assert evidence.not_worse > 20
    assert evidence.worse < 100


def test_a_metric_without_a_window_in_a_pass_keeps_what_it_has() -> None:
    world = FakeWorld().healthy()
    world.spec["analysis"]["metrics"].append({"name": "other"})
    world.model(2)
    world.until("Progressing 1/2")
    world.tick(10)
    assert {metric.name: metric.candidate.requests for metric in world.status.analysis.metrics} == {
        "errors": 100,
        "other": 0,
    }


def test_evidence_without_end_is_shown_as_a_number() -> None:
    world = rolling(rate={"s3://models/fraud/1": 0.01, "s3://models/fraud/2": 1.0}, requests_per_second=10_000.0)
    world.tick(10)
    assert metric_of(world).evidence.worse == 1e12


# Steps


def test_of_two_pauses_in_a_row_both_are_waited_for() -> None:
    world = FakeWorld().healthy()
    world.spec["rollout"]["canary"]["steps"] = [{"weight": 10, "for": "1m"}, {"pause": {"for": "1m"}}, {"pause": {}}]
    world.model(2)
    assert world.trace(10, 60)[-1] == "Paused pause 3/3 1:90,2:10 1 2"


def test_a_step_ends_with_just_as_many_requests_as_are_needed() -> None:
    world = FakeWorld().healthy()
    world.spec["rollout"]["canary"]["steps"] = [{"weight": 10, "for": "10s"}, {"weight": 50, "for": "10s"}]
    world.spec["analysis"]["minRequests"] = 100
    world.model(2)
    world.until("Progressing 1/2")
    world.tick(10)
    assert world.line() == "Progressing 2/2 1:50,2:50 1 2"


def test_the_old_model_is_measured_by_its_copy_while_the_new_one_bakes() -> None:
    world = FakeWorld()
    world.spec["rollout"] = dict(BLUE_GREEN)
    world.healthy()
    world.model(2)
    world.until("Progressing bake 2/2")
    arms = arms_to_measure(world.status)
    assert arms is not None
    assert arms.mirrored


def test_requests_of_former_steps_do_not_count_for_a_step() -> None:
    world = rolling("Progressing 2/2")
    world.requests_per_second = 0.0
    world.trace(60, 3)
    assert world.status.message == "waiting for requests: 0 of 50 in this step"


def test_limits_that_are_edited_leave_the_step_where_it_is() -> None:
    world = rolling("Progressing 2/2")
    world.spec["analysis"]["metrics"][0]["tolerance"] = 0.5
    world.tick(10)
    assert world.line() == "Progressing 2/2 1:50,2:50 1 2"


def test_limits_that_are_edited_at_a_weight_of_100_do_not_hold_a_candidate_that_can_prove_nothing_more() -> None:
    world = FakeWorld().healthy()
    world.spec["rollout"]["canary"]["steps"] = [{"weight": 50, "for": "1m"}, {"weight": 100, "for": "1m"}]
    world.model(2)
    world.until("Progressing 2/2")
    world.spec["analysis"]["metrics"][0]["tolerance"] = 0.5
    world.rate["s3://models/fraud/2"] = 0.02
    assert world.trace(10, 12)[-1] == "Healthy - 2:100 2 -"


@pytest.mark.parametrize(
    ("rollout", "state", "words"),
    [
        ({}, "Progressing 1/3", "5 % of the traffic for at least 10 min"),
        (BLUE_GREEN, "Progressing mirror 1/2", "a copy of the traffic for at least 1 min"),
        (BLUE_GREEN, "Progressing bake 2/2", "all of the traffic, and the old model a copy, for at least 1 min"),
    ],
)
def test_a_step_says_what_the_candidate_gets_and_for_how_long(
    rollout: dict[str, object], state: str, words: str
) -> None:
    world = FakeWorld()
    world.spec["rollout"] = dict(rollout)
    world.healthy()
    world.model(2)
    world.until(state)
    world.tick(1)
    assert world.status.message == words


def test_before_its_first_traffic_the_candidate_is_in_the_route() -> None:
    world = rolling("Progressing 0/2")
    world.tick(0.5)
    assert world.status.message == "the candidate is in the route and gets its first traffic soon"


def test_what_holds_a_step_whose_stable_model_is_down_is_said() -> None:
    world = rolling()
    lose(world, stable_of(world))
    world.tick(1)
    assert world.status.message == "the stable model has no ready replica: nothing to compare with"


@pytest.mark.parametrize("accepted", [False, True])
def test_what_is_measured_is_told_apart_by_whether_the_gateway_has_accepted_it(accepted: bool) -> None:
    world = rolling("Progressing 0/2")
    world.gateway_accepts = accepted
    world.until("Progressing 1/2")
    arms = arms_to_measure(world.status)
    assert arms is not None
    assert arms.accepted is accepted


# Commands


def test_a_promotion_in_full_that_waits_for_capacity_is_neither_repeated_nor_paused() -> None:
    world = FakeWorld().healthy()
    world.ready = False
    world.model(2)
    world.tick()
    world.ask("promote", full=True)
    assert world.ask("promote", full=True).outcome == "Refused"
    assert world.ask("pause").outcome == "Refused"


def test_promote_in_full_ends_a_pause() -> None:
    world = rolling()
    world.ask("pause")
    world.ask("promote", full=True)
    assert world.trace(1, 3)[-1] == "Healthy - 2:100 2 -"


def test_promote_ends_a_pause_together_with_the_step() -> None:
    world = rolling()
    world.ask("pause")
    world.ask("promote")
    world.settle()
    assert world.line() == "Progressing 2/2 1:50,2:50 1 2"


def test_the_deadline_moves_by_as_long_as_a_person_had_the_rollout_paused() -> None:
    world = rolling()
    before = to_seconds(world.status.candidate.deadline)
    world.ask("pause")
    world.now += 600
    world.ask("resume")
    assert to_seconds(world.status.candidate.deadline) == before + 600


def test_a_retry_after_an_abort_keeps_the_evidence_that_there_was() -> None:
    world = rolling()
    world.tick(10)
    world.ask("abort")
    world.settle()
    world.ask("retry")
    world.until("Progressing 1/2")
    world.tick(10)
    assert metric_of(world).candidate.requests == 200


def test_a_rollback_does_not_go_to_a_revision_that_was_never_stable() -> None:
    world = rolled_back()
    record = world.ask("rollback", to=world.wanted())
    assert record.outcome == "Refused"


def test_a_rollback_that_is_refused_lists_former_models_with_the_latest_first() -> None:
    world = FakeWorld().healthy()
    revisions = [world.wanted()]
    for number in (2, 3):
        revisions.append(world.model(number))
        world.until(f"Healthy - {number}", seconds=10)
    record = world.ask("rollback", to="cafecafe")
    assert record.message.endswith(f"known: {revisions[1]}, {revisions[0]}")


@pytest.mark.parametrize(
    ("actions", "sentence"),
    [(("pause",), "the rollout stays where it is"), (("pause", "resume"), "the rollout goes on")],
)
def test_a_pause_and_its_end_are_put_on_record_in_a_sentence(actions: tuple[Action, ...], sentence: str) -> None:
    world = rolling()
    for action in actions:
        world.ask(action)
    assert world.status.commands[-1].message == sentence


def test_a_retry_is_put_on_record_with_the_version() -> None:
    world = rolled_back()
    assert world.ask("retry").message == f"version 2 ({world.wanted()}) is rolled out again"


def test_a_rollback_is_put_on_record_with_the_version_that_comes_back() -> None:
    world = FakeWorld().healthy()
    first = world.wanted()
    world.model(2)
    world.until("Healthy - 2", seconds=10)
    assert world.ask("rollback").message == f"version 1 ({first}) gets all traffic as soon as it is ready"


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        ("abort", "this is the first revision: it gets all traffic as soon as it is ready"),
        ("rollback", "no model serves yet"),
    ],
)
def test_before_anything_serves_a_refusal_says_so_and_nothing_else(action: Action, sentence: str) -> None:
    world = FakeWorld()
    world.ready = False
    world.settle()
    assert world.ask(action, revision=world.wanted()).message == sentence


def test_resume_without_a_pause_is_refused_in_a_sentence() -> None:
    assert rolling().ask("resume").message == "the rollout is not paused"


def test_an_abort_leaves_no_pause_behind() -> None:
    world = rolling()
    world.ask("pause")
    world.ask("abort")
    assert world.status.paused is None


def test_what_is_no_command_is_put_on_record_with_what_is_wrong() -> None:
    world = FakeWorld().healthy()
    world.command = parse_command("promote it!")
    world.tick()
    record = world.status.commands[-1]
    assert record.action == "unknown"
    assert record.message == "a command needs an action and a revision"


def test_a_pause_that_a_person_has_ended_is_over_even_if_the_rollout_cannot_go_on_yet() -> None:
    world = FakeWorld().healthy()
    world.spec["rollout"]["canary"]["steps"] = [{"weight": 10, "for": "1m"}, {"pause": {}}]
    world.model(2)
    world.until("Paused pause 2/2", seconds=10)
    world.problem = ("ScrapeFailed", "pod x did not answer")
    world.ask("resume")
    assert world.line().startswith("Holding pause 2/2")
    assert to_seconds(world.status.step.not_before) == world.now


# Conclusions


def test_what_holds_a_rollout_says_until_when() -> None:
    world = FakeWorld(requests_per_second=1.5).healthy()
    world.spec["analysis"]["minRequests"] = 1
    world.model(2)
    world.trace(60, 20)
    until = world.status.candidate.deadline
    assert world.status.message == f"more evidence of 'not worse' is needed, until {until}: {world.status.verdict}"


@pytest.mark.parametrize("wish", ["Promote", "Rollback"])
def test_what_the_deadline_decided_is_the_reason_in_the_history(wish: str) -> None:
    world = FakeWorld(requests_per_second=1.5).healthy()
    world.spec["rollout"] |= {"onInconclusive": wish, "deadline": "20m"}
    world.spec["analysis"]["minRequests"] = 1
    world.model(2)
    world.trace(60, 30)
    assert world.status.history[-1].reason == f"inconclusive at the deadline: {world.status.verdict}"


@pytest.mark.parametrize(("reason", "phase"), [("Pending", "RolledBack"), ("NotAllowed", "RollingBack")])
def test_a_rollback_that_is_over_is_over_while_the_gateway_is_only_late(reason: str, phase: str) -> None:
    world = rolled_back()
    world.gateway_accepts = False
    world.route = replace(world.route, accepted=False, reason=reason)
    world.tick()
    assert world.status.phase == phase


def test_an_invalid_spec_is_said_without_a_word_on_what_serves() -> None:
    before = FakeWorld().healthy().status
    after = invalid(before, "no", 7, EPOCH)
    assert (after.phase, after.message) == ("Healthy", "the spec is invalid and was not acted on: no")


def test_an_invalid_spec_makes_the_deployment_unready_and_leaves_the_other_conditions_alone() -> None:
    before = FakeWorld().healthy().status
    after = invalid(before, "no", 7, EPOCH)
    ready, *others = after.conditions
    assert (ready.type, ready.status, ready.reason, ready.message) == ("Ready", "False", "InvalidSpec", "no")
    assert others == [c for c in before.conditions if c.type != "Ready"]


def test_an_invalid_spec_counts_as_seen() -> None:
    after = invalid(Status(), "no", 7, EPOCH)
    assert (after.observed_generation, after.conditions[0].observed_generation) == (7, 7)


def test_an_invalid_spec_with_nothing_that_serves_is_degraded() -> None:
    assert invalid(Status(), "no", 7, EPOCH).phase == "Degraded"


def test_a_pass_that_changes_no_weight_takes_no_traffic_away() -> None:
    world = rolling()
    assert not takes_traffic_away(world.decide(), world.observe())


def test_the_last_percent_of_a_revision_that_nobody_knows_is_traffic_too() -> None:
    world = FakeWorld().healthy()
    world.route = replace(world.route, routing=Routing(weights={stable_of(world): 99, "unknown": 1}))
    assert takes_traffic_away(world.decide(), world.observe())


def test_a_refusal_is_the_message_of_its_condition_too() -> None:
    refused = with_refusal(FakeWorld().healthy().status, "quota")
    assert [c.message for c in refused.conditions if c.type == "Progressing"] == ["quota"]


# On the way


def test_a_candidate_that_enters_the_route_is_ready_and_says_so() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.tick()
    assert not world.status.candidate.ready
    world.tick()
    assert world.status.candidate.ready
    assert world.status.message == "the candidate is ready and enters the route"


def test_the_name_that_the_driver_has_for_a_revision_goes_with_it_from_candidate_to_stable() -> None:
    world = FakeWorld().healthy()
    name = world.model(2)
    world.tick()
    world.services[name] = replace(world.services[name], backend="fraud-00002")
    world.tick()
    assert world.status.candidate.backend == "fraud-00002"
    world.services[name] = replace(world.services[name], backend=None)
    world.until("Healthy - 2", seconds=10)
    assert world.status.stable.backend == "fraud-00002"


def test_the_name_that_the_driver_has_at_the_promotion_is_the_one_that_counts() -> None:
    world = FakeWorld()
    world.tick()
    world.services[world.wanted()] = replace(world.services[world.wanted()], backend="fraud-00001")
    world.healthy()
    assert world.status.stable.backend == "fraud-00001"


def test_a_candidate_that_is_not_ready_says_what_its_pods_say() -> None:
    world = FakeWorld().healthy()
    name = world.model(2)
    world.failures[name] = Failure(reason="ErrImagePull", message="no such image", final=False)
    world.tick(1)
    world.tick(1)
    assert world.status.message == f"version 2 ({name}) is not ready: ErrImagePull: no such image"


def test_a_candidate_does_not_enter_the_route_while_there_is_nothing_to_compare_it_with() -> None:
    world = FakeWorld().healthy()
    lose(world, stable_of(world))
    world.model(2)
    assert world.trace(1, 3)[-1] == "Holding - 1:100 1 2"
    assert world.status.message == "the stable model has no ready replica: nothing to compare with"


def test_a_rollback_does_not_wait_for_a_stable_model_that_is_down() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.until("Healthy - 2", seconds=10)
    lose(world, stable_of(world))
    world.ask("rollback")
    assert world.line() == "Promoting promote 1:100 2 1"


def test_a_promotion_that_the_gateway_has_not_taken_up_is_under_way() -> None:
    world = rolling()
    world.gateway_accepts = False
    world.ask("promote", full=True)
    world.tick(1)
    assert (world.status.phase, world.status.message) == (
        "Promoting",
        f"waiting for the gateway: {world.route.message}",
    )


def test_without_a_word_from_the_gateway_the_weights_are_waited_for() -> None:
    world = rolling()
    world.route = replace(world.route, routing=Routing(weights={stable_of(world): 100}))
    world.tick()
    assert world.status.message == "waiting for the gateway to take the new weights"


def test_a_first_model_that_is_lost_before_it_serves_is_not_given_traffic() -> None:
    world = FakeWorld()
    world.gateway_accepts = False
    world.tick()
    world.tick()
    assert world.line() == "Pending promote 1:100 - 1"
    lose(world, world.wanted())
    assert world.tick().routing.weights == {}
    assert world.line().startswith("Pending - ")


def test_a_first_model_that_was_replaced_before_it_served_does_not_leave_a_route_without_weights() -> None:
    world = FakeWorld()
    world.gateway_accepts = False
    world.tick()
    world.tick()
    world.ready = False
    world.model(2)
    assert world.tick(1).routing.weights == {}


def test_a_first_model_that_somebody_edits_is_built_as_it_was() -> None:
    world = FakeWorld()
    world.ready = False
    world.tick()
    name = world.wanted()
    world.services[name] = replace(world.services[name], as_built=False)
    world.tick()
    assert world.status.restored.what == f"InferenceService fraud-{name} was edited"


def test_a_stable_model_without_ready_replicas_is_not_ready_in_the_status() -> None:
    world = FakeWorld().healthy()
    assert world.status.stable.ready
    lose(world, stable_of(world))
    world.tick()
    assert not world.status.stable.ready


def test_a_promoted_model_is_ready_and_stable_since_its_promotion() -> None:
    world = FakeWorld()
    for _ in range(10):
        if world.status.stable is None:
            world.tick(1)
    assert world.status.stable.ready
    assert to_seconds(world.status.stable.since) == world.now


def test_a_stable_model_goes_by_the_name_that_the_driver_has_for_it_now() -> None:
    world = FakeWorld().healthy()
    name = stable_of(world)
    world.services[name] = replace(world.services[name], backend="fraud-00001")
    world.tick()
    assert world.status.stable.backend == "fraud-00001"


def test_after_a_rollback_a_stable_model_that_serves_no_more_is_degraded_in_the_words_of_its_pods() -> None:
    world = rolled_back()
    name, rejected = stable_of(world), world.status.message
    failure = Failure(reason="CrashLoopBackOff", message="out of memory", final=True)
    world.services[name] = replace(world.services[name], ready_replicas=0, failure=failure)
    world.tick()
    text = f"version 1 ({name}) is not ready: CrashLoopBackOff: out of memory; {rejected}"
    assert (world.status.phase, world.status.message) == ("Degraded", text)


def test_a_healthy_deployment_stays_healthy_while_the_gateway_is_only_late() -> None:
    world = FakeWorld().healthy()
    world.gateway_accepts = False
    world.route = replace(world.route, accepted=False, reason="Pending")
    world.tick()
    assert world.status.phase == "Healthy"


def test_a_candidate_that_was_withdrawn_says_where_its_traffic_goes() -> None:
    world = rolling()
    world.model(1)
    world.tick(1)
    assert (world.status.phase, world.status.message) == ("RollingBack", "all traffic goes back to the stable model")


@pytest.mark.parametrize(
    ("edited", "seconds", "reported_anew"),
    [("same", 59, False), ("same", 60, True), ("another", 1, True)],
)
def test_an_edit_is_reported_anew_after_a_minute_or_when_it_is_another_one(
    edited: str, seconds: float, reported_anew: bool
) -> None:
    world = FakeWorld().healthy()
    world.route = None
    world.tick()
    first = world.status.restored
    world.settle()
    world.route = None if edited == "same" else replace(world.route, as_built=False)
    world.tick(seconds)
    assert (world.status.restored != first) == reported_anew


def test_replicas_of_a_model_that_was_deleted_are_not_changed_but_made_anew() -> None:
    world = FakeWorld().healthy()
    world.spec["predictor"] = {"minReplicas": 2}
    del world.services[stable_of(world)]
    decision = world.decide()
    assert decision.scale == {}
    assert [snapshot.revision for snapshot in decision.ensure] == [stable_of(world)]


# Routing


def without_loss_of(
    has: dict[str, int], wanted: dict[str, int], *, serving: set[str], dead: set[str]
) -> dict[str, int]:
    workloads = {name: Workload(ready_replicas=int(name in serving), routable=True) for name in serving | dead}
    seen = Observation(workloads=workloads, route=RouteState(routing=Routing(weights=has)))
    return dict(without_loss(Routing(weights=wanted), seen).weights)


def test_traffic_is_not_given_to_a_stable_model_that_was_deleted() -> None:
    given = without_loss_of({"a": 50, "b": 50}, {"a": 100, "b": 0}, serving={"b"}, dead=set())
    assert given == {"a": 50, "b": 50}


def test_a_route_that_names_a_stranger_is_put_back_whoever_serves() -> None:
    given = without_loss_of({"b": 50, "stranger": 50}, {"a": 100, "b": 0}, serving={"b"}, dead={"a"})
    assert given == {"a": 100, "b": 0}


@pytest.mark.parametrize("has", [{"b": 100}, {"a": 0, "b": 100}])
def test_not_even_one_percent_is_taken_from_what_serves_to_be_given_to_what_does_not(has: dict[str, int]) -> None:
    assert without_loss_of(has, {"a": 1, "b": 99}, serving={"b"}, dead={"a"}) == {"a": 0, "b": 100}


def test_traffic_between_two_that_do_not_serve_is_moved_as_wanted() -> None:
    wanted = {"a": 50, "b": 50, "c": 0}
    assert without_loss_of({"a": 0, "b": 50, "c": 50}, wanted, serving={"b"}, dead={"a", "c"}) == wanted


def test_weights_that_wait_keep_the_mirror_and_the_preview_from_waiting() -> None:
    wanted = Routing(weights={"a": 100, "b": 0}, mirror="b", preview="b")
    workloads = {"b": Workload(ready_replicas=1, routable=True)}
    seen = Observation(workloads=workloads, route=RouteState(routing=Routing(weights={"a": 0, "b": 100})))
    given = without_loss(wanted, seen)
    assert (given.weights, given.mirror, given.preview) == ({"a": 0, "b": 100}, "b", "b")


@pytest.mark.parametrize(
    ("state", "stable", "candidate"), [("Progressing -", 100, 0), ("Progressing 1/2", 90, 10), ("Promoting", 0, 100)]
)
def test_the_status_shows_who_is_meant_to_get_how_much(state: str, stable: int, candidate: int) -> None:
    world = FakeWorld().healthy()
    world.model(2)
    for _ in range(200):
        if not world.line().startswith(state):
            world.tick(1)
    assert world.status.traffic.desired == Weights(stable=stable, candidate=candidate)


def test_the_first_model_is_shown_as_a_candidate_that_is_meant_to_get_everything() -> None:
    world = FakeWorld()
    world.tick()
    world.tick()
    assert world.status.traffic.desired == Weights(stable=0, candidate=100)


def test_a_stable_model_is_shown_with_all_of_the_traffic() -> None:
    assert FakeWorld().healthy().status.traffic.desired == Weights(stable=100, candidate=0)


# Time


def test_a_first_model_is_late_at_its_deadline_and_not_before() -> None:
    world = FakeWorld()
    world.ready = False
    world.tick()
    world.tick(599)
    assert world.status.phase == "Pending"
    world.tick(1)
    assert world.status.phase == "Degraded"


def test_a_candidate_is_late_at_its_deadline_and_not_before() -> None:
    world = FakeWorld().healthy()
    world.ready = False
    world.model(2)
    world.tick()
    world.tick(599)
    assert world.status.candidate is not None
    world.tick(1)
    reason = "ProgressDeadlineExceeded: the candidate did not become ready in time, 0 of 1 replicas ready"
    assert world.status.history[-1].reason == reason


def test_a_candidate_that_is_deleted_and_late_had_no_replica() -> None:
    world = FakeWorld().healthy()
    world.ready = False
    name = world.model(2)
    world.tick()
    del world.services[name]
    world.tick(600)
    assert world.status.history[-1].reason.endswith("0 of 1 replicas ready")


def test_a_candidate_that_was_never_in_the_route_is_deleted_at_the_end_of_its_delay_and_not_before() -> None:
    world = FakeWorld().healthy()
    name = world.model(2)
    world.failures[name] = Failure(reason="FailedLoad", message="digest differs", final=True)
    world.tick()
    world.tick()
    assert world.status.candidate is None
    world.tick(29)
    assert name in world.services
    world.tick(1)
    assert name not in world.services


def test_a_former_candidate_leaves_the_route_at_the_end_of_its_delay_and_not_before() -> None:
    world = rolling()
    candidate = world.wanted()
    world.ask("abort")
    assert candidate in world.tick(29).routing.weights
    assert candidate not in world.tick(1).routing.weights


def test_a_revision_that_is_retried_is_not_deleted_when_its_delay_ends() -> None:
    world = rolled_back()
    name = world.wanted()
    lose(world, name)
    world.ask("retry")
    world.tick(60)
    world.tick(60)
    assert name in world.services


def test_the_history_says_when_a_rollout_began_and_when_it_ended() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.tick(5)
    began = world.now
    world.until("Progressing 1/2")
    world.ask("abort")
    entry = world.status.history[-1]
    assert (to_seconds(entry.started_at), to_seconds(entry.ended_at)) == (began, world.now)


def test_nothing_calls_for_another_look_at_a_deployment_at_rest() -> None:
    assert FakeWorld().healthy().tick().look_again is None


def test_a_candidate_that_is_not_ready_is_looked_at_again_at_its_progress_deadline() -> None:
    world = FakeWorld().healthy()
    world.ready = False
    world.model(2)
    world.tick()
    assert world.tick(100).look_again == 500


def test_a_rollout_that_waits_for_a_person_is_looked_at_again_at_its_deadline() -> None:
    world = FakeWorld().healthy()
    world.spec["rollout"]["canary"]["steps"] = [{"pause": {}}, {"weight": 50, "for": "1m"}]
    world.model(2)
    world.until("Paused pause 1/2")
    assert world.tick().look_again == to_seconds(world.status.candidate.deadline) - world.now


def test_a_step_is_looked_at_again_after_an_interval() -> None:
    assert rolling().tick(1).look_again == 10


def test_a_step_that_ends_before_the_interval_is_looked_at_again_then() -> None:
    world = rolling()
    world.tick(53)
    assert world.tick(1).look_again == 6


def test_what_is_to_be_deleted_is_looked_at_again_although_a_candidate_is_waited_for() -> None:
    world = rolling()
    world.ask("abort")
    world.ready = False
    world.model(3)
    world.tick(1)
    assert world.tick(1).look_again == 28


def test_a_moment_that_has_just_come_is_no_reason_to_look_again_at_once() -> None:
    world = rolling()
    world.ask("pause")
    world.now = to_seconds(world.status.step.not_before)
    assert world.tick().look_again == 10


def test_a_rollout_is_inconclusive_at_its_deadline_and_not_before() -> None:
    world = FakeWorld(requests_per_second=0.0).healthy()
    world.spec["rollout"] |= {"onInconclusive": "Rollback", "deadline": "20m"}
    world.model(2)
    world.until("Holding", seconds=10)
    world.now = to_seconds(world.status.candidate.deadline) - 1
    world.tick()
    assert world.status.candidate is not None
    world.tick(1)
    assert world.status.candidate is None


# Conditions


def condition(world: FakeWorld, kind: str) -> tuple[str, str, str]:
    found = next(c for c in world.status.conditions if c.type == kind)
    return found.status, found.reason, found.message


def first_model(world: FakeWorld) -> None:
    world.ready = False
    world.tick()


def stable_model_down(world: FakeWorld) -> None:
    world.healthy()
    lose(world, stable_of(world))
    world.tick()


def route_is(*, accepted: bool, reason: str) -> Callable[[FakeWorld], None]:
    def change(world: FakeWorld) -> None:
        world.healthy()
        world.gateway_accepts = accepted
        world.route = replace(world.route, accepted=accepted, reason=reason, message="words of the gateway")
        world.tick()

    return change


def route_gone(world: FakeWorld) -> None:
    world.healthy()
    world.route = None
    world.tick()


def in_a_step(world: FakeWorld) -> None:
    world.healthy()
    world.model(2)
    world.until("Progressing 1/2")


@pytest.mark.parametrize(
    ("happens", "kind", "expected"),
    [
        (first_model, "Ready", ("False", "NoStableRevision", None)),
        (first_model, "Progressing", ("True", "Pending", None)),
        (first_model, "RouteAccepted", ("Unknown", "NotFound", "there is no route yet")),
        (first_model, "MetricsAvailable", ("Unknown", "NotMeasuring", "no candidate is being compared")),
        (stable_model_down, "Ready", ("False", "StableNotReady", "the stable model has no ready replica")),
        (
            route_is(accepted=True, reason="Accepted"),
            "Ready",
            ("True", "Serving", "the stable model is ready and has its route"),
        ),
        (route_is(accepted=True, reason="Accepted"), "Progressing", ("False", "Healthy", None)),
        (route_is(accepted=True, reason="Accepted"), "RouteAccepted", ("True", "Accepted", "words of the gateway")),
        (
            route_is(accepted=False, reason="Pending"),
            "Ready",
            ("True", "Serving", "the stable model is ready and has its route"),
        ),
        (route_is(accepted=False, reason="Pending"), "RouteAccepted", ("Unknown", "Pending", "words of the gateway")),
        (route_is(accepted=False, reason="Refused"), "Ready", ("False", "RouteNotAccepted", "words of the gateway")),
        (route_is(accepted=False, reason="Refused"), "RouteAccepted", ("False", "Refused", "words of the gateway")),
        (route_gone, "Ready", ("False", "RouteNotAccepted", "there is no route")),
        (in_a_step, "Progressing", ("True", "Progressing", None)),
        (in_a_step, "MetricsAvailable", ("True", "Available", "both arms are measured")),
    ],
)
def test_a_condition_says_what_is_and_why(
    happens: Callable[[FakeWorld], None], kind: str, expected: tuple[str, str, str | None]
) -> None:
    world = FakeWorld()
    happens(world)
    status, reason, message = expected
    assert condition(world, kind) == (status, reason, world.status.message if message is None else message)


def test_the_generation_that_was_acted_on_is_in_the_status() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.tick()
    assert world.status.observed_generation == world.generation == 2


def test_a_generation_counts_as_seen_even_while_the_cluster_lacks_something() -> None:
    world = FakeWorld(missing=("KServeNotInstalled", "install KServe"))
    world.tick()
    assert world.status.observed_generation == world.generation


# Ends


def test_a_candidate_with_a_copy_of_the_traffic_has_none_to_keep_and_goes_at_once() -> None:
    world = FakeWorld()
    world.spec["rollout"] = dict(BLUE_GREEN)
    world.healthy()
    world.model(2)
    world.until("Progressing mirror 1/2")
    lose(world, stable_of(world))
    world.ask("abort")
    assert world.status.candidate is None


def test_one_percent_of_the_traffic_is_kept_too_while_the_stable_model_cannot_take_it() -> None:
    world = FakeWorld().healthy()
    world.spec["rollout"]["canary"]["steps"] = [{"weight": 1, "for": "1m"}]
    world.model(2)
    world.until("Progressing 1/1")
    lose(world, stable_of(world))
    world.ask("abort")
    assert world.line() == "RollingBack 1/1 1:99,2:1 1 2"


def test_every_revision_that_was_rejected_stays_rejected() -> None:
    world = rolled_back()
    world.rate["s3://models/fraud/3"] = 0.5
    world.model(3)
    world.until("RolledBack", seconds=10)
    assert [entry.version for entry in world.status.rejected] == ["2", "3"]


def test_a_revision_that_is_rejected_again_is_rejected_once() -> None:
    world = rolled_back()
    world.ask("retry")
    world.until("RolledBack", seconds=10)
    assert [entry.version for entry in world.status.rejected] == ["2"]


def test_a_revision_that_is_about_to_go_keeps_its_version() -> None:
    assert [item.version for item in rolled_back().status.retiring] == ["2"]


def test_a_new_candidate_begins_without_the_verdict_on_the_one_before() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.until("Healthy - 2", seconds=10)
    assert world.status.verdict
    world.model(3)
    world.tick()
    assert world.status.verdict == ""


def test_the_first_model_is_promoted_because_it_is_the_first() -> None:
    assert FakeWorld().healthy().status.history[-1].reason == "first revision"


def test_a_promotion_by_evidence_has_the_verdict_as_its_reason() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.until("Healthy - 2", seconds=10)
    assert world.status.history[-1].reason == world.status.verdict


def test_a_promotion_without_any_evidence_says_that_nothing_spoke_against_it() -> None:
    world = FakeWorld().healthy()
    world.spec["rollout"]["canary"]["steps"] = [{"pause": {"for": "1m"}}]
    world.spec["analysis"]["promotion"] = "NoHarm"
    world.model(2)
    world.until("Healthy - 2", seconds=10)
    assert world.status.history[-1].reason == "nothing spoke against it"


def test_the_way_back_to_a_warm_model_has_its_warmth_as_its_reason() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.until("Healthy - 2", seconds=10)
    world.model(1)
    world.until("Healthy - 1")
    assert world.status.history[-1].reason == "it was stable before and is still warm"


def go_back(world: FakeWorld) -> None:
    world.model(1)


def go_on(world: FakeWorld) -> None:
    world.model(3)


def name_none(world: FakeWorld) -> None:
    world.spec.pop("model")


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (go_back, "the spec went back to the stable model"),
        (go_on, "version 3 ({wanted}) is wanted"),
        (name_none, "the spec names no model any more"),
    ],
)
def test_a_candidate_that_is_not_wanted_any_more_goes_with_the_reason(
    happens: Callable[[FakeWorld], None], reason: str
) -> None:
    world = rolling()
    happens(world)
    world.tick()
    assert world.status.history[-1].reason == reason.format(wanted=world.wanted())


def test_a_candidate_that_is_lost_goes_with_the_reason() -> None:
    world = rolling()
    lose(world, world.wanted())
    world.tick()
    reason = "LostReadiness: the candidate has no ready replica any more"
    assert world.status.history[-1].reason == reason


def test_a_rejected_revision_that_is_wanted_again_is_named_with_the_reason() -> None:
    world = rolled_back()
    entry = world.status.rejected[-1]
    assert world.status.message == f"version 2 ({entry.revision}) is not rolled out again: {entry.reason}"


def back_to_a_model_that_is_gone() -> FakeWorld:
    """Three models were stable; people went back from the third to the second, and are on their way to the first."""
    world = FakeWorld().healthy()
    first = world.wanted()
    for number in (2, 3):
        world.model(number)
        world.until(f"Healthy - {number}", seconds=10)
    world.ask("rollback")
    world.until("RolledBack - 2")
    world.tick(3600)
    world.settle()
    world.ready = False
    world.ask("rollback", to=first)
    assert world.status.candidate.version == "1"
    return world


def test_a_rollback_goes_on_although_the_spec_names_a_rejected_model() -> None:
    world = back_to_a_model_that_is_gone()
    world.tick(1)
    assert world.status.candidate.version == "1"


def test_a_rollback_goes_on_although_the_spec_names_no_model_any_more() -> None:
    world = back_to_a_model_that_is_gone()
    world.spec.pop("model")
    world.tick(1)
    assert world.status.candidate.version == "1"


def test_the_last_ten_rollouts_are_remembered_and_the_last_ten_rejections() -> None:
    world = FakeWorld().healthy()
    for number in range(2, 14):
        world.model(number)
        world.tick(1)
        world.ask("abort")
        world.settle()
    last = [str(number) for number in range(4, 14)]
    assert [entry.version for entry in world.status.history] == last
    assert [entry.version for entry in world.status.rejected] == last


# Events


def events_of(world: FakeWorld, seconds: float = 0.0) -> list[Event]:
    """What one pass says."""
    before = world.status
    world.tick(seconds)
    return events_between(before, world.status)


def next_events_of(world: FakeWorld) -> list[Event]:
    """What the first pass says that says anything."""
    return next(events for _ in range(100) if (events := events_of(world, 10)))


def test_a_weight_is_announced_with_the_verdict_so_far() -> None:
    world = rolling()
    events = next_events_of(world)
    text = f"version 2 ({world.wanted()}): 50 % of the traffic; {world.status.verdict}"
    assert events == [Event("Normal", "WeightChanged", text)]
    assert world.status.verdict.startswith("errors none after")


def test_a_weight_is_announced_without_a_verdict_while_there_is_none() -> None:
    world = rolling("Progressing 0/2")
    text = f"version 2 ({world.wanted()}): 10 % of the traffic"
    assert events_of(world, 1) == [Event("Normal", "WeightChanged", text)]


def test_the_beginning_of_a_mirror_is_announced_as_a_copy() -> None:
    world = FakeWorld()
    world.spec["rollout"] = dict(BLUE_GREEN)
    world.healthy()
    world.model(2)
    world.until("Progressing 0/2")
    text = f"version 2 ({world.wanted()}): a copy of the traffic"
    assert events_of(world, 1) == [Event("Normal", "WeightChanged", text)]


def test_a_rollback_is_a_warning_with_version_and_reason() -> None:
    world = rolling(rate=dict(BAD))
    events = next_events_of(world)
    reason = world.status.history[-1].reason
    assert events == [Event("Warning", "RolledBack", f"version 2 ({world.wanted()}): {reason}")]


def test_an_abort_is_a_warning_with_who_asked() -> None:
    world = rolling()
    before = world.status
    world.ask("abort")
    event = next(event for event in events_between(before, world.status) if event.reason == "Aborted")
    assert event == Event("Warning", "Aborted", f"version 2 ({world.wanted()}): aborted by ana")


def test_a_promotion_is_no_warning() -> None:
    events = events_between(Status(), FakeWorld().healthy().status)
    assert [event.kind for event in events if event.reason == "Promoted"] == ["Normal"]


def test_a_new_candidate_is_announced_by_its_version() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    text = f"version 2 ({world.wanted()}) is the candidate"
    assert events_of(world) == [Event("Normal", "RolloutStarted", text)]


def test_lost_metrics_are_a_warning_in_the_words_of_the_source() -> None:
    world = rolling()
    world.problem = ("ScrapeFailed", "pod x did not answer")
    assert events_of(world, 1) == [
        Event("Warning", "Holding", "the weight is frozen: pod x did not answer"),
        Event("Warning", "MetricsUnavailable", "pod x did not answer"),
    ]


def test_a_stable_model_that_serves_no_more_is_a_warning() -> None:
    world = FakeWorld().healthy()
    name = stable_of(world)
    failure = Failure(reason="CrashLoopBackOff", message="out of memory", final=True)
    world.services[name] = replace(world.services[name], ready_replicas=0, failure=failure)
    text = f"version 1 ({name}) is not ready: CrashLoopBackOff: out of memory"
    assert events_of(world) == [Event("Warning", "Degraded", text)]


def test_a_pause_of_the_schedule_is_announced_once_and_is_no_warning() -> None:
    world = FakeWorld().healthy()
    world.spec["rollout"]["canary"]["steps"] = [{"weight": 10, "for": "1m"}, {"pause": {}}]
    world.model(2)
    events = [event for _ in range(30) for event in events_of(world, 10) if event.reason == "Paused"]
    assert events == [Event("Normal", "Paused", "the schedule pauses here until a person resumes or promotes")]


@pytest.mark.parametrize(
    ("action", "event"),
    [
        ("pause", Event("Normal", "CommandDone", "pause by ana: the rollout stays where it is")),
        ("resume", Event("Warning", "CommandRefused", "resume by ana: the rollout is not paused")),
    ],
)
def test_a_command_is_announced_with_who_asked_and_what_came_of_it(action: Action, event: Event) -> None:
    world = rolling()
    before = world.status
    world.ask(action)
    assert events_between(before, world.status)[0] == event


def test_what_somebody_else_did_is_a_warning_that_says_what_is_done_about_it() -> None:
    world = FakeWorld().healthy()
    world.route = None
    event = events_of(world)[0]
    assert (event.kind, event.message) == (
        "Warning",
        "the route of fraud was deleted by somebody else and is put back",
    )


def test_a_stranded_candidate_is_a_warning_that_says_why_it_stays() -> None:
    world = rolling()
    lose(world, stable_of(world))
    before = world.status
    world.ask("abort")
    stranded = [event for event in events_between(before, world.status) if event.reason == "Stranded"]
    assert stranded == [Event("Warning", "Stranded", world.status.message)]
    assert events_of(world, 1) == []


# Sentences


def sentence(ratio: Ratio, *, candidate: int = 3, stable: int = 3) -> str:
    counts = (Counts(requests=500, events=candidate), Counts(requests=500, events=stable))
    return metric_sentence(MetricStatus(name="errors", ratio=ratio, candidate=counts[0], stable=counts[1]))


@pytest.mark.parametrize(("estimate", "text"), [(9.94, "9.9"), (10.0, "10"), (10.4, "10"), (123.4, "123")])
def test_a_ratio_of_ten_and_more_is_shown_without_decimals(estimate: float, text: str) -> None:
    assert sentence(Ratio(estimate=estimate, lower=1.0, upper=200.0)) == (
        f"errors {text}x [1.0, 200] after 500 requests: undecided"
    )


def test_a_ratio_that_is_not_bounded_yet_is_shown_with_open_ends() -> None:
    assert sentence(Ratio(estimate=1.0)) == "errors 1.0x [0, ?] after 500 requests: undecided"


def test_as_many_failures_on_both_sides_are_shown_as_counts_while_nothing_is_certain() -> None:
    assert sentence(Ratio()) == "errors 3:3 after 500 requests: undecided"


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (Step(kind="Mirror", index=0, count=2, weight=0), "a copy of the traffic"),
        (Step(kind="Bake", index=1, count=2, weight=100), "all traffic"),
        (Step(kind="Weight", index=0, count=2, weight=1), "1 % of the traffic"),
        (Step(kind="Weight", index=0, count=2, weight=25), "25 % of the traffic"),
        (Step(kind="Pause", index=0, count=2, weight=0), "no traffic yet"),
    ],
)
def test_a_share_of_the_traffic_is_said_in_words(step: Step, text: str) -> None:
    assert share_text(step) == text


@pytest.mark.parametrize(
    ("verdicts", "shown"),
    [
        (("Undecided", "Worse"), "worse"),
        (("NotWorse", "Undecided"), "undecided"),
        (("NotWorse", "NotWorse"), "not worse"),
    ],
)
def test_the_verdict_that_says_most_is_the_one_that_is_shown(verdicts: tuple[Verdict, ...], shown: str) -> None:
    metrics = tuple(MetricStatus(name=f"m{index}", verdict=verdict) for index, verdict in enumerate(verdicts))
    assert verdict_sentence(Status(analysis=AnalysisStatus(metrics=metrics))).endswith(f": {shown}")


def test_a_revision_without_a_version_is_named_by_its_hash() -> None:
    assert name_of("3f2a9c01", None) == "revision 3f2a9c01"
