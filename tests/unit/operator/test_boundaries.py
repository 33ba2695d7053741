"""Behaviours at their limits, found by mutants of `decide` that no other test noticed (docs/mutation.md)."""

from dataclasses import replace

import pytest

from support.fake_world import EPOCH, FakeWorld
from timoneiro_operator.api.command import Action
from timoneiro_operator.api.status import Counts, MetricStatus, Ratio, Status, Step, to_seconds
from timoneiro_operator.decide.conditions import invalid
from timoneiro_operator.decide.decision import takes_traffic_away, with_refusal
from timoneiro_operator.decide.events import Event, events_between
from timoneiro_operator.decide.observation import Failure, Routing
from timoneiro_operator.decide.steps import arms_to_measure
from timoneiro_operator.decide.text import metric_sentence, share_text

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


# Commands


def test_a_promotion_in_full_that_waits_for_capacity_is_neither_repeated_nor_paused() -> None:
    world = FakeWorld().healthy()
    world.ready = False
    world.model(2)
    world.tick()
    world.ask("promote", full=True)
    assert [world.ask(action).outcome for action in ("promote", "pause")] == ["Refused", "Refused"]


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


# Events


def events_of(world: FakeWorld, seconds: float = 0.0) -> list[Event]:
    """What one pass says."""
    before = world.status
    world.tick(seconds)
    return events_between(before, world.status)


def test_a_weight_is_announced_with_the_verdict_so_far() -> None:
    world = rolling()
    events: list[Event] = []
    while not events:
        events = events_of(world, 10)
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
    events: list[Event] = []
    while not events:
        events = events_of(world, 10)
    reason = world.status.history[-1].reason
    assert events == [Event("Warning", "RolledBack", f"version 2 ({world.wanted()}): {reason}")]


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
        (Step(kind="Weight", index=0, count=2, weight=25), "25 % of the traffic"),
    ],
)
def test_a_share_of_the_traffic_is_said_in_words(step: Step, text: str) -> None:
    assert share_text(step) == text
