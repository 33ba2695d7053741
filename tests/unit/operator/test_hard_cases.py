"""What users of other tools report as broken: golden traces, and what is said about it."""

from dataclasses import replace

import pytest

from support.fake_world import EPOCH, FakeWorld
from support.rolling import lose, rolling
from timoneiro_operator.api.status import Condition, Status
from timoneiro_operator.api.times import moment
from timoneiro_operator.decide.decide import decide
from timoneiro_operator.decide.decision import with_refusal
from timoneiro_operator.decide.events import events_between
from timoneiro_operator.decide.observation import Failure, Observation, RouteState, Routing, Workload
from timoneiro_operator.decide.routing import without_loss


def bring_back(world: FakeWorld, revision: str) -> None:
    world.services[revision] = replace(world.services[revision], ready_replicas=1)


def test_a_candidate_that_has_to_go_keeps_its_traffic_until_the_stable_model_can_take_it() -> None:
    world = rolling("Progressing 2/2")
    stable, candidate = world.status.stable.revision, world.wanted()
    lose(world, stable)
    world.model(3)
    assert world.trace(10, 5) == ["RollingBack 2/2 1:50,2:50 1 2"]
    assert "it keeps its traffic until the stable model has a ready replica" in world.status.message
    bring_back(world, stable)
    world.tick(1)
    assert world.route.routing.weights[candidate] == 0
    assert world.status.candidate.version == "3"


def test_a_candidate_that_has_to_go_and_serves_no_more_leaves_at_once() -> None:
    world = rolling("Progressing 2/2")
    stable, candidate = world.status.stable.revision, world.wanted()
    lose(world, stable)
    world.ask("abort")
    assert world.line() == "RollingBack 2/2 1:50,2:50 1 2"
    lose(world, candidate)
    world.tick(1)
    assert world.status.candidate is None


def test_what_was_decided_once_is_not_undone_by_the_spec_going_back() -> None:
    world = rolling("Progressing 2/2")
    lose(world, world.status.stable.revision)
    world.model(3)
    world.tick(1)
    world.model(2)
    world.tick(1)
    assert world.status.candidate.leaving.outcome == "Superseded"


def test_a_weight_edited_by_hand_is_put_back_and_reported_once() -> None:
    world = rolling()
    before = world.status
    stable, candidate = world.status.stable.revision, world.wanted()
    world.route = replace(world.route, routing=Routing(weights={stable: 0, candidate: 100}))
    world.tick(1)
    assert world.route.routing.weights == {stable: 90, candidate: 10}
    assert [event.reason for event in events_between(before, world.status)] == ["PutBack"]
    reported = world.status.restored
    world.trace(1, 5)
    assert world.status.restored == reported


def test_a_route_that_is_deleted_is_made_anew_and_reported() -> None:
    world = FakeWorld().healthy()
    world.route = None
    world.settle()
    assert world.line() == "Healthy - 1:100 1 -"
    assert world.status.restored.what == "the route of fraud was deleted"


def test_a_route_whose_rules_were_edited_is_reported() -> None:
    world = FakeWorld().healthy()
    world.route = replace(world.route, as_built=False)
    world.tick()
    assert world.status.restored.what == "the route of fraud was edited"


def test_edits_without_end_are_reported_once_a_minute() -> None:
    world = FakeWorld().healthy()
    for _ in range(3):
        world.route = None
        world.tick(10)
        world.settle()
    first = world.status.restored.at
    world.now += 60
    world.route = None
    world.tick()
    assert world.status.restored.at > first


def test_a_stable_model_that_is_deleted_is_made_anew_from_what_it_was_made_of() -> None:
    world = rolling()
    stable = world.status.stable.revision
    del world.services[stable]
    decision = world.tick(1)
    assert [(snapshot.revision, snapshot.model.uri) for snapshot in decision.ensure] == [
        (stable, "s3://models/fraud/1")
    ]
    assert world.status.restored.what == f"InferenceService fraud-{stable} was deleted"


def test_a_stable_model_that_was_edited_is_built_as_it_was() -> None:
    world = FakeWorld().healthy()
    stable = world.status.stable.revision
    world.services[stable] = replace(world.services[stable], as_built=False)
    decision = world.tick(1)
    assert [snapshot.revision for snapshot in decision.ensure] == [stable]
    assert world.status.restored.what == f"InferenceService fraud-{stable} was edited"


def test_a_candidate_that_is_deleted_with_traffic_is_rolled_back() -> None:
    world = rolling()
    del world.services[world.wanted()]
    world.tick(1)
    assert world.line() == "RollingBack - 1:100 1 -"


def test_a_candidate_that_loses_readiness_in_the_mirror_is_rolled_back() -> None:
    world = FakeWorld()
    world.spec["rollout"] = {"strategy": "BlueGreen"}
    world.healthy()
    world.model(2)
    world.until("Progressing mirror 1/1")
    lose(world, world.wanted())
    world.tick(1)
    assert "LostReadiness" in world.status.rejected[0].reason


def test_a_gateway_that_stops_accepting_the_route_freezes_the_rollout() -> None:
    world = rolling()
    world.gateway_accepts = False
    world.tick(0)
    assert world.trace(600, 20) == ["Progressing 1/2 1:90,2:10 1 2"]
    assert not world.status.traffic.accepted


def test_a_stable_model_whose_route_is_refused_is_degraded_with_the_words_of_the_gateway() -> None:
    world = FakeWorld().healthy()
    world.gateway_accepts = False
    world.route = replace(world.route, accepted=False, reason="NotAllowed", message="the gateway refuses the route")
    world.tick(1)
    assert (world.status.phase, world.status.message) == ("Degraded", "the gateway refuses the route")
    ready = next(c for c in world.status.conditions if c.type == "Ready")
    assert (ready.status, ready.reason) == ("False", "RouteNotAccepted")


def test_a_cluster_that_lacks_something_is_told_and_nothing_is_touched() -> None:
    world = rolling()
    world.missing = ("DriverNotInstalled", "install the Gateway API")
    decision = world.tick(1)
    assert (decision.ensure, decision.routing, decision.delete) == ((), Routing(), ())
    assert decision.look_again == 10
    assert (world.status.phase, world.status.message) == ("Degraded", "install the Gateway API")
    ready = next(c for c in world.status.conditions if c.type == "Ready")
    assert (ready.status, ready.reason) == ("False", "DriverNotInstalled")


def test_a_new_deployment_on_a_cluster_that_lacks_something_is_degraded_until_it_is_there() -> None:
    world = FakeWorld(missing=("KServeNotInstalled", "install KServe"))
    world.tick()
    assert (world.status.phase, world.status.message) == ("Degraded", "install KServe")
    world.missing, world.ready = None, False
    world.tick()
    assert world.status.phase == "Pending"


def test_what_is_installed_later_is_used_without_anything_else() -> None:
    world = FakeWorld(missing=("KServeNotInstalled", "install KServe"))
    world.tick()
    world.missing = None
    assert world.trace(10, 5)[-1] == "Healthy - 1:100 1 -"


def test_both_arms_down_gives_all_traffic_to_the_model_that_is_known() -> None:
    world = rolling("Progressing 2/2")
    lose(world, world.status.stable.revision)
    lose(world, world.wanted())
    world.tick(1)
    assert world.line() == "Degraded - 1:100 1 -"


def routing_now(weights: dict[str, int], serving: set[str]) -> Observation:
    workloads = {name: Workload(ready_replicas=int(name in serving), routable=True) for name in ("a", "b")}
    return Observation(workloads=workloads, route=RouteState(routing=Routing(weights=weights)))


@pytest.mark.parametrize(
    ("has", "serving", "given"),
    [
        ({"a": 50, "b": 50}, {"b"}, {"a": 50, "b": 50}),
        ({"a": 50, "b": 50}, {"a", "b"}, {"a": 100, "b": 0}),
        ({"a": 50, "b": 50}, set(), {"a": 100, "b": 0}),
        ({"b": 100}, {"b"}, {"a": 0, "b": 100}),
        ({"a": 50, "elsewhere": 50}, {"b"}, {"a": 100, "b": 0}),
        ({"a": 50, "b": 40}, {"b"}, {"a": 100, "b": 0}),
        ({}, {"b"}, {"a": 100, "b": 0}),
    ],
)
def test_traffic_is_not_taken_from_what_serves_to_be_given_to_what_does_not(
    has: dict[str, int], serving: set[str], given: dict[str, int]
) -> None:
    wanted = Routing(weights={"a": 100, "b": 0})
    assert without_loss(wanted, routing_now(has, serving)).weights == given


def test_a_refusal_is_said_where_people_look_and_leaves_the_other_conditions_alone() -> None:
    status = FakeWorld().healthy().status
    refused = with_refusal(status, "Refused", "quota", Observation())
    assert refused.message == "quota"
    assert [c.reason for c in refused.conditions if c.type == "Progressing"] == ["Refused"]
    assert [c for c in refused.conditions if c.type == "Ready"] == [c for c in status.conditions if c.type == "Ready"]


def test_evidence_that_cannot_be_read_begins_anew() -> None:
    world = rolling()
    world.tick(10)
    metric = world.status.analysis.metrics[0]
    broken = type(metric)(name=metric.name, state="garbage", candidate=metric.candidate, stable=metric.stable)
    world.status = type(world.status)(
        **{f: getattr(world.status, f) for f in world.status.__struct_fields__ if f != "analysis"},
        analysis=type(world.status.analysis)(
            candidate=world.status.analysis.candidate, stable=world.status.analysis.stable, metrics=(broken,)
        ),
    )
    world.tick(10)
    assert world.status.analysis.metrics[0].candidate.requests == 100


def test_former_stable_models_are_remembered_up_to_five() -> None:
    world = FakeWorld().healthy()
    for number in range(2, 12):
        world.model(number)
        world.tick()
        world.ask("promote", full=True)
        world.until(f"Healthy - {number}")
        world.tick(3600)
        world.settle()
    assert [snapshot.model.version for snapshot in world.status.revisions] == ["7", "8", "9", "10", "11"]


def test_a_first_revision_that_is_late_is_degraded_and_still_waited_for() -> None:
    world = FakeWorld()
    world.ready = False
    world.settle()
    world.tick(601)
    assert world.status.phase == "Degraded"
    world.services[world.wanted()] = Workload(ready_replicas=1, routable=True)
    assert world.trace(1, 4)[-1] == "Healthy - 1:100 1 -"


def test_a_candidate_is_renamed_with_the_spec() -> None:
    world = rolling()
    world.spec["model"]["version"] = "two"
    world.tick()
    assert world.status.candidate.version == "two"


def test_a_candidate_that_is_late_is_rolled_back_with_the_reason_that_its_pods_give() -> None:
    world = FakeWorld().healthy()
    name = world.model(2)
    world.failures[name] = Failure(reason="ErrImagePull", message="no such image", final=False)
    world.trace(100, 10)
    assert "(ErrImagePull: no such image)" in world.status.rejected[0].reason


def test_conditions_carry_the_generation_that_they_are_about() -> None:
    world = rolling()
    assert {c.observed_generation for c in world.status.conditions} == {world.generation}


def test_a_condition_keeps_its_time_while_its_status_is_the_same() -> None:
    world = FakeWorld().healthy()
    before: dict[str, Condition] = {c.type: c for c in world.status.conditions}
    world.model(2)
    world.until("Progressing 2/2")
    after = {c.type: c for c in world.status.conditions}
    assert after["Ready"].last_transition_time == before["Ready"].last_transition_time
    assert after["Progressing"].last_transition_time > before["Progressing"].last_transition_time


def test_a_rollout_with_people_in_it_tells_its_story_in_typed_events() -> None:
    world = FakeWorld().healthy()
    reasons: list[str] = []

    def note(before: Status) -> None:
        reasons.extend(event.reason for event in events_between(before, world.status))

    world.model(2)
    for action in (
        None,
        None,
        None,
        None,
        "pause",
        None,
        "pause",
        "resume",
        "promote",
        None,
        None,
        "abort",
        None,
        "retry",
    ):
        before = world.status
        if action is None:
            world.tick(2)
        else:
            world.ask(action)  # type: ignore[arg-type]
        note(before)
    assert reasons == [
        "RolloutStarted",
        "WeightChanged",
        "CommandDone",
        "Paused",
        "CommandRefused",
        "CommandDone",
        "CommandDone",
        "WeightChanged",
        "CommandDone",
        "Aborted",
        "CommandDone",
        "RolloutStarted",
    ]


def test_a_mirror_and_a_stranded_candidate_are_events_too() -> None:
    world = FakeWorld()
    world.spec["rollout"] = {"strategy": "BlueGreen", "blueGreen": {"mirror": "10s", "bake": "1m"}}
    world.healthy()
    reasons: list[str] = []
    world.model(2)

    def note(before: Status) -> None:
        reasons.extend(event.reason for event in events_between(before, world.status))

    for _ in range(6):
        before = world.status
        world.tick(10)
        note(before)
    lose(world, world.status.stable.revision)
    before = world.status
    world.ask("abort")
    note(before)
    assert reasons == [
        "RolloutStarted",
        "WeightChanged",
        "WeightChanged",
        "CommandDone",
        "Stranded",
    ]


def test_a_clock_that_was_set_back_moves_nothing_early() -> None:
    world = rolling()
    world.now = EPOCH - 86400
    assert world.trace(5, 12) == ["Progressing 1/2 1:90,2:10 1 2"]


def test_a_second_leader_with_another_clock_decides_the_same_from_the_same() -> None:
    world = rolling()
    seen = world.observe()
    first = decide(world.deployment, seen, moment(world.now))
    second = decide(world.deployment, seen, moment(world.now + 0.4))
    assert (first.routing, first.status.step) == (second.routing, second.status.step)


def test_what_keeps_a_rollout_from_going_on_is_an_event_once() -> None:
    world = rolling()
    reasons: list[str] = []
    world.problem = ("ScrapeFailed", "no answer")
    for _ in range(3):
        before = world.status
        world.tick(10)
        reasons += [event.reason for event in events_between(before, world.status)]
    assert reasons == ["Holding", "MetricsUnavailable"]


def test_going_back_to_a_rejected_model_in_mid_rollout_ends_the_rollout_and_starts_no_other() -> None:
    world = FakeWorld(rate={"s3://models/fraud/2": 0.5}).healthy()
    world.model(2)
    world.until("RolledBack", seconds=10)
    world.model(3)
    world.until("Progressing 1/2")
    world.model(2)
    assert world.trace(1, 5)[-1] == "RolledBack - 1:100 1 -"
    assert world.status.history[-1].reason == "the spec went back to a rejected model"


def test_a_candidate_is_judged_before_the_gateway_says_that_it_has_accepted_its_weight() -> None:
    world = rolling("Progressing 2/2")
    world.model(1)
    world.settle()
    world.model(2)
    world.until("Progressing 0/2")
    world.rate["s3://models/fraud/2"] = 0.5
    while world.status.step is not None and world.status.step.kind == "Listed":
        world.gateway_accepts = world.status.step.started_at is None
        world.tick(1)
    world.gateway_accepts = False
    assert world.trace(10, 30)[-1].startswith("RollingBack - 1:100 1 -")


@pytest.mark.parametrize("away", ["metrics", "gateway"])
def test_a_rollback_at_the_deadline_waits_neither_for_metrics_nor_for_the_gateway(away: str) -> None:
    world = FakeWorld()
    world.spec["rollout"] |= {"deadline": "1h", "onInconclusive": "Rollback"}
    world.healthy()
    world.requests_per_second = 0.0
    world.model(2)
    world.until("Progressing 1/2")
    if away == "metrics":
        world.problem = ("ScrapeFailed", "no answer")
    else:
        world.gateway_accepts = False
    world.tick(1)
    assert world.trace(600, 8)[-1].startswith("RollingBack" if away == "gateway" else "RolledBack")


def test_a_candidate_that_was_ready_once_may_wait_with_a_replica_missing() -> None:
    world = FakeWorld().healthy()
    world.spec["predictor"] = {"minReplicas": 2}
    name = world.model(2)
    world.tick()
    world.ask("pause")
    world.tick(3600)
    world.services[name] = replace(world.services[name], ready_replicas=1)
    world.tick(1)
    assert world.status.candidate is not None


def test_a_rejected_model_over_a_stable_one_that_is_down_is_degraded_and_not_safe() -> None:
    world = FakeWorld(rate={"s3://models/fraud/2": 0.5}).healthy()
    world.model(2)
    world.until("RolledBack", seconds=10)
    lose(world, world.status.stable.revision)
    world.tick(1)
    assert world.status.phase == "Degraded"
    assert "is not ready yet" in world.status.message


def test_a_gateway_that_splits_otherwise_than_it_says_holds_the_rollout_where_it_is() -> None:
    world = rolling()
    stable, candidate = world.status.stable.revision, world.status.candidate.revision
    world.realised = {candidate: 50, stable: 50}
    world.trace(10, 60)
    assert world.line() == "Holding 1/2 1:90,2:10 1 2"
    assert world.status.message.startswith("the weight is frozen: the candidate got 50.0 % of")


def test_evidence_of_harm_takes_a_candidate_back_also_where_the_gateway_splits_otherwise() -> None:
    world = rolling(rate={"s3://models/fraud/2": 0.5})
    stable, candidate = world.status.stable.revision, world.status.candidate.revision
    world.realised = {candidate: 50, stable: 50}
    world.until("RolledBack", seconds=10)


def test_a_step_goes_on_when_the_split_is_as_accepted_again() -> None:
    world = rolling()
    stable, candidate = world.status.stable.revision, world.status.candidate.revision
    world.realised = {candidate: 20, stable: 80}
    world.until("Holding", seconds=10)
    world.realised = {}
    world.until("Progressing 2/2", seconds=10)
