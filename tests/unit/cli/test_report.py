"""What a report says of rollouts that were played through `decide`."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from support import played
from timoneiro_judge import Counts
from timoneiro_operator.api.analysis_spec import Analysis
from timoneiro_operator.api.analysis_status import AnalysisStatus, MetricStatus, MostDifferent, TrailPoint
from timoneiro_operator.api.spec_struct import read
from timoneiro_operator.api.times import moment
from timoneiro_operator.cli.presentation.view import view_of
from timoneiro_operator.cli.report.content import Report, encoded
from timoneiro_operator.cli.report.gather import report_of
from timoneiro_operator.cli.report.metrics import metrics_of

GOLDEN = Path(__file__).parent / "golden" / "report.json"


def report(world, **fields) -> Report:
    """The report of a played rollout; `fields` of its status are set by hand."""
    body = world.body()
    body["status"] |= fields
    return report_of(view_of(body), moment(world.now))


def test_the_json_of_a_rollout_is_what_it_was() -> None:
    made = json.dumps(encoded(report(played.rolled_back_at_once())), indent=1) + "\n"
    # After a change that is meant: write `made` there, and read the difference.
    assert json.loads(made) == json.loads(GOLDEN.read_text())


def test_the_json_can_be_read_back() -> None:
    made = report(played.blue_green())
    assert msgspec.convert(encoded(made), Report) == made


@pytest.mark.parametrize(
    ("name", "headline", "state"),
    [
        ("promoted", "Version 2 was promoted", "Ended"),
        ("rolled_back", "Version 2 was rolled back", "Ended"),
        ("blue_green", "Version 2 was promoted", "Ended"),
        ("in_holdback", "Version 2 was promoted", "Ended"),
        ("rolled_back_from_holdback", "Version 2 was rolled back", "Ended"),
        ("holding", "Version 2 is held at 50 %", "Running"),
        ("no_harm", "Version 2 was promoted", "Ended"),
        ("first", "Version 1 serves as the first model", "Ended"),
    ],
)
def test_the_headline_says_where_the_rollout_is(name, headline, state) -> None:
    made = report(getattr(played, name)())
    assert (made.headline, made.state) == (headline, state)


def test_a_promotion_by_evidence_says_what_that_is_worth() -> None:
    decision = " ".join(report(played.promoted()).decision)
    assert "Every metric that decides had evidence of 'not worse' of at least 20" in decision


def test_a_promotion_that_a_person_asked_for_claims_no_probability() -> None:
    world = played.holding()
    world.ask("promote", full=True)
    world.until("Healthy")
    decision = " ".join(report(world).decision)
    assert "promoted in full by ana" in decision
    assert "promoted without the evidence" in decision


def test_a_promotion_with_no_harm_says_that_nothing_was_proven() -> None:
    assert "it says only that there was no evidence against the candidate" in " ".join(
        report(played.no_harm()).decision
    )


def test_a_rollback_by_evidence_says_how_often_luck_does_that() -> None:
    decision = " ".join(report(played.rolled_back()).decision)
    assert "had reached 100: luck alone does that to at most 1 % of candidates" in decision


def test_a_rollback_without_evidence_does_not_claim_any() -> None:
    world = played.world((0.01, 0.01))
    world.ready = False
    world.model(2)
    world.until("RolledBack", seconds=60)
    decision = " ".join(report(world).decision)
    assert "it was not the evidence that ended the rollout" in decision
    assert "Nothing was compared" in decision


def test_the_first_revision_has_nothing_to_be_compared_with() -> None:
    made = report(played.first())
    assert made.rollout is not None
    assert (made.rollout.stable, made.metrics) == (None, ())
    assert "there is nothing to compare it with" in made.decision[-1]


def test_a_deployment_without_a_model_has_no_rollout(md) -> None:
    made = report_of(view_of(md.body(spec=md.spec(None), phase="Pending")), moment(md.now))
    assert (made.state, made.rollout, made.revisions) == ("None", None, ())
    assert "No model has been published yet" in made.explanation[0]


def test_evidence_without_a_trail_is_told(md) -> None:
    made = report_of(view_of(md.rolling()), moment(md.now))
    assert made.metrics[0].trail == ()
    assert "Of the evidence only the latest values are known" in made.decision[-1]


def test_a_rollout_that_has_compared_nothing_yet_says_so(md) -> None:
    made = report_of(view_of(md.rolling(analysis=None)), moment(md.now))
    assert "Nothing has been compared yet" in made.decision[-1]


def test_evidence_about_another_candidate_is_not_this_rollouts(md) -> None:
    made = report_of(view_of(md.rolling(analysis={**md.analysis(), "candidate": "ffffffff"})), moment(md.now))
    assert made.metrics == ()


def test_a_spec_that_cannot_be_read_leaves_the_one_that_is_acted_on() -> None:
    world = played.rolled_back()
    body = world.body()
    body["spec"] = {"nonsense": True}
    made = report_of(view_of(body), moment(world.now))
    assert made.promises is not None
    assert made.promises.worse_bound == 100


def test_without_any_readable_spec_the_bounds_are_not_known() -> None:
    world = played.rolled_back()
    body = world.body()
    body["spec"] = body["status"]["actedOn"] = {"nonsense": True}
    made = report_of(view_of(body), moment(world.now))
    assert made.promises is None
    assert "the bounds of the evidence are not known" in " ".join(made.decision)


def test_the_weights_are_the_steps_of_the_canary_and_its_end() -> None:
    assert [point.weight for point in report(played.promoted()).weights] == [0, 10, 50, 100]
    assert [point.weight for point in report(played.rolled_back()).weights] == [0, 10, 50, 0]


def test_blue_green_goes_from_nothing_to_all_and_is_told_to_be_mirrored() -> None:
    made = report(played.blue_green())
    assert [point.weight for point in made.weights] == [0, 100]
    assert made.rollout is not None
    assert made.rollout.mirrored
    assert [step.now for step in made.rollout.steps] == [False, True]


@pytest.mark.parametrize(
    "name", ["promoted", "rolled_back", "blue_green", "holding", "in_holdback", "rolled_back_from_holdback"]
)
def test_what_happened_is_in_the_order_of_time(name) -> None:
    made = report(getattr(played, name)())
    times = [event.at.timestamp() for event in made.events]
    assert times == sorted(times)
    assert [point.at.timestamp() for point in made.weights] == sorted(point.at.timestamp() for point in made.weights)


def test_a_promotion_is_worth_what_its_own_evidence_says_while_a_test_goes_on_after_it() -> None:
    decision = " ".join(report(played.in_holdback()).decision)
    assert "Every metric that decides had evidence of 'not worse' of at least 20" in decision


def test_a_holdback_is_the_last_part_of_the_schedule() -> None:
    made = report(played.in_holdback())
    assert made.rollout is not None
    assert [(step.text, step.now) for step in made.rollout.steps][-1] == (
        "after the promotion the old model keeps 10 % for 10 min, and both are compared",
        True,
    )
    assert made.weights[-1].weight == 90


def test_what_was_rolled_back_after_its_promotion_was_so_by_the_evidence_since_then() -> None:
    made = report(played.rolled_back_from_holdback())
    assert made.metrics[0].verdict == "Worse"
    assert made.rollout is not None
    assert made.rollout.reason.startswith("after its promotion: ")


def test_the_report_of_a_rollback_after_the_promotion_begins_with_the_promotion() -> None:
    made = report(played.rolled_back_from_holdback())
    assert [point.weight for point in made.weights] == [90, 0]
    assert made.events[0].what.endswith("was promoted, and the comparison goes on.")
    assert "2 min after its promotion: errors" in made.decision[0]


def test_without_a_window_since_the_promotion_no_weight_is_made_up() -> None:
    world = played.in_holdback()
    world.status = msgspec.structs.replace(world.status, analysis=None)
    world.problem = ("ScrapeFailed", "no answer")
    world.ask("abort", revision=world.status.stable.revision)
    made = report(world)
    assert made.rollout is not None
    assert (made.rollout.outcome, made.rollout.after_promotion) == ("Aborted", True)
    assert [point.weight for point in made.weights] == [0]


def test_commands_are_events_of_the_rollout_in_which_they_were_given() -> None:
    told = [event.what for event in report(played.promoted()).events]
    assert "ana@example.com asked for pause, done: the rollout stays where it is." in told


def test_a_command_after_the_rollout_is_none_of_its_events() -> None:
    world = played.promoted()
    world.tick(600)
    world.ask("abort", revision="00000000")
    made = report(world)
    assert [command.during for command in made.commands] == [True, True, False]
    assert not any("asked for abort" in event.what for event in made.events)


def test_what_informs_has_no_weight_in_what_decides() -> None:
    weights = {metric.name: metric.weight for metric in report(played.promoted()).metrics}
    assert weights == {"errors": 1.0, "slow": 1.0, "declines": None, "contract": 1.0}


def test_together_is_the_weighted_mean_over_what_decides() -> None:
    made = report(played.rolled_back())
    deciding = [metric.worse for metric in made.metrics if metric.role == "Required"]
    assert made.together is not None
    assert made.together.worse == pytest.approx(sum(deciding) / len(deciding), rel=1e-3)
    assert made.together.trail[-1].worse == made.together.worse


def test_several_bounds_of_a_metric_share_its_weight(md) -> None:
    view = view_of(
        md.rolling(
            spec=md.spec(
                analysis={
                    "metrics": [{"name": "slow", "type": "Latency", "thresholds": ["100ms", "1s"], "weight": 3.0}]
                }
            )
        )
    )
    assert view.spec is not None
    seen = AnalysisStatus(metrics=(MetricStatus(name="slow 0.1s", bound=0.1), MetricStatus(name="slow 1s", bound=1.0)))
    assert [metric.weight for metric in metrics_of(seen, view.spec.analysis)] == [1.5, 1.5]


def test_points_from_before_an_edit_of_the_metrics_are_left_out() -> None:
    values = (1.0, 0.5, 2.0, 1.0, 1.0, 10, 1, 10, 1)
    trail = (
        TrailPoint(at="2026-11-24T10:00:00Z", weight=5, values=(values, values)),
        TrailPoint(at="2026-11-24T10:01:00Z", weight=5, values=(values,)),
    )
    seen = AnalysisStatus(metrics=(MetricStatus(name="errors", candidate=Counts(requests=10)),), trail=trail)
    (metric,) = metrics_of(seen, None)
    assert [point.at for point in metric.trail] == ["2026-11-24T10:01:00Z"]


def test_a_point_of_a_version_that_tells_less_has_unknowns_and_no_crash() -> None:
    trail = (TrailPoint(at="2026-11-24T10:00:00Z", weight=5, values=((1.5,),)),)
    (metric,) = metrics_of(AnalysisStatus(metrics=(MetricStatus(name="errors"),), trail=trail), None)
    assert (metric.trail[0].ratio.estimate, metric.trail[0].ratio.upper, metric.trail[0].candidate.rate) == (
        1.5,
        None,
        None,
    )


def test_a_guard_is_about_one_arm() -> None:
    guard = report(played.promoted()).metrics[-1]
    assert (guard.type, guard.of, guard.limit, guard.stable) == ("Guard", "errors", 0.05, None)
    assert all(point.stable is None for point in guard.trail)


SHAPE = MostDifferent(bin="fraud", candidate=0.41, stable=0.03)


def test_a_shape_has_its_bin_and_no_margin() -> None:
    spec = msgspec.convert(
        {"metrics": [{"name": "errors"}, {"name": "answers", "type": "Outputs"}]}, Analysis, dec_hook=read
    )
    seen = AnalysisStatus(metrics=(MetricStatus(name="answers", role="Inform", shape=SHAPE),))
    (metric,) = metrics_of(seen, spec)
    assert (metric.type, metric.shape, metric.tolerance, metric.margin) == ("Outputs", SHAPE, 0.25, None)


def test_a_rollback_for_what_was_answered_is_one_by_evidence() -> None:
    world = played.rolled_back()
    metrics = [
        {**metric, "verdict": "Differs", "shape": msgspec.to_builtins(SHAPE)}
        for metric in world.body()["status"]["analysis"]["metrics"]
    ]
    told = report(world, analysis={**world.body()["status"]["analysis"], "metrics": metrics})
    assert any("luck alone does that to at most 1 %" in sentence for sentence in told.decision)


def test_evidence_that_goes_on_from_an_earlier_attempt_says_so() -> None:
    world = played.holding()
    world.model(1)
    world.settle()
    world.model(2)
    world.until("Progressing 1/2")
    assert "the evidence goes on from where it was" in " ".join(report(world).decision)


def test_a_candidate_that_was_rolled_back_is_described_while_the_spec_asks_for_it() -> None:
    world = played.rolled_back()
    world.tick(3600)
    candidate, stable = report(world).revisions
    assert (candidate.uri, candidate.standing) == (played.TWO, ("Rejected",))
    assert (stable.uri, stable.standing) == (played.ONE, ("Stable",))


def test_former_revisions_come_last_with_when_they_served() -> None:
    candidate, former = report(played.promoted()).revisions
    assert (candidate.version, candidate.standing) == ("2", ("Stable",))
    assert (former.version, former.standing) == ("1", ("Former",))
    assert former.since is not None


def test_the_fields_of_the_json_are_the_documented_ones() -> None:
    text = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
    documented = set(re.findall(r"`(\w+)(?:\[\])?`", text[text.index("## A report of a rollout") :]))
    assert names_in(encoded(report(played.promoted()))) - documented == set()


def names_in(content: object) -> set[str]:
    if isinstance(content, dict):
        return {str(name) for name in content}.union(*(names_in(part) for part in content.values()))
    return set().union(*(names_in(part) for part in content)) if isinstance(content, list | tuple) else set()
