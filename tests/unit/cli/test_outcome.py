"""The exit code of `status`: for scripts that go on only when the new model serves."""

import pytest

from timoneiro_operator.cli.errors import DONE, FAILED, NO_ANSWER, UNFINISHED
from timoneiro_operator.cli.presentation.outcome import answer, status_exit, timed_out, unanswered
from timoneiro_operator.cli.presentation.view import view_of


def code(body) -> int:
    return status_exit(view_of(body)).code


def test_the_wanted_revision_as_healthy_stable_model_is_success(md) -> None:
    assert code(md.healthy()) == DONE


def test_healthy_with_another_revision_than_the_wanted_one_is_not_over(md) -> None:
    assert code(md.healthy(spec=md.spec("3"))) == UNFINISHED


def test_a_status_about_an_older_spec_is_no_answer_even_when_it_is_healthy(md) -> None:
    assert code(md.healthy(observedGeneration=2)) == UNFINISHED


def test_an_old_failure_is_no_answer_to_a_new_spec_either(md) -> None:
    assert code(md.rolled_back(observedGeneration=2)) == UNFINISHED


def test_a_deployment_that_the_operator_has_never_seen_is_not_over(md) -> None:
    assert code(md.body()) == UNFINISHED


@pytest.mark.parametrize("phase", ["Progressing", "Paused", "Holding", "Promoting"])
def test_a_rollout_in_any_of_its_phases_is_not_over(md, phase) -> None:
    assert code(md.rolling(phase=phase)) == UNFINISHED


def test_a_rolled_back_revision_is_a_failure(md) -> None:
    assert code(md.rolled_back()) == FAILED


def test_a_rollback_is_over_only_when_the_gateway_has_taken_the_traffic_back(md) -> None:
    assert code(md.rolled_back(phase="RollingBack")) == UNFINISHED


def test_a_candidate_that_is_leaving_is_not_over(md) -> None:
    leaving = md.candidate(leaving={"outcome": "Aborted", "reason": "aborted by ada"})
    assert code(md.rolling(candidate=leaving, rejected=[md.rejected()])) == UNFINISHED


def test_an_aborted_revision_is_a_failure_also_when_the_stable_model_is_healthy(md) -> None:
    body = md.rolled_back(phase="Healthy", rejected=[md.rejected(reason="aborted by ada")])
    assert code(body) == FAILED


def test_degraded_is_a_failure(md) -> None:
    assert code(md.healthy(phase="Degraded", message="no replica is ready")) == FAILED


def test_an_invalid_spec_is_a_failure_and_says_what_is_wrong(md) -> None:
    invalid = md.condition("Ready", "False", "InvalidSpec", "steps must rise")
    outcome = status_exit(view_of(md.healthy(conditions=[invalid])))
    assert (outcome.code, outcome.line) == (FAILED, "fraud: the spec is invalid: steps must rise")


def test_a_complaint_about_an_older_spec_is_no_complaint_about_this_one(md) -> None:
    invalid = md.condition("Ready", "False", "InvalidSpec", "steps must rise", observedGeneration=2)
    assert code(md.healthy(conditions=[invalid])) == DONE


def test_an_invalid_spec_is_seen_before_the_operator_has_looked(md) -> None:
    assert code(md.healthy(spec={"route": {}}, observedGeneration=2)) == FAILED


def test_a_spec_that_only_the_operator_can_read_is_no_verdict(md) -> None:
    assert code(md.healthy(spec={"route": {}})) == NO_ANSWER


def test_without_a_wanted_model_the_one_that_serves_is_success(md) -> None:
    assert code(md.healthy(spec=md.spec(None))) == DONE


def test_waiting_for_the_first_model_is_not_over(md) -> None:
    assert code(md.body(spec=md.spec(None), phase="Pending", message="no model has been published yet")) == UNFINISHED


def test_the_line_has_phase_step_weight_and_both_models(md) -> None:
    line = status_exit(view_of(md.rolling(verdict="errors 1.2x [0.7, 2.1]: undecided"))).line
    assert line == (
        f"fraud: Progressing, step 2/4, 25 % to version 2 ({md.second}), stable version 1 ({md.first}); "
        "errors 1.2x [0.7, 2.1]: undecided; 25 % of the traffic for at least 10 min"
    )


def test_a_verdict_that_the_message_repeats_is_said_once(md) -> None:
    line = status_exit(view_of(md.rolled_back(verdict="errors 2.3x [1.4, 3.9]: worse"))).line
    assert line.count("2.3x") == 1


def test_a_wait_that_ends_in_a_pause_says_how_to_go_on(md) -> None:
    body = md.rolling(phase="Paused", paused={"by": "ada", "at": md.at(0)})
    assert "`timoneiro resume fraud`" in timed_out(view_of(body), "10 min")


def test_a_wait_that_nobody_answers_asks_for_the_operator(md) -> None:
    assert "is the operator running?" in timed_out(view_of(md.body()), "10 min")


def test_a_command_is_found_by_its_id_and_by_nothing_else(md) -> None:
    view = view_of(md.rolling(commands=[md.record("a"), md.record("b", by="bob")]))
    assert (view.status.record("b").by, view.status.record("c")) == ("bob", None)


def test_a_command_that_was_carried_out_is_success_with_the_operators_words(md) -> None:
    view = view_of(md.rolling(commands=[md.record("a")]))
    outcome = answer(view.status.record("a"))
    assert (outcome.code, outcome.line) == (DONE, "version 2 is rolled back")


def test_a_refused_command_is_a_failure_with_the_reason(md) -> None:
    view = view_of(md.rolling(commands=[md.record("a", outcome="Refused", message="no rollout is running")]))
    outcome = answer(view.status.record("a"))
    assert outcome.code == FAILED
    assert outcome.line.endswith("was refused: no rollout is running")


def test_an_unanswered_command_is_told_with_the_state(md) -> None:
    text = unanswered(view_of(md.rolling()), action="abort", waited="30 s")
    assert "is the operator running?" in text
    assert "fraud: Progressing" in text
