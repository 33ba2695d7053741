"""After a promotion the old model keeps a share, and a test with evidence of its own goes on."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from support.fake_world import SPEC, FakeWorld
from support.rolling import lose, metric_of, stable_of, world_of
from timoneiro_operator.api.command import Command
from timoneiro_operator.api.invalid_spec import InvalidSpec
from timoneiro_operator.api.scaling import Replicas
from timoneiro_operator.api.status import HistoryEntry, Step
from timoneiro_operator.api.times import clock, moment
from timoneiro_operator.decide.decide import decide
from timoneiro_operator.decide.decision import Decision
from timoneiro_operator.decide.events import events_between
from timoneiro_operator.decide.observation import Failure, Impairment, Observation

ONE, TWO = "s3://models/fraud/1", "s3://models/fraud/2"
KEPT = {**SPEC["rollout"], "holdback": 10, "keepStable": "10m", "scaleDownDelay": "30s"}
BLUE_GREEN = {**KEPT, "strategy": "BlueGreen", "blueGreen": {"mirror": "1m", "bake": "5m"}}


def held_back(rollout: dict[str, Any] = KEPT, **fields: Any) -> FakeWorld:
    """Version 2 was promoted, and version 1 is still compared with it."""
    world = world_of(rollout, **fields)
    world.model(2)
    world.until("Healthy bake" if "strategy" in rollout else "Healthy holdback", seconds=10)
    return world


def former_of(world: FakeWorld) -> str:
    assert world.status.former is not None
    return world.status.former.revision


def last(world: FakeWorld) -> HistoryEntry:
    return world.status.history[-1]


def weights(world: FakeWorld) -> dict[str, int]:
    assert world.route is not None
    return {world.uris[revision].rsplit("/", 1)[1]: weight for revision, weight in world.route.routing.weights.items()}


def test_a_rollout_with_a_holdback_takes_this_way() -> None:
    world = world_of(KEPT)
    world.model(2)
    assert world.trace(10, 100) == [
        "Progressing - 1:100 1 2",
        "Progressing 0/2 1:100 1 2",
        "Progressing 1/2 1:90,2:10 1 2",
        "Progressing 2/2 1:50,2:50 1 2",
        "Promoting promote 1:10,2:90 1 2",
        "Healthy holdback 10% 1:10,2:90 2 -",
        "Healthy - 2:100 2 -",
    ]


def test_the_message_says_who_serves_what_and_until_when() -> None:
    world = held_back()
    former, stable = former_of(world), stable_of(world)
    assert world.status.step is not None
    assert world.status.message == (
        f"version 2 ({stable}) serves 90 % of the traffic; version 1 ({former}) keeps 10 % until "
        f"{clock(world.status.step.not_before)}, and both are compared"
    )


def test_the_status_says_the_shares_of_both() -> None:
    traffic = held_back().status.traffic
    assert traffic is not None
    assert (traffic.desired.stable, traffic.desired.candidate, traffic.desired.former) == (90, 0, 10)


def test_the_evidence_of_the_promotion_is_kept_and_that_of_the_holdback_begins_from_nothing() -> None:
    world = held_back()
    analysis = world.status.analysis
    assert analysis is not None
    assert analysis.promoted_by is not None
    assert (analysis.metrics, analysis.promoted_by.metrics[0].verdict) == ((), "NotWorse")
    world.tick(10)
    assert metric_of(world).candidate.requests == 900
    assert metric_of(world).stable.requests == 100


def test_what_turns_out_worse_after_its_promotion_is_rolled_back() -> None:
    world = held_back()
    old, new = former_of(world), stable_of(world)
    world.rate = {TWO: 0.2}
    world.until("RolledBack", seconds=10)
    assert stable_of(world) == old
    assert weights(world) == {"1": 100, "2": 0}
    assert [entry.outcome for entry in world.status.history] == ["Promoted", "Promoted", "RolledBack"]
    assert last(world).reason.startswith("after its promotion: errors")
    assert [entry.revision for entry in world.status.rejected] == [new]


def test_what_was_rolled_back_after_its_promotion_is_not_rolled_out_again_by_itself() -> None:
    world = held_back(rate={TWO: 0.0})
    world.rate = {TWO: 0.2}
    world.until("RolledBack", seconds=10)
    assert {line.split()[0] for line in world.trace(30, 60)} == {"RolledBack"}


def test_what_was_rolled_back_after_its_promotion_is_no_model_to_go_back_to() -> None:
    world = held_back()
    world.rate = {TWO: 0.2}
    world.until("RolledBack", seconds=10)
    assert world.ask("rollback").message.startswith("there is no former stable revision")


def test_a_retry_of_what_was_rolled_back_after_its_promotion_begins_with_the_first_step() -> None:
    world = held_back()
    world.rate = {TWO: 0.2}
    world.until("RolledBack", seconds=10)
    world.rate = {}
    assert world.ask("retry").outcome == "Done"
    world.until("Progressing 1/2")
    assert metric_of(world).candidate.events == 0


def test_a_rollback_after_the_promotion_is_an_event_of_its_own() -> None:
    world = held_back()
    world.rate = {TWO: 0.2}
    before = world.status
    while world.status.phase == "Healthy":
        before = world.status
        world.tick(10)
    assert [event.reason for event in events_between(before, world.status)] == ["RolledBack"]


def test_begin_and_end_of_a_holdback_are_events() -> None:
    world = world_of(KEPT)
    world.model(2)
    world.until("Promoting", seconds=10)
    before = world.status
    world.tick(1)
    assert [event.reason for event in events_between(before, world.status)] == ["Promoted", "HoldbackBegun"]
    while world.status.step is not None:
        before = world.status
        world.tick(10)
    assert [event.reason for event in events_between(before, world.status)] == ["HoldbackOver"]


def test_a_holdback_ends_when_keep_stable_is_over() -> None:
    world = held_back()
    began = world.now
    while world.status.step is not None:
        world.tick(1)
    assert 600 <= world.now - began <= 602
    assert weights(world) == {"2": 100, "1": 0}


def test_the_former_model_is_without_traffic_for_a_while_before_it_goes() -> None:
    world = held_back()
    former = former_of(world)
    while world.status.step is not None:
        world.tick(1)
    over = world.now
    while former in world.services:
        world.tick(1)
    assert 15 <= world.now - over <= 31


@pytest.mark.parametrize("rollout", [{**KEPT, "holdback": 0}, {**KEPT, "keepStable": "0s"}])
def test_there_is_no_holdback_where_none_is_wanted(rollout: dict[str, Any]) -> None:
    world = world_of(rollout)
    world.model(2)
    world.until("Healthy -", seconds=10)
    assert weights(world)["2"] == 100


def test_a_holdback_that_is_turned_off_meanwhile_ends_at_once() -> None:
    world = held_back()
    world.spec["rollout"]["holdback"] = 0
    world.settle()
    assert world.line() == "Healthy - 2:100 2 -"


def test_the_first_model_of_all_holds_nothing_back() -> None:
    assert world_of(KEPT).line() == "Healthy - 1:100 1 -"


def test_what_a_person_promotes_in_full_holds_nothing_back() -> None:
    world = world_of(KEPT)
    world.model(2)
    world.until("Progressing 1/2")
    world.ask("promote", full=True)
    world.settle()
    assert world.line() == "Healthy - 2:100 2 -"


def test_what_a_person_promotes_out_of_the_last_step_is_tested_on() -> None:
    world = world_of(KEPT)
    world.model(2)
    world.until("Progressing 2/2")
    world.ask("promote")
    world.settle()
    assert world.line() == "Healthy holdback 10% 1:10,2:90 2 -"


def test_another_model_ends_the_holdback_and_begins_at_once() -> None:
    world = held_back()
    world.model(3)
    assert world.trace(10, 20)[:4] == [
        "Progressing - 2:100 2 3",
        "Progressing 0/2 2:100 2 3",
        "Progressing 1/2 2:90,3:10 2 3",
        "Progressing 2/2 2:50,3:50 2 3",
    ]


def test_the_former_model_stays_in_the_route_when_the_spec_goes_back_to_it() -> None:
    world = held_back()
    former = former_of(world)
    world.model(1)
    for _ in range(5):
        world.tick(1)
        assert world.route is not None
        assert former in world.route.routing.weights
    assert world.status.candidate is not None
    assert world.status.candidate.revision == former


def test_a_rollback_by_a_person_takes_all_traffic_to_the_former_model_at_once() -> None:
    world = held_back()
    assert world.ask("rollback").outcome == "Done"
    assert weights(world) == {"1": 100, "2": 0}
    world.settle()
    assert world.line() == "RolledBack - 1:100 1 -"
    assert (last(world).outcome, last(world).reason) == ("RolledBack", "rolled back by ana")


def test_a_rollback_by_a_person_waits_for_a_former_model_that_serves_no_more() -> None:
    world = held_back()
    former = former_of(world)
    lose(world, former)
    record = world.ask("rollback")
    assert record.message == f"version 1 ({former}) gets all traffic as soon as it is ready"
    assert weights(world)["2"] == 100


def test_a_former_model_that_has_to_be_made_anew_gets_nothing_more_before_it_is() -> None:
    world = held_back()
    former = former_of(world)
    world.services[former] = replace(world.services[former], reusable=False)
    world.model(1)
    decision = decide(world.deployment, world.observe(), moment(world.now))
    assert decision.status.candidate is not None
    assert (decision.status.candidate.ready, decision.status.candidate.backend) == (False, None)
    assert decision.routing.weights.get(former, 0) == 0


def test_an_abort_in_a_holdback_rolls_back_what_was_promoted() -> None:
    world = held_back()
    new = stable_of(world)
    assert world.ask("abort", revision=new).outcome == "Done"
    world.settle()
    assert world.line() == "RolledBack - 1:100 1 -"
    assert (last(world).outcome, last(world).reason) == ("Aborted", "aborted by ana")


def test_an_abort_is_refused_while_the_former_model_could_not_take_the_traffic() -> None:
    world = held_back()
    former = former_of(world)
    lose(world, former)
    refused = world.ask("abort", revision=stable_of(world))
    assert refused.message == f"version 1 ({former}) has no ready replica that could take the traffic"


def test_a_promotion_by_a_person_ends_a_holdback() -> None:
    world = held_back()
    assert world.ask("promote", revision=stable_of(world)).outcome == "Done"
    world.settle()
    assert world.line() == "Healthy - 2:100 2 -"


@pytest.mark.parametrize("action", ["pause", "resume"])
def test_there_is_nothing_to_pause_in_a_holdback(action: Any) -> None:
    world = held_back()
    new = stable_of(world)
    refused = world.ask(action, revision=new)
    assert refused.message == f"no rollout is running: version 2 ({new}) was promoted already"


def test_a_command_for_another_model_changes_nothing_in_a_holdback() -> None:
    world = held_back()
    new = stable_of(world)
    refused = world.ask("abort", revision="00000000")
    assert refused.message == f"it is meant for revision 00000000, and {new} is the one that was promoted"
    assert world.line() == "Healthy holdback 10% 1:10,2:90 2 -"


def test_the_time_of_a_holdback_runs_only_while_the_gateway_has_its_split() -> None:
    world = world_of(KEPT)
    world.model(2)
    world.until("Promoting", seconds=10)
    while world.status.former is None:
        world.tick()
    assert world.route is not None
    world.route = replace(world.route, accepted=False)
    step = decide(world.deployment, world.observe(), moment(world.now + 3600)).status.step
    assert (step and step.kind, step and step.not_before) == ("Holdback", None)


def test_a_former_model_that_serves_no_more_gives_its_part_to_the_one_that_was_promoted() -> None:
    world = held_back()
    lose(world, former_of(world))
    world.settle()
    assert world.line() == "Healthy - 2:100 2 -"


def test_what_serves_no_more_after_its_promotion_is_rolled_back() -> None:
    world = held_back()
    lose(world, stable_of(world))
    world.settle()
    assert world.line() == "RolledBack - 1:100 1 -"
    assert last(world).reason == "after its promotion: LostReadiness: it has no ready replica any more"


def test_what_crashes_after_its_promotion_is_rolled_back() -> None:
    world = held_back()
    new = stable_of(world)
    failure = Failure(reason="CrashLoopBackOff", message="exit code 137", final=True)
    world.services[new] = replace(world.services[new], failure=failure)
    world.settle()
    assert last(world).reason == "after its promotion: CrashLoopBackOff: exit code 137"


def test_what_answers_nothing_after_its_promotion_is_rolled_back() -> None:
    world = held_back()
    world.hanging = {TWO}
    world.until("RolledBack", seconds=10)
    assert last(world).reason.startswith("after its promotion: AnswersNothing: ")


def test_without_counts_a_holdback_ends_by_the_clock() -> None:
    world = held_back()
    world.problem = ("ScrapeFailed", "no pod answers")
    assert world.trace(10, 70) == ["Healthy holdback 10% 1:10,2:90 2 -", "Healthy - 2:100 2 -"]


def test_nothing_is_written_on_the_way_while_nothing_is_counted() -> None:
    world = held_back()
    world.problem = ("ScrapeFailed", "no pod answers")
    world.tick(10)
    before = world.writes
    world.trace(10, 20)
    assert world.writes == before


def test_an_operator_that_may_not_go_forward_does_not_end_a_holdback() -> None:
    world = held_back()
    decision = impaired(world, 3600, holds=True)
    assert decision.status.step is not None
    assert decision.routing.weights[stable_of(world)] == 90


def test_an_operator_that_may_not_go_forward_gives_nothing_back_to_what_was_promoted() -> None:
    world = held_back()
    assert world.route is not None
    taken = {former_of(world): 100, stable_of(world): 0}
    world.route = replace(world.route, routing=replace(world.route.routing, weights=taken))
    assert impaired(world, 1, holds=True).routing.weights == {}


@pytest.mark.parametrize(("serves", "outcome"), [(True, "Done"), (False, "Refused")])
def test_an_operator_that_may_not_go_forward_goes_back_to_a_former_model_that_serves(
    serves: bool, outcome: str
) -> None:
    world = held_back()
    if not serves:
        lose(world, former_of(world))
    world.command = Command(id="back", action="rollback", revision=stable_of(world), by="ana")
    decision = impaired(world, 1, holds=True)
    assert decision.status.commands[-1].outcome == outcome
    assert decision.status.stable is not None
    assert decision.status.stable.revision == (former_of(world) if serves else stable_of(world))


def test_an_operator_that_does_not_see_pods_takes_nothing_for_lost() -> None:
    world = held_back()
    lose(world, stable_of(world))
    lose(world, former_of(world))
    decision = impaired(world, 1, blind=True)
    assert decision.status.step == world.status.step
    assert decision.status.stable is not None
    assert decision.status.stable.revision == stable_of(world)


def impaired(world: FakeWorld, seconds: float, **what: bool) -> Decision:
    seen: Observation = replace(world.observe(), impaired=Impairment(reason="Lacking", message="it lacks", **what))
    return decide(world.deployment, seen, moment(world.now + seconds))


def test_a_model_gets_the_replicas_for_all_traffic_before_its_promotion() -> None:
    world = autoscaled()
    world.model(2)
    world.until("Healthy holdback", seconds=10)
    assert world.scaled[stable_of(world)] == Replicas(least=6, most=10)


def test_the_former_model_keeps_its_replicas_when_it_takes_everything_back() -> None:
    world = autoscaled()
    world.model(2)
    world.until("Healthy holdback", seconds=10)
    former = former_of(world)
    world.rate = {TWO: 0.3}
    world.until("RolledBack", seconds=10)
    assert world.scaled[former] == Replicas(least=6, most=10)


def autoscaled() -> FakeWorld:
    """Version 1 serves with six replicas that an autoscaler has chosen."""
    world = FakeWorld()
    world.spec |= {"rollout": dict(KEPT), "predictor": {"minReplicas": 1, "maxReplicas": 10, "scaleTarget": 50}}
    world.healthy()
    world.autoscale(stable_of(world), 6)
    return world


def test_a_deployment_that_was_at_rest_before_there_were_holdbacks_is_left_alone() -> None:
    world = world_of({**KEPT, "holdback": 0})
    world.model(2)
    world.until("Healthy -", seconds=10)
    world.spec["rollout"]["holdback"] = 10
    before = world.route
    world.settle()
    assert world.route == before


def test_a_rollout_that_moved_all_traffic_before_there_were_holdbacks_ends_as_it_began() -> None:
    world = world_of({**KEPT, "holdback": 0})
    world.model(2)
    world.until("Promoting", seconds=10)
    world.spec["rollout"]["holdback"] = 10
    world.settle()
    assert world.line() == "Healthy - 2:100 2 -"


def test_a_step_that_nothing_belongs_to_is_dropped() -> None:
    world = held_back()
    world.status = msgspec.structs.replace(world.status, retiring=())
    world.settle()
    assert world.line() == "Healthy - 2:100 2 -"


def test_blue_green_bakes_after_the_switch_with_a_copy_for_the_old_model() -> None:
    world = world_of(BLUE_GREEN)
    world.model(2)
    assert world.trace(10, 60) == [
        "Progressing - 1:100 1 2",
        "Progressing 0/1 1:100 1 2",
        "Progressing mirror 1/1 1:100+2 1 2",
        "Promoting promote 2:100 1 2",
        "Healthy bake 2:100+1 2 -",
        "Healthy - 2:100 2 -",
    ]


def test_the_message_of_a_bake_says_who_gets_the_copy() -> None:
    world = held_back(BLUE_GREEN)
    world.tick(1)
    assert world.status.step is not None
    assert world.status.message == (
        f"version 2 ({stable_of(world)}) serves all traffic; version 1 ({former_of(world)}) gets a copy of it until "
        f"{clock(world.status.step.not_before)}, and both are compared"
    )


def test_a_bake_begins_with_fresh_evidence() -> None:
    world = held_back(BLUE_GREEN)
    world.tick(10)
    world.tick(10)
    assert metric_of(world).candidate.requests <= 2000


def test_what_turns_out_worse_in_the_bake_is_rolled_back() -> None:
    world = held_back(BLUE_GREEN)
    world.rate = {TWO: 0.2}
    world.until("RolledBack", seconds=10)
    assert weights(world) == {"1": 100, "2": 0}


def test_a_bake_that_an_older_operator_has_begun_before_the_promotion_goes_on() -> None:
    world = world_of(BLUE_GREEN)
    world.model(2)
    world.until("Progressing mirror", seconds=10)
    begun = Step(kind="Bake", index=1, count=2, weight=100, seconds=60.0)
    world.status = msgspec.structs.replace(world.status, step=begun)
    assert world.trace(10, 16) == [
        "Progressing bake 2/2 2:100+1 1 2",
        "Promoting promote 2:100 1 2",
        "Healthy bake 2:100+1 2 -",
    ]


def test_a_bake_of_no_time_is_none() -> None:
    world = world_of({**BLUE_GREEN, "blueGreen": {"mirror": "1m", "bake": "0s"}})
    world.model(2)
    world.until("Healthy -", seconds=10)
    assert weights(world)["2"] == 100


def test_the_old_model_stays_warm_after_the_bake() -> None:
    world = held_back(BLUE_GREEN)
    former = former_of(world)
    world.trace(10, 60)
    assert former in world.services


@pytest.mark.parametrize("percent", [-1, 51])
def test_a_holdback_has_limits(percent: int) -> None:
    world = FakeWorld()
    world.spec["rollout"] = {**KEPT, "holdback": percent}
    with pytest.raises(InvalidSpec, match=f"holdback must be from 0 .* to 50 percent, not {percent}"):
        world.tick()


@pytest.mark.parametrize("percent", [1, 50])
def test_a_holdback_may_be_up_to_half_of_the_traffic(percent: int) -> None:
    world = held_back({**KEPT, "holdback": percent})
    assert weights(world) == {"2": 100 - percent, "1": percent}


def test_a_model_that_was_promoted_without_evidence_is_compared_on_all_the_same() -> None:
    world = world_of(KEPT)
    world.model(2)
    world.until("Promoting")
    world.status = msgspec.structs.replace(world.status, analysis=None)
    world.until("Healthy holdback", seconds=10)
    assert world.status.analysis is None or world.status.analysis.promoted_by is None
