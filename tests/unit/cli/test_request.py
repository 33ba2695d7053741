"""Which command is written in which state, and which sentence is said instead."""

import pytest

from timoneiro_operator.api.command import Command
from timoneiro_operator.cli.commands.request import CommandRequest, command_for
from timoneiro_operator.cli.errors import FAILED, CliError
from timoneiro_operator.cli.presentation.view import view_of


def ask(body, action, **more) -> Command:
    request = CommandRequest(action=action, **more)
    return command_for(view=view_of(body), request=request, by="ada", at="2026-11-24T10:00:00.000000Z", id="c-1")


def refusal(body, action, **more) -> str:
    with pytest.raises(CliError) as caught:
        ask(body, action, **more)
    assert caught.value.code == FAILED
    return caught.value.message


@pytest.mark.parametrize("action", ["promote", "abort", "pause"])
def test_a_command_about_a_rollout_names_its_candidate_and_who_asked_when(md, action) -> None:
    assert ask(md.rolling(), action) == Command(
        id="c-1", action=action, revision=md.second, by="ada", at="2026-11-24T10:00:00.000000Z"
    )


@pytest.mark.parametrize("action", ["promote", "abort", "pause", "resume"])
def test_without_a_candidate_there_is_nothing_to_ask_and_the_sentence_says_so(md, action) -> None:
    assert refusal(md.healthy(), action).startswith(f"nothing to {action}: no rollout of 'fraud' is running")


def test_a_full_promotion_says_so(md) -> None:
    assert ask(md.rolling(), "promote", full=True).full


def test_a_promotion_is_of_the_step_unless_it_is_asked_in_full(md) -> None:
    assert not ask(md.rolling(), "promote").full


def test_a_promotion_after_a_rollback_is_pointed_to_retry(md) -> None:
    assert "`timoneiro retry fraud`" in refusal(md.rolled_back(), "promote")


def test_an_abort_after_the_promotion_is_pointed_to_rollback(md) -> None:
    assert "`timoneiro rollback fraud`" in refusal(md.healthy(), "abort")


def test_a_command_right_after_an_edit_is_told_that_the_operator_has_not_seen_it(md) -> None:
    assert "has not seen its latest spec" in refusal(md.healthy(observedGeneration=2), "abort")


@pytest.mark.parametrize("action", ["promote", "abort", "pause", "resume"])
def test_a_candidate_that_is_leaving_is_left_alone(md, action) -> None:
    body = md.rolling(candidate=md.candidate(leaving={"outcome": "Aborted", "reason": "aborted by bob"}))
    assert "leaving already (aborted by bob)" in refusal(body, action)


def test_a_rollout_is_paused_once_and_the_sentence_says_by_whom(md) -> None:
    body = md.rolling(phase="Paused", paused={"by": "bob", "at": md.at(-60)})
    assert "paused by bob already" in refusal(body, "pause")


def test_a_pause_of_a_person_can_be_resumed(md) -> None:
    body = md.rolling(phase="Paused", paused={"by": "bob", "at": md.at(-60)})
    assert ask(body, "resume").revision == md.second


def test_a_pause_of_the_schedule_without_an_end_can_be_resumed(md) -> None:
    body = md.rolling(phase="Paused", step=md.step(kind="Pause", seconds=None, notBefore=None))
    assert ask(body, "resume").revision == md.second


def test_a_pause_of_the_schedule_that_ends_by_itself_is_pointed_to_promote(md) -> None:
    body = md.rolling(phase="Paused", step=md.step(kind="Pause"))
    assert "`timoneiro promote fraud`" in refusal(body, "resume")


def test_what_is_not_paused_cannot_be_resumed(md) -> None:
    assert "is not paused" in refusal(md.rolling(), "resume")


def test_a_retry_names_the_rejected_revision_that_the_spec_wants(md) -> None:
    assert ask(md.rolled_back(), "retry").revision == md.second


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("rolling", "is being rolled out"),
        ("healthy", "is the stable model already"),
    ],
)
def test_what_was_not_rejected_is_not_retried(md, state, reason) -> None:
    assert reason in refusal(getattr(md, state)(), "retry")


def test_a_revision_that_nobody_has_tried_is_not_retried(md) -> None:
    assert "was not rejected" in refusal(md.rolled_back(rejected=[]), "retry")


def test_a_new_revision_that_the_operator_has_not_seen_needs_no_retry(md) -> None:
    assert "has not seen the latest spec" in refusal(md.rolled_back(observedGeneration=2), "retry")


def test_without_a_model_there_is_nothing_to_retry(md) -> None:
    assert "names no model" in refusal(md.body(spec=md.spec(None), phase="Pending"), "retry")


def test_an_invalid_spec_is_mended_and_not_retried(md) -> None:
    invalid = md.condition("Ready", "False", "InvalidSpec", "steps must rise")
    assert "steps must rise" in refusal(md.rolled_back(conditions=[invalid]), "retry")


def test_a_rollback_names_the_revision_that_is_left_and_leaves_the_choice_to_the_operator(md) -> None:
    command = ask(md.healthy(), "rollback")
    assert (command.revision, command.to) == (md.second, None)


def test_a_rollback_to_a_version_names_its_revision(md) -> None:
    assert ask(md.healthy(), "rollback", to="1").to == md.first


def test_a_rollback_to_a_revision_can_be_asked_with_its_first_digits(md) -> None:
    assert ask(md.healthy(), "rollback", to=md.first[:4]).to == md.first


def test_less_than_four_digits_name_no_revision(md) -> None:
    assert "is no revision or version" in refusal(md.healthy(), "rollback", to=md.first[:3])


def test_a_version_that_two_revisions_share_is_not_guessed(md) -> None:
    twin = {**md.snapshot("1", -9000), "revision": "aaaa0000"}
    body = md.healthy(revisions=[md.snapshot("1", -86400), twin, md.snapshot("2", -7200)])
    assert "means more than one revision" in refusal(body, "rollback", to="1")


def test_an_unknown_target_is_answered_with_the_choice(md) -> None:
    assert f"choose from version 1 ({md.first})" in refusal(md.healthy(), "rollback", to="77")


def test_a_rollback_to_what_serves_already_is_none(md) -> None:
    assert "is the stable model already" in refusal(md.healthy(), "rollback", to="2")


def test_a_revision_that_never_was_stable_is_no_target(md) -> None:
    body = md.healthy(revisions=[md.snapshot("3"), md.snapshot("1", -86400), md.snapshot("2", -7200)])
    assert "is no revision or version" in refusal(body, "rollback", to="3")


def test_without_a_former_model_there_is_nothing_to_go_back_to(md) -> None:
    assert "nothing to roll back to" in refusal(md.healthy(revisions=[md.snapshot("2", -7200)]), "rollback")


def test_before_the_first_model_serves_there_is_nothing_to_roll_back(md) -> None:
    assert "no model of 'fraud' serves yet" in refusal(md.body(phase="Pending"), "rollback")


def test_a_rollback_during_a_rollout_is_pointed_to_abort(md) -> None:
    assert "`timoneiro abort fraud`" in refusal(md.rolling(), "rollback")


def test_an_empty_target_is_a_slip_and_not_the_last_model(md) -> None:
    assert "'' is no revision or version" in refusal(md.healthy(), "rollback", to="")


def test_what_only_the_operator_has_words_for_is_said_as_it_will_answer(md) -> None:
    body = md.rolling(step=md.step(kind="Promotion", index=4, weight=100))
    assert refusal(body, "promote") == (
        f"promote of revision {md.second} was refused: version 2 ({md.second}) is going to all traffic already"
    )
