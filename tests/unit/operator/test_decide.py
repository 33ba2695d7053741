"""Golden traces of `decide`: phase, step, weights at the gateway, stable and candidate version, one line a change."""

from dataclasses import replace

import msgspec
import pytest

from support.fake_world import FakeWorld
from timoneiro_operator.api.times import moment
from timoneiro_operator.decide.decide import decide
from timoneiro_operator.decide.observation import Failure, Workload


def down(world: FakeWorld, name: str) -> None:
    world.services[name] = replace(world.services[name], ready_replicas=0)


def test_the_first_revision_takes_all_traffic_as_soon_as_it_is_ready_and_is_not_analysed() -> None:
    world = FakeWorld()
    world.ready = False
    assert world.trace(1, 3) == ["Pending - - - 1"]
    world.services[world.wanted()] = Workload(ready_replicas=1, routable=True)
    assert world.trace(1, 4) == ["Pending promote 1:100 - 1", "Healthy - 1:100 1 -"]
    assert world.status.analysis is None


def test_a_deployment_without_a_model_waits_for_one_to_be_published() -> None:
    world = FakeWorld()
    model = world.spec.pop("model")
    assert world.trace(10, 3) == ["Pending - - - -"]
    assert (world.status.message, world.writes) == ("no model has been published yet", 1)
    world.spec["model"] = model
    assert world.trace(1, 5)[-1] == "Healthy - 1:100 1 -"


def test_a_stable_model_goes_on_serving_when_the_spec_names_none_any_more() -> None:
    world = FakeWorld().healthy()
    world.spec.pop("model")
    assert world.trace(10, 3) == ["Healthy - 1:100 1 -"]


def test_a_first_revision_that_cannot_load_is_degraded_and_says_why() -> None:
    world = FakeWorld()
    world.failures[world.wanted()] = Failure(reason="FailedLoad", message="no such bucket", final=True)
    world.settle()
    assert (world.status.phase, world.status.message) == (
        "Degraded",
        f"version 1 ({world.deployment.revision}) is not ready: FailedLoad: no such bucket",
    )


def test_a_harmless_candidate_goes_through_every_step_and_is_promoted() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    assert world.trace(10, 20) == [
        "Progressing - 1:100 1 2",
        "Progressing 0/2 1:100 1 2",
        "Progressing 1/2 1:90,2:10 1 2",
        "Progressing 2/2 1:50,2:50 1 2",
        "Promoting promote 2:100 1 2",
        "Healthy - 2:100 2 -",
    ]
    assert [(entry.version, entry.outcome) for entry in world.status.history] == [("1", "Promoted"), ("2", "Promoted")]


def test_a_candidate_that_fails_more_often_is_rolled_back_and_stays_rejected() -> None:
    world = FakeWorld(rate={"s3://models/fraud/1": 0.01, "s3://models/fraud/2": 0.2}).healthy()
    world.model(2)
    assert world.trace(10, 20) == [
        "Progressing - 1:100 1 2",
        "Progressing 0/2 1:100 1 2",
        "Progressing 1/2 1:90,2:10 1 2",
        "RollingBack - 1:100 1 -",
        "RolledBack - 1:100 1 -",
    ]
    assert world.status.rejected[0].version == "2"
    assert "worse" in world.status.rejected[0].reason


def test_a_rollback_takes_the_traffic_away_in_the_pass_that_sees_the_evidence() -> None:
    world = FakeWorld(rate={"s3://models/fraud/2": 0.5}).healthy()
    candidate = world.model(2)
    decision = world.until("RollingBack", seconds=10)
    assert decision.routing.weights == {world.status.stable.revision: 100, candidate: 0}
    assert candidate not in decision.delete


def test_the_pods_of_a_rolled_back_candidate_go_after_the_delay_and_only_without_traffic() -> None:
    world = FakeWorld(rate={"s3://models/fraud/2": 0.5}).healthy()
    candidate = world.model(2)
    world.until("RolledBack", seconds=5)
    world.tick(10)
    assert candidate in world.services
    world.tick(30)
    world.settle()
    assert candidate not in world.services
    assert world.status.retiring == ()


def test_the_pods_of_a_rolled_back_candidate_stay_while_the_gateway_has_not_taken_its_traffic_away() -> None:
    world = FakeWorld(rate={"s3://models/fraud/2": 0.5}).healthy()
    candidate = world.model(2)
    world.until("Progressing 1/2")
    world.gateway_accepts = False
    world.failures[candidate] = Failure(reason="CrashLoopBackOff", message="gone", final=True)
    world.services[candidate] = replace(world.services[candidate], ready_replicas=0, failure=world.failures[candidate])
    world.trace(600, 3)
    assert candidate in world.services


def test_a_candidate_that_cannot_load_is_rolled_back_without_ever_getting_traffic() -> None:
    world = FakeWorld().healthy()
    name = world.model(2)
    world.failures[name] = Failure(reason="FailedLoad", message="digest differs", final=True)
    assert world.trace(1, 5) == ["Progressing - 1:100 1 2", "RolledBack - 1:100 1 -"]
    assert "digest differs" in world.status.message


def test_a_candidate_that_is_not_ready_at_its_deadline_is_rolled_back() -> None:
    world = FakeWorld().healthy()
    world.ready = False
    world.model(2)
    assert world.trace(60, 9) == ["Progressing - 1:100 1 2"]
    assert world.trace(60, 4) == ["Progressing - 1:100 1 2", "RolledBack - 1:100 1 -"]
    assert "ProgressDeadlineExceeded" in world.status.message


def test_a_candidate_that_loses_readiness_under_traffic_is_rolled_back_at_once() -> None:
    world = FakeWorld().healthy()
    name = world.model(2)
    world.until("Progressing 1/2")
    down(world, name)
    world.tick(1)
    assert world.line() == "RollingBack - 1:100 1 -"


def test_a_new_revision_in_mid_rollout_takes_the_weight_back_and_starts_against_the_same_stable() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.until("Progressing 2/2")
    world.model(3)
    world.tick(1)
    assert world.line() == "Progressing - 1:100 1 3"
    assert world.trace(10, 20)[-1] == "Healthy - 3:100 3 -"
    assert [entry.outcome for entry in world.status.history] == ["Promoted", "Superseded", "Promoted"]


def test_a_bad_candidate_that_follows_a_bad_one_is_compared_with_the_good_stable() -> None:
    world = FakeWorld(rate={"s3://models/fraud/2": 0.5, "s3://models/fraud/3": 0.5}).healthy()
    world.model(2)
    world.trace(10, 10)
    world.model(3)
    assert world.trace(10, 10)[-1] == "RolledBack - 1:100 1 -"


def test_a_good_candidate_that_follows_a_bad_one_is_promoted() -> None:
    world = FakeWorld(rate={"s3://models/fraud/2": 0.5}).healthy()
    world.model(2)
    world.trace(10, 10)
    world.model(3)
    assert world.trace(10, 30)[-1] == "Healthy - 3:100 3 -"


def test_going_back_to_the_stable_spec_in_mid_rollout_withdraws_the_candidate() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.until("Progressing 1/2")
    world.model(1)
    assert world.trace(1, 3) == ["RollingBack - 1:100 1 -", "Healthy - 1:100 1 -"]
    assert world.status.history[-1].outcome == "Withdrawn"


def test_a_model_that_was_stable_and_is_still_warm_comes_back_at_once_without_a_new_analysis() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.tick()
    world.ask("promote", full=True)
    world.until("Healthy - 2")
    world.model(1)
    assert world.trace(1, 4) == ["Promoting promote 1:100 2 1", "Healthy - 1:100 1 -"]
    assert world.status.analysis is None


def test_the_same_bad_revision_is_not_rolled_out_again() -> None:
    world = FakeWorld(rate={"s3://models/fraud/2": 0.5}).healthy()
    world.model(2)
    world.trace(10, 10)
    world.model(1)
    world.trace(10, 3)
    world.model(2)
    assert world.trace(10, 5) == ["RolledBack - 1:100 1 -"]


def test_metrics_that_cannot_be_had_freeze_the_weight_and_neither_promote_nor_roll_back() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.until("Progressing 1/2")
    world.problem = ("ScrapeFailed", "pod x did not answer")
    assert world.trace(600, 60) == ["Holding 1/2 1:90,2:10 1 2"]
    assert [c.reason for c in world.status.conditions if c.type == "MetricsAvailable"] == ["ScrapeFailed"]


def test_a_metric_that_measures_nothing_never_passes() -> None:
    world = FakeWorld(requests_per_second=0.0).healthy()
    world.model(2)
    assert world.trace(600, 60)[-1] == "Holding 1/2 1:90,2:10 1 2"


def test_without_evidence_of_not_worse_the_last_step_holds() -> None:
    world = FakeWorld(requests_per_second=1.5).healthy()
    world.spec["analysis"]["minRequests"] = 1
    world.model(2)
    assert world.trace(60, 20)[-1] == "Holding 2/2 1:50,2:50 1 2"
    assert "more evidence of 'not worse' is needed" in world.status.message


@pytest.mark.parametrize(
    ("wish", "end"),
    [
        ("Hold", "Holding 2/2 1:50,2:50 1 2"),
        ("Rollback", "RolledBack - 1:100 1 -"),
        ("Promote", "Healthy - 2:100 2 -"),
    ],
)
def test_at_the_deadline_an_inconclusive_rollout_does_what_was_asked(wish: str, end: str) -> None:
    world = FakeWorld(requests_per_second=1.5).healthy()
    world.spec["rollout"] |= {"onInconclusive": wish, "deadline": "20m"}
    world.spec["analysis"]["minRequests"] = 1
    world.model(2)
    assert world.trace(60, 30)[-1] == end


def test_at_the_deadline_a_rollout_without_requests_is_not_pushed_on_to_higher_weights() -> None:
    world = FakeWorld(requests_per_second=0.0).healthy()
    world.spec["rollout"] |= {"onInconclusive": "Rollback", "deadline": "20m"}
    world.model(2)
    lines = world.trace(60, 30)
    assert lines[-1] == "RolledBack - 1:100 1 -"
    assert not any("2:50" in line for line in lines)


def test_with_no_harm_the_schedule_alone_promotes() -> None:
    world = FakeWorld(requests_per_second=1.5).healthy()
    world.spec["analysis"] |= {"minRequests": 1, "promotion": "NoHarm"}
    world.model(2)
    assert world.trace(60, 20)[-1] == "Healthy - 2:100 2 -"


@pytest.mark.parametrize(
    ("evidence", "line"), [(19.0, "Promoting promote 2:100 1 2"), (21.0, "Holding 2/2 1:50,2:50 1 2")]
)
def test_with_no_harm_what_speaks_against_a_candidate_holds_it_though_it_is_too_little_for_a_rollback(
    evidence: float, line: str
) -> None:
    world = FakeWorld(requests_per_second=1.5).healthy()
    world.spec["analysis"] |= {"minRequests": 1, "promotion": "NoHarm"}
    world.model(2)
    world.until("Progressing 2/2")
    # The window that is due now is counted; no other one is.
    world.tick()
    step, analysis = world.status.step, world.status.analysis
    assert step is not None
    assert analysis is not None
    over = msgspec.structs.replace(step, not_before=moment(world.now), requests_before=-1)
    leaning = msgspec.structs.replace(analysis, worse=evidence)
    world.status = msgspec.structs.replace(world.status, step=over, analysis=leaning)
    world.tick()
    assert world.line() == line


def test_a_step_does_not_begin_before_the_gateway_has_accepted_its_weight() -> None:
    world = FakeWorld().healthy()
    world.gateway_accepts = False
    world.model(2)
    world.trace(600, 5)
    assert world.line() == "Progressing 0/2 1:100 1 2"
    assert world.status.step.started_at is None
    world.gateway_accepts = True
    world.until("Progressing 1/2")
    assert world.status.step.not_before.timestamp() == world.now + 60


def test_a_candidate_gets_traffic_only_when_all_its_replicas_are_ready() -> None:
    world = FakeWorld().healthy()
    world.spec["predictor"] = {"minReplicas": 2}
    name = world.model(2)
    world.tick()
    world.services[name] = Workload(ready_replicas=1, routable=True)
    assert world.trace(1, 3) == ["Progressing - 1:100 1 2"]


def test_a_stable_model_without_ready_replicas_holds_the_rollout() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.until("Progressing 1/2")
    down(world, world.status.stable.revision)
    assert world.trace(60, 5) == ["Holding 1/2 1:90,2:10 1 2"]


def test_changing_only_the_version_label_rolls_nothing_out() -> None:
    world = FakeWorld().healthy()
    world.spec["model"]["version"] = "one"
    world.generation += 1
    assert world.trace(10, 3) == ["Healthy - 1:100 one -"]


def test_changing_only_the_number_of_replicas_rolls_nothing_out() -> None:
    world = FakeWorld().healthy()
    world.spec["predictor"] = {"minReplicas": 3}
    world.generation += 1
    assert world.trace(10, 3) == ["Healthy - 1:100 1 -"]


def test_a_healthy_deployment_writes_nothing() -> None:
    world = FakeWorld().healthy()
    before = world.writes
    world.trace(3600, 10)
    assert world.writes == before


def test_a_second_pass_at_the_same_moment_decides_the_same() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    for _ in range(15):
        world.now += 10
        observation = world.observe()
        first = decide(world.deployment, observation, moment(world.now))
        assert decide(world.deployment, observation, moment(world.now)) == first
        world.carry_out(first)
        world.status = first.status


def test_an_operator_that_was_away_for_longer_than_a_step_goes_on_with_the_next_one_only() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.until("Progressing 1/2")
    world.tick(10)
    world.tick(10)
    world.tick(3600)
    assert world.line() == "Progressing 2/2 1:50,2:50 1 2"
    world.tick(1)
    assert world.line() == "Progressing 2/2 1:50,2:50 1 2"


def test_a_window_that_was_counted_is_not_counted_again() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.until("Progressing 1/2")
    world.tick(10)
    counted = world.status.analysis.metrics[0].candidate
    seen = world.observe()
    window_end = world.status.analysis.last_window_end.timestamp()
    repeated = replace(
        seen.metrics, windows={"errors": world.window(*world.route.routing.weights)}, window_end=window_end
    )
    again = replace(seen, metrics=repeated)
    assert decide(world.deployment, again, moment(world.now)).status.analysis.metrics[0].candidate == counted


def test_a_candidate_that_keeps_only_some_of_its_replicas_gets_no_more_traffic() -> None:
    world = FakeWorld().healthy()
    world.spec["predictor"] = {"minReplicas": 3}
    name = world.model(2)
    world.until("Progressing 1/2")
    world.services[name] = replace(world.services[name], ready_replicas=1)
    assert world.trace(60, 3) == ["Holding 1/2 1:90,2:10 1 2"]
    assert world.status.message == "1 of 3 replicas of the candidate are ready"


def test_a_candidate_that_never_gets_all_its_replicas_is_rolled_back_at_the_deadline() -> None:
    world = FakeWorld().healthy()
    world.spec["predictor"] = {"minReplicas": 3}
    name = world.model(2)
    world.tick()
    world.services[name] = replace(world.services[name], ready_replicas=1)
    assert world.trace(100, 10)[-1] == "RolledBack - 1:100 1 -"
    assert "1 of 3 replicas ready" in world.status.message


def test_the_way_back_to_a_warm_model_needs_all_its_replicas() -> None:
    world = FakeWorld().healthy()
    old = world.wanted()
    world.model(2)
    world.tick()
    world.ask("promote", full=True)
    world.until("Healthy - 2")
    world.spec["predictor"] = {"minReplicas": 2}
    world.services[old] = replace(world.services[old], ready_replicas=1)
    world.model(1)
    world.tick(1)
    assert world.line() == "Progressing - 2:100 2 1"


def test_one_replica_that_crashes_for_good_takes_the_candidate_back() -> None:
    world = FakeWorld().healthy()
    name = world.model(2)
    world.until("Progressing 1/2")
    broken = Failure(reason="CrashLoopBackOff", message="out of memory", final=True)
    world.services[name] = replace(world.services[name], failure=broken)
    world.tick(1)
    assert world.line() == "RollingBack - 1:100 1 -"


def test_replicas_of_a_stable_model_that_is_not_the_wanted_one_can_be_changed() -> None:
    world = FakeWorld(rate={"s3://models/fraud/2": 0.5}).healthy()
    world.model(2)
    world.trace(10, 20)
    world.spec["predictor"] = {"minReplicas": 9}
    stable = world.status.stable.revision
    assert world.tick().scale == {stable: (9, 9, None)}


def test_limits_that_are_edited_in_mid_step_start_the_evidence_and_the_requests_anew() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.until("Progressing 2/2")
    assert world.status.step.requests_before > 0
    world.spec["analysis"]["metrics"][0]["tolerance"] = 0.5
    world.tick(10)
    assert world.status.step.requests_before == 0


def test_steps_that_are_edited_before_the_gateway_has_accepted_keep_the_time_that_was_promised() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.until("Progressing 0/2")
    world.gateway_accepts = False
    world.until("Progressing 1/2")
    world.spec["rollout"]["canary"]["steps"] = [{"weight": 5, "for": "1s"}]
    world.gateway_accepts = True
    world.until("Progressing 1/2")
    assert world.status.step.not_before.timestamp() - world.status.step.started_at.timestamp() == 60


def test_a_first_model_that_was_replaced_before_it_served_is_removed() -> None:
    world = FakeWorld()
    world.ready = False
    first = world.wanted()
    world.settle()
    world.model(2)
    world.tick(1)
    world.tick(60)
    world.tick(1)
    assert first not in world.services


def test_a_backend_enters_the_route_and_leaves_it_without_weight() -> None:
    world = FakeWorld(rate={"s3://models/fraud/2": 0.5}).healthy()
    candidate = world.model(2)
    world.until("Progressing 0/2")
    assert world.route.routing.weights[candidate] == 0
    world.until("RolledBack")
    assert world.route.routing.weights[candidate] == 0
    world.tick(31)
    world.tick(1)
    assert candidate not in world.route.routing.weights


def test_a_candidate_that_never_served_is_never_named_in_the_route() -> None:
    world = FakeWorld().healthy()
    name = world.model(2)
    world.failures[name] = Failure(reason="FailedLoad", message="digest differs", final=True)
    world.until("RolledBack")
    assert name not in world.route.routing.weights
