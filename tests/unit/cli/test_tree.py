"""What the picture shows, as plain text."""

import io

import pytest
from rich.console import Console

from timoneiro_operator.api import names
from timoneiro_operator.api.times import moment
from timoneiro_operator.cli.presentation.evidence import BAR_LENGTH, filled
from timoneiro_operator.cli.presentation.tree import Picture, draw
from timoneiro_operator.cli.presentation.view import view_of


def pod(md, name, revision, *, ready=True, **status):
    containers = [{"ready": ready, "restartCount": 0, "state": {"running": {}}}]
    return {
        "metadata": {
            "name": name,
            "uid": name,
            "labels": {names.LABEL_REVISION: revision},
            "ownerReferences": [{"name": f"fraud-{revision}-predictor-5d4f", "controller": True}],
            "creationTimestamp": md.at(-3 * 3600),
        },
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            "containerStatuses": containers,
            **status,
        },
    }


def service(name, status="True", **condition):
    return {"metadata": {"name": name}, "status": {"conditions": [{"type": "Ready", "status": status, **condition}]}}


def picture(md, body, *, services=(), pods=(), notes=()) -> str:
    out = Console(file=io.StringIO(), width=200)
    out.print(draw(Picture(view=view_of(body), services=services, pods=pods, notes=notes), moment(md.now)))
    return out.file.getvalue()


def line(text, word) -> str:
    return next(row for row in text.splitlines() if word in row).strip(" │├└─")


def test_the_header_has_the_time_that_is_left_in_the_step_and_to_the_deadline(md) -> None:
    text = picture(md, md.rolling())
    assert line(text, "Step") == "Step      2/4 (Weight), 8 min 20 s left"
    assert line(text, "Deadline") == "Deadline  1 h left, then Hold"


def test_the_header_says_whether_the_gateway_has_accepted_the_weight(md) -> None:
    body = md.rolling(traffic={"desired": {"stable": 75, "candidate": 25}, "accepted": False})
    assert "stable 75 %, candidate 25 %, not accepted by the gateway yet" in picture(md, body)


def test_the_header_names_who_paused(md) -> None:
    assert "by ada, since 5m" in picture(md, md.rolling(paused={"by": "ada", "at": md.at(-300)}))


def test_a_pause_without_an_end_has_no_time_left(md) -> None:
    body = md.rolling(step=md.step(kind="Pause", seconds=None, notBefore=None))
    assert line(picture(md, body), "Step").endswith("2/4 (Pause), until a person resumes")


def test_the_revisions_have_their_role_version_and_weight(md) -> None:
    text = picture(md, md.rolling())
    assert line(text, "stable version") == f"stable version 1 ({md.first})  75 %"
    assert line(text, "candidate version") == f"candidate version 2 ({md.second})  25 %"


def test_who_gets_a_copy_of_the_traffic_is_marked(md) -> None:
    body = md.rolling(traffic={"desired": {"stable": 100, "candidate": 0}, "accepted": True, "mirror": "Candidate"})
    assert line(picture(md, body), "candidate version").endswith("0 %  mirrored")


def test_a_candidate_that_is_leaving_says_why(md) -> None:
    body = md.rolling(candidate=md.candidate(leaving={"outcome": "Aborted", "reason": "aborted by ada"}))
    assert line(picture(md, body), "candidate version").endswith("leaving (Aborted: aborted by ada)")


def test_a_warm_former_model_has_the_time_it_is_kept(md) -> None:
    body = md.healthy(retiring=[{**md.part("1"), "was": "Stable", "deleteAt": md.at(600)}])
    assert line(picture(md, body), "retiring") == f"retiring version 1 ({md.first})  0 %, kept warm, deleted in 10 min"


def test_pods_are_below_the_inference_service_of_their_revision(md) -> None:
    text = picture(
        md,
        md.rolling(),
        services=[service(f"fraud-{md.first}"), service(f"fraud-{md.second}")],
        pods=[pod(md, "new-pod", md.second), pod(md, "old-pod", md.first)],
    )
    order = [text.index(word) for word in (f"fraud-{md.first}", "old-pod", f"fraud-{md.second}", "new-pod")]
    assert order == sorted(order)


def test_a_pod_has_readiness_restarts_and_age(md) -> None:
    text = picture(md, md.rolling(), pods=[pod(md, "old-pod", md.first)])
    assert line(text, "old-pod") == "Pod old-pod  ready  1/1  0 restarts  3h"


def test_a_pod_that_waits_says_for_what(md) -> None:
    waiting = [{"ready": False, "restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]
    text = picture(md, md.rolling(), pods=[pod(md, "p", md.second, ready=False, containerStatuses=waiting)])
    assert line(text, "Pod p") == "Pod p  CrashLoopBackOff  0/1  4 restarts  3h"


def test_a_pod_that_cannot_be_scheduled_says_so(md) -> None:
    conditions = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]
    nowhere = pod(md, "p", md.second, ready=False, conditions=conditions, containerStatuses=None, phase="Pending")
    assert "Unschedulable  0/0" in picture(md, md.rolling(), pods=[nowhere])


def test_a_pod_that_is_deleted_is_not_called_ready(md) -> None:
    going = pod(md, "p", md.second)
    going["metadata"]["deletionTimestamp"] = md.at(-1)
    assert "Terminating" in picture(md, md.rolling(), pods=[going])


def test_an_inference_service_that_is_not_there_is_told(md) -> None:
    assert f"InferenceService fraud-{md.second}  not there" in picture(md, md.rolling())


def test_an_inference_service_that_may_not_be_seen_is_not_called_missing(md) -> None:
    assert f"InferenceService fraud-{md.second}  unknown" in picture(md, md.rolling(), services=None)


def test_a_first_revision_has_no_deadline_but_that_of_readiness(md) -> None:
    assert "Deadline" not in picture(md, md.body(phase="Pending", candidate=md.candidate()))


def test_an_inference_service_that_is_not_ready_says_why(md) -> None:
    text = picture(md, md.rolling(), services=[service(f"fraud-{md.second}", "False", reason="PredictorNotReady")])
    assert "not ready (PredictorNotReady)" in text


def test_pods_that_the_status_does_not_name_are_not_hidden(md) -> None:
    text = picture(md, md.rolling(), pods=[pod(md, "stray", "aaaa0000")])
    assert text.index("not in the status") < text.index("stray")


def test_a_pod_with_the_labels_of_a_revision_and_another_owner_is_shown_as_that(md) -> None:
    foreign, own = pod(md, "foreign", md.second), pod(md, "own", md.second)
    foreign["metadata"]["ownerReferences"][0]["name"] = "somebody-else"
    text = picture(md, md.rolling(), pods=[foreign, own])
    assert line(text, "foreign").endswith("of another owner, and counts for nothing")
    assert "counts for nothing" not in line(text, "own  ")


def test_an_evicted_pod_is_called_that(md) -> None:
    evicted = pod(md, "gone", md.second, ready=False, phase="Failed", reason="Evicted", containerStatuses=[])
    assert "Evicted" in line(picture(md, md.rolling(), pods=[evicted]), "gone")


def test_what_could_not_be_read_is_told_below(md) -> None:
    assert "you may not list pods" in picture(md, md.rolling(), notes=["you may not list pods"])


def test_the_evidence_names_the_pair_that_is_compared(md) -> None:
    text = picture(md, md.rolling())
    assert f"Evidence about version 2 ({md.second}) against version 1 ({md.first})" in text


def test_a_metric_has_verdict_ratio_and_the_counts_of_both_arms(md) -> None:
    row = line(picture(md, md.rolling()), "errors")
    assert row == "errors  undecided  candidate 12 of 1,204, stable 30 of 3,600, ratio 1.2x [0.7, 2.1]"


def test_each_kind_of_evidence_has_a_bar_and_its_bound(md) -> None:
    text = picture(md, md.rolling())
    assert line(text, "worse      ") == "worse      █████░░░░░░░░░░░░░░░ 3.2; rolled back at 100"
    assert line(text, "not worse") == "not worse  ░░░░░░░░░░░░░░░░░░░░ 1.1; promotion needs 20"


def test_with_several_metrics_the_mean_that_counts_is_told(md) -> None:
    second = md.metric(name="other", evidence={"worse": 8.8, "notWorse": 1.0})
    analysis = {**md.analysis(md.metric(), second), "worse": 6.0}
    assert "the weighted mean over the metrics that decide: 6.0" in picture(md, md.rolling(analysis=analysis))


def test_a_guard_is_drawn_with_its_rate_and_its_limit(md) -> None:
    guard = md.metric(name="slo", limit=0.02)
    text = picture(md, md.rolling(analysis=md.analysis(md.metric(), guard)))
    assert "0.997 % of 1,204 requests, at most 2 %" in text


def test_a_shape_is_drawn_with_its_bin_and_one_bar(md) -> None:
    shape = {"bin": "fraud", "candidate": 0.41, "stable": 0.03}
    metric = md.metric(name="answers", verdict="Differs", shape=shape)
    text = picture(md, md.rolling(analysis=md.analysis(metric)))
    assert "different  'fraud' 3 % of the stable model's answers, 41 % of the candidate's" in text
    assert line(text, "different  █") == "different  █████░░░░░░░░░░░░░░░ 3.2; rolled back at 100"
    assert "not worse" not in text


def test_a_metric_that_informs_and_one_that_is_missing_say_so(md) -> None:
    metric = md.metric(name="slow", role="Inform", problem="no pod shows a histogram")
    text = picture(md, md.rolling(analysis=md.analysis(metric)))
    assert "(informs, and decides nothing)" in text
    assert "no pod shows a histogram" in text


def test_without_a_comparison_there_is_no_evidence_to_draw(md) -> None:
    assert "Evidence" not in picture(md, md.healthy())


def test_text_of_people_is_no_markup(md) -> None:
    assert "[bold]odd[/bold]" in picture(md, md.rolling(message="[bold]odd[/bold]"))


@pytest.mark.parametrize(
    ("e_value", "cells"), [(0.0, 0), (1.0, 0), (10.0, BAR_LENGTH // 2), (99.9, BAR_LENGTH - 1), (1e300, BAR_LENGTH)]
)
def test_a_bar_is_logarithmic_and_full_only_at_the_bound(e_value, cells) -> None:
    assert filled(e_value, 0.01) == cells


@pytest.mark.parametrize("probability", [0.01, 0.05, 0.001, 0.3])
def test_the_bound_itself_fills_the_bar(probability) -> None:
    assert filled(1 / probability, probability) == BAR_LENGTH
