"""People's commands: carried out once, on record with who asked and what came of it, refused with a reason."""

from dataclasses import replace

import pytest

from support.fake_world import FakeWorld
from support.pem import PUBLIC_KEY
from support.rolling import metric_of, rolled_back, rolling
from timoneiro_operator.api.command import Action, Command, encode_command, parse_command
from timoneiro_operator.decide.observation import Failure

BAD = {"s3://models/fraud/2": 0.5}


def promoted_twice(**fields: object) -> tuple[FakeWorld, str]:
    """Version 2 is stable, after version 1, whose revision is returned too."""
    world = FakeWorld(**fields).healthy()  # type: ignore[arg-type]
    first = world.wanted()
    world.model(2)
    world.until("Healthy - 2", seconds=10)
    return world, first


def test_promote_ends_the_step_that_is_running_and_no_other() -> None:
    world = rolling()
    record = world.ask("promote")
    assert (record.outcome, record.by) == ("Done", "ana")
    assert record.message == f"version 2 ({world.wanted()}) went on to 50 % of the traffic"
    world.settle()
    assert world.line() == "Progressing 2/2 1:50,2:50 1 2"


def test_promote_in_the_last_step_needs_no_evidence_since_a_person_answers_for_it() -> None:
    world = rolling("Progressing 2/2", requests_per_second=20.0)
    assert world.ask("promote").outcome == "Done"
    assert world.trace(1, 3)[-1] == "Healthy - 2:100 2 -"


def test_promote_in_full_goes_through_the_route_without_weight_and_then_to_all_traffic() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.tick()
    assert world.ask("promote", full=True).outcome == "Done"
    assert world.trace(1, 8) == [
        "Progressing 0/2 1:100 1 2",
        "Promoting promote 2:100 1 2",
        "Healthy - 2:100 2 -",
    ]
    assert world.status.history[-1].reason == "promoted in full by ana"


def test_promote_in_full_waits_for_capacity() -> None:
    world = FakeWorld().healthy()
    world.ready = False
    world.model(2)
    world.tick()
    assert world.ask("promote", full=True).outcome == "Done"
    assert world.trace(10, 5) == ["Progressing - 1:100 1 2"]


def test_promote_in_full_skips_the_mirror_and_the_bake_of_blue_green() -> None:
    world = FakeWorld()
    world.spec["rollout"] = {"strategy": "BlueGreen"}
    world.healthy()
    world.model(2)
    world.until("Progressing mirror 1/1")
    world.ask("promote", full=True)
    assert world.line() == "Promoting promote 2:100 1 2"
    assert world.trace(1, 5) == ["Healthy - 2:100 2 -"]


def test_promote_in_full_does_not_protect_a_candidate_that_dies() -> None:
    world = rolling()
    name = world.wanted()
    world.gateway_accepts = False
    world.ask("promote", full=True)
    world.services[name] = FakeWorld().services.get(name) or world.services.pop(name)
    world.failures[name] = Failure(reason="CrashLoopBackOff", message="gone", final=True)
    del world.services[name]
    world.gateway_accepts = True
    world.tick(1)
    assert world.status.candidate is None
    assert world.status.rejected[0].revision == name


def test_abort_brings_all_traffic_back_and_the_revision_is_not_rolled_out_again() -> None:
    world = rolling("Progressing 2/2")
    record = world.ask("abort")
    assert record.outcome == "Done"
    assert world.trace(1, 5) == ["RolledBack - 1:100 1 -"]
    assert world.route.routing.shares()[0] == {world.status.stable.revision: 100}
    assert world.status.history[-1].outcome == "Aborted"
    assert world.status.rejected[-1].reason == "aborted by ana"


@pytest.mark.parametrize("state", ["Progressing -", "Progressing 0/2", "Progressing 1/2", "Progressing 2/2"])
def test_abort_works_from_every_state(state: str) -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.until(state)
    assert world.ask("abort").outcome == "Done"
    world.settle()
    assert world.line() == "RolledBack - 1:100 1 -"


def test_abort_works_while_the_gateway_has_not_taken_the_promotion_up() -> None:
    world = rolling("Progressing 2/2")
    world.until("Promoting", seconds=10)
    world.gateway_accepts = False
    world.route = replace(world.route, accepted=False)
    assert world.ask("abort").outcome == "Done"
    world.gateway_accepts = True
    world.settle()
    assert world.line() == "RolledBack - 1:100 1 -"


def test_a_pause_keeps_the_weight_and_does_not_keep_harm_from_being_seen() -> None:
    world = rolling()
    world.ask("pause")
    assert world.trace(600, 20) == ["Paused 1/2 1:90,2:10 1 2"]
    assert world.status.message.startswith("paused by ana since")
    world.rate["s3://models/fraud/2"] = 0.5
    assert world.trace(10, 10)[-1] == "RolledBack - 1:100 1 -"


def test_a_pause_before_the_candidate_is_ready_keeps_it_out_of_the_route() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.tick()
    world.ask("pause")
    assert world.trace(10, 5)[-1] == "Paused - 1:100 1 2"


def test_resume_goes_on_where_it_was() -> None:
    world = rolling()
    world.ask("pause")
    world.tick(600)
    assert world.ask("resume").outcome == "Done"
    assert world.trace(10, 3)[-1] == "Progressing 2/2 1:50,2:50 1 2"


def test_retry_rolls_a_rejected_revision_out_again_with_new_evidence() -> None:
    world = FakeWorld(rate=dict(BAD)).healthy()
    world.model(2)
    world.until("RolledBack", seconds=10)
    world.rate.clear()
    assert world.ask("retry").outcome == "Done"
    assert world.trace(10, 30)[-1] == "Healthy - 2:100 2 -"


def test_retry_of_a_revision_that_is_still_bad_ends_as_it_did_before() -> None:
    world = FakeWorld(rate=dict(BAD)).healthy()
    world.model(2)
    world.until("RolledBack", seconds=10)
    world.ask("retry")
    assert world.trace(10, 30)[-1] == "RolledBack - 1:100 1 -"


def test_evidence_goes_on_where_it_was_when_a_revision_is_withdrawn_and_wanted_again() -> None:
    world = rolling()
    world.tick(10)
    before = world.status.analysis.metrics[0].candidate.requests
    world.model(1)
    world.settle()
    world.model(2)
    world.until("Progressing 1/2")
    world.tick(10)
    assert world.status.analysis.metrics[0].candidate.requests == before + 100


def test_rollback_goes_to_the_model_that_was_stable_before_and_stays_there() -> None:
    world, _ = promoted_twice()
    assert world.ask("rollback").outcome == "Done"
    assert world.line() == "Promoting promote 1:100 2 1"
    assert world.trace(10, 10) == ["Healthy - 1:100 1 -", "RolledBack - 1:100 1 -"]
    assert world.status.history[-1].outcome == "Restored"
    assert world.status.rejected[-1].version == "2"


def test_rollback_to_a_model_whose_pods_are_gone_starts_them_first() -> None:
    world, first = promoted_twice()
    world.tick(3600)
    world.settle()
    assert first not in world.services
    world.ready = False
    world.ask("rollback", to=first)
    assert world.trace(10, 3) == ["Progressing - 2:100 2 1"]
    world.services.pop(first)
    world.ready = True
    assert world.trace(1, 8)[-1] == "RolledBack - 1:100 1 -"


def signed(world: FakeWorld, model: int, *keys: str) -> str:
    """Rolls a model out that one of `keys` has to have signed; returns its revision."""
    world.spec["model"]["signature"] = {"publicKeys": [PUBLIC_KEY + "\n" * ord(key) for key in keys]}
    world.model(model)
    world.settle()
    world.until(f"Healthy - {model}:100 {model} -", seconds=10)
    # So that nothing serves any more but what the spec wants.
    world.tick(3600)
    world.settle()
    return world.wanted()


def test_a_rollback_goes_to_a_model_that_was_verified_with_what_is_demanded_now() -> None:
    world = FakeWorld().healthy()
    first = signed(world, 2, "a")
    signed(world, 3, "a", "b")
    assert world.ask("rollback", to=first).outcome == "Done"


@pytest.mark.parametrize("before", [(), ("a",), ("a", "b")], ids=str)
def test_no_rollback_goes_to_a_model_that_was_not_verified_with_what_is_demanded_now(before: tuple[str, ...]) -> None:
    world = FakeWorld().healthy()
    first = signed(world, 2, *before) if before else world.wanted()
    signed(world, 3, "b")
    record = world.ask("rollback", to=first)
    assert (record.outcome, record.message.partition(" was ")[2]) == (
        "Refused",
        "not verified with the keys of spec.model.signature, which the spec demands now",
    )


def test_after_a_rollback_the_next_revision_is_compared_with_the_model_that_serves() -> None:
    world, _ = promoted_twice()
    world.ask("rollback")
    world.settle()
    world.model(3)
    assert world.trace(10, 30)[-1] == "Healthy - 3:100 3 -"


def test_a_rollback_whose_model_cannot_load_leaves_what_serves_alone() -> None:
    world, first = promoted_twice()
    world.tick(3600)
    world.settle()
    world.failures[first] = Failure(reason="FailedLoad", message="the store has lost it", final=True)
    world.ask("rollback")
    world.settle()
    assert world.line() == "Healthy - 2:100 2 -"


def test_a_new_revision_overtakes_a_rollback_that_is_on_its_way() -> None:
    world, first = promoted_twice()
    world.tick(3600)
    world.settle()
    world.ready = False
    world.ask("rollback", to=first)
    world.ready = True
    world.model(3)
    assert world.trace(10, 30)[-1] == "Healthy - 3:100 3 -"
    assert [entry.outcome for entry in world.status.history][-2:] == ["Superseded", "Promoted"]


def test_a_rollback_that_is_aborted_leaves_the_stable_model_wanted() -> None:
    world, first = promoted_twice()
    world.tick(3600)
    world.settle()
    world.ready = False
    world.ask("rollback", to=first)
    world.ask("abort")
    world.settle()
    assert world.line() == "Healthy - 2:100 2 -"
    assert world.status.rejected == ()


@pytest.mark.parametrize("action", ["promote", "abort", "pause", "resume"])
def test_without_a_rollout_there_is_nothing_to_steer(action: Action) -> None:
    world = FakeWorld().healthy()
    record = world.ask(action, revision=world.wanted())
    assert (record.outcome, record.message) == ("Refused", "no rollout is running")


@pytest.mark.parametrize("action", ["promote", "abort", "pause", "resume"])
def test_a_command_for_another_revision_is_refused(action: Action) -> None:
    world = rolling()
    record = world.ask(action, revision="cafecafe")
    assert record.message == f"it is meant for revision cafecafe, and the candidate is {world.wanted()}"
    assert world.line() == "Progressing 1/2 1:90,2:10 1 2"


def refused(world: FakeWorld, action: Action, words: str, **fields: object) -> None:
    record = world.ask(action, **fields)  # type: ignore[arg-type]
    assert record.outcome == "Refused"
    assert words in record.message


def test_a_command_that_does_not_apply_says_why() -> None:
    world = rolling()
    refused(world, "resume", "the rollout is not paused")
    refused(world, "retry", "was not rolled back")
    refused(world, "rollback", "abort it first")
    world.ask("pause")
    refused(world, "pause", "it is paused already, by ana since")


def test_a_promotion_is_neither_paused_nor_promoted() -> None:
    world = rolling()
    world.gateway_accepts = False
    world.ask("promote", full=True)
    refused(world, "pause", "going to all traffic already; abort rolls it back")
    refused(world, "promote", "is going to all traffic already")


@pytest.mark.parametrize("state", ["Progressing -", "Progressing 0/2"])
def test_before_the_first_step_there_is_none_to_promote(state: str) -> None:
    world = FakeWorld().healthy()
    world.ready = state.endswith("0/2")
    world.model(2)
    world.until(state)
    refused(world, "promote", "has no step to end yet; promote it in full to skip all of them")


def test_a_step_is_not_promoted_with_replicas_missing() -> None:
    world = rolling()
    world.spec["predictor"] = {"minReplicas": 3}
    refused(world, "promote", "1 of 3 replicas of the candidate are ready; promote it again")


def test_a_first_revision_needs_no_steering() -> None:
    world = FakeWorld()
    world.ready = False
    world.settle()
    refused(world, "abort", "this is the first revision: it gets all traffic as soon as it is ready")
    refused(world, "rollback", "no model serves yet", revision="cafecafe")


def test_a_candidate_on_its_way_out_takes_no_more_commands() -> None:
    world = rolling()
    stable = world.status.stable.revision
    world.services[stable] = type(world.services[stable])(ready_replicas=0, routable=True)
    world.ask("abort")
    refused(world, "promote", "the candidate is being removed already: aborted by ana")


def test_only_the_revision_that_the_spec_wants_is_retried() -> None:
    world = FakeWorld(rate=dict(BAD)).healthy()
    bad = world.model(2)
    world.until("RolledBack", seconds=10)
    wanted = world.model(1)
    refused(world, "retry", f"the spec wants revision {wanted}, not {bad}", revision=bad)


def test_a_rollback_names_what_can_be_gone_back_to() -> None:
    world = FakeWorld().healthy()
    refused(world, "rollback", "there is no former stable revision  to go back to; known: none is known any more")
    first = world.wanted()
    world.model(2)
    world.until("Healthy - 2", seconds=10)
    refused(
        world, "rollback", f"there is no former stable revision cafecafe to go back to; known: {first}", to="cafecafe"
    )
    refused(world, "rollback", "the stable model is", revision="cafecafe")


def test_the_same_command_is_carried_out_once_however_often_it_is_read() -> None:
    world = rolling()
    world.ask("promote")
    world.settle()
    world.trace(1, 5)
    assert len(world.status.commands) == 1
    assert world.line() == "Progressing 2/2 1:50,2:50 1 2"


def test_a_crash_between_acting_and_writing_carries_a_command_out_once() -> None:
    world = rolling()
    world.command = Command(id="x", action="promote", revision=world.wanted(), by="ana")
    world.carry_out(world.decide())
    world.tick()
    world.settle()
    assert world.line() == "Progressing 2/2 1:50,2:50 1 2"


def test_records_of_commands_are_bounded() -> None:
    world = rolling()
    for _ in range(30):
        world.ask("resume")
    assert len(world.status.commands) == 10


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("promote it!", "the annotation is not a command"),
        ('{"action": "destroy", "revision": "a"}', "Invalid enum value 'destroy'"),
        ('{"action": "abort"}', "a command needs an action and a revision"),
        ('{"revision": "a"}', "a command needs an action and a revision"),
        ("[]", "the annotation is not a command"),
        (f'{{"x": {"[" * 5000}{"]" * 5000}}}', "the annotation is not a command"),
    ],
)
def test_an_annotation_that_is_no_command_is_refused_with_what_is_wrong(text: str, words: str) -> None:
    command = parse_command(text, None)
    assert command.problem is not None
    assert words in command.problem
    world = FakeWorld().healthy()
    world.command = command
    world.tick()
    assert world.status.commands[-1].outcome == "Refused"


def test_a_command_without_an_id_is_known_by_its_text() -> None:
    text = '{"action": "abort", "revision": "a"}'
    assert parse_command(text, None).id == parse_command(text, None).id != parse_command(text + " ", None).id


def test_a_command_survives_its_annotation() -> None:
    command = Command(id="x", action="rollback", revision="a", to="b", by="ana", at="2026-11-24T10:00:00Z")
    assert parse_command(encode_command(command), command.by) == command


def test_what_a_person_went_away_from_comes_back_by_its_steps_only() -> None:
    world, _ = promoted_twice()
    world.ask("rollback")
    world.settle()
    world.ask("retry")
    assert world.trace(1, 6)[-1] == "Progressing 1/2 1:90,2:10 1 2"


def test_a_former_model_that_was_tried_again_can_still_be_gone_back_to() -> None:
    world, first = promoted_twice()
    world.tick(3600)
    world.settle()
    world.model(1)
    world.until("Progressing 1/2")
    world.ask("abort")
    world.settle()
    assert world.ask("rollback", to=first).outcome == "Done"


def test_one_resume_ends_both_pauses_and_the_time_counts_once() -> None:
    world = FakeWorld()
    world.spec["rollout"] |= {"canary": {"steps": [{"weight": 10, "for": "0s"}, {"pause": {}}]}}
    world.spec["analysis"]["minRequests"] = 0
    world.healthy()
    world.model(2)
    world.until("Paused pause 2/2")
    before = world.status.candidate.deadline.timestamp()
    world.tick(3600)
    world.ask("pause")
    world.tick(3600)
    world.ask("resume")
    assert world.status.candidate.deadline.timestamp() == pytest.approx(before + 7200, abs=5)
    assert world.status.phase != "Paused"


def test_what_others_write_into_a_command_is_short_and_on_one_line() -> None:
    command = parse_command(
        encode_command(Command(id="i" * 99, action="abort", revision="r" * 999, to="t\n" * 99)),
        "eve\nroot: all is well",
    )
    assert (len(command.id), len(command.revision), len(command.to or "")) == (64, 64, 64)
    assert command.by == "everoot: all is well"


@pytest.mark.parametrize(
    ("text", "by", "asker"),
    [
        ('{"action": "abort", "revision": "a", "by": "ana"}', None, "ana (claimed)"),
        ('{"action": "abort", "revision": "a", "by": "ana"}', "ben", "ben (claimed)"),
        ('{"action": "abort", "revision": "a", "verified": true}', "ben", "ben (claimed)"),
        ("no command", "ben", "ben (claimed)"),
        ("no command", None, "somebody (claimed)"),
    ],
)
def test_who_asks_is_claimed_whatever_an_annotation_says(text: str, by: str | None, asker: str) -> None:
    assert parse_command(text, by).asker == asker


@pytest.mark.parametrize(("verified", "asker"), [(True, "ana"), (False, "ana (claimed)")])
def test_what_is_said_of_a_command_says_whether_it_is_proven_who_asked(verified: bool, asker: str) -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.until("Progressing 1/2")
    record = world.ask("pause", verified=verified)
    assert (record.by, record.verified, record.asker) == ("ana", verified, asker)
    assert world.status.paused.by == asker
    world.ask("abort", verified=verified)
    world.settle()
    assert world.status.history[-1].reason == f"aborted by {asker}"


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
    before = world.status.candidate.deadline.timestamp()
    world.ask("pause")
    world.now += 600
    world.ask("resume")
    assert world.status.candidate.deadline.timestamp() == before + 600


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
    world.command = parse_command("promote it!", None)
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
    assert world.status.step.not_before.timestamp() == world.now
