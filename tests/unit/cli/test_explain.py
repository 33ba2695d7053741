"""The sentences of `explain`: in each state the reason, and what would change it."""

from timoneiro_operator.api.times import clock, moment, read_moment
from timoneiro_operator.cli.presentation.explain import explain
from timoneiro_operator.cli.presentation.view import view_of


def why(md, body) -> str:
    return "\n".join(explain(view_of(body), moment(md.now)))


def test_a_deployment_that_was_never_seen_asks_for_the_operator(md) -> None:
    assert "is it running" in why(md, md.body())


def test_a_status_about_an_older_spec_is_told_first(md) -> None:
    assert explain(view_of(md.rolling(observedGeneration=2)), moment(md.now))[0].startswith(
        "The operator has not seen the"
    )


def test_without_a_model_it_waits_for_one_to_be_published(md) -> None:
    assert "No model has been published yet" in why(md, md.body(spec=md.spec(None), phase="Pending"))


def test_a_first_model_waits_until_a_time_for_readiness(md) -> None:
    candidate = md.part("2", progressDeadline=md.at(90))
    text = why(md, md.body(phase="Pending", message="it is not ready yet", candidate=candidate))
    assert "gets all traffic as soon as it is ready" in text
    assert "2026-11-24 10:01:30 UTC (in 1 min 30 s)" in text


def test_a_first_model_that_does_not_get_ready_says_what_is_named_in_the_message(md) -> None:
    text = why(md, md.body(phase="Degraded", message="FailedLoad: no such bucket", candidate=md.part("2")))
    assert "It does not get there: FailedLoad: no such bucket." in text


def test_a_message_that_ends_with_a_full_stop_gets_no_second_one(md) -> None:
    text = why(md, md.body(phase="Degraded", message="FailedLoad: log in first.", candidate=md.part("2")))
    assert "log in first. Fix" in text


def test_a_candidate_that_is_not_ready_is_rolled_back_at_its_deadline(md) -> None:
    candidate = md.part("2", progressDeadline=md.at(300), deadline=md.at(3600))
    text = why(md, md.rolling(candidate=candidate, step=None, message="version 2 is not ready yet", analysis=None))
    assert "gets no traffic before all its replicas are ready" in text
    assert "If it is not ready at 2026-11-24 10:05:00 UTC, in 5 min (rollout.progressDeadline), it is rolled" in text


def test_a_step_says_how_long_it_takes(md) -> None:
    assert "Step 2/4 (25 % of the traffic) takes another 8 min 20 s." in why(md, md.rolling())


def test_a_step_says_how_many_requests_are_missing_besides(md) -> None:
    body = md.rolling(step=md.step(requestsBefore=1150))
    assert "takes another 8 min 20 s, and needs 46 more requests of the candidate." in why(md, body)


def test_a_step_that_has_had_its_time_waits_for_requests(md) -> None:
    body = md.rolling(phase="Holding", step=md.step(requestsBefore=1150, notBefore=md.at(-1)))
    assert "has had its time and waits for 46 more requests" in why(md, body)


def test_until_when_a_candidate_warms_up_is_said_and_then_no_longer(md) -> None:
    since = {**md.candidate(), "trafficSince": md.at(-20)}
    text = why(md, md.rolling(candidate=since))
    assert f"It warms up until {clock(read_moment(md.at(40)))}: its pods count from 1 min after they are ready" in text
    assert "warms up" not in why(md, md.rolling(candidate={**since, "trafficSince": md.at(-60)}))
    assert "warms up" not in why(md, md.rolling(candidate=since, spec=md.spec(analysis={"warmUp": "10s"})))


def test_what_was_not_compared_is_counted_beside_its_limit(md) -> None:
    counted = {"limit": 0.5, "candidate": {"requests": 120, "events": 9}, "stable": {"requests": 2280, "events": 4}}
    text = why(md, md.rolling(analysis={**md.analysis(), "warmUp": {**counted, "worse": 0.2}}))
    assert "9 of 120 requests failed while it warmed up (7.5 %), at most 50 % may; of the stable model 4 of" in text
    assert "evidence that the limit is passed 0.2." in text


def test_the_minimum_of_requests_is_that_of_the_spec(md) -> None:
    spec = md.spec(analysis={"minRequests": 54})
    assert "more requests" not in why(md, md.rolling(spec=spec, step=md.step(requestsBefore=1150)))


def test_a_weight_that_the_gateway_has_not_accepted_has_not_begun(md) -> None:
    body = md.rolling(step=md.step(startedAt=None, notBefore=None), message="waiting for the gateway")
    assert "begins when the gateway has accepted it: waiting for the gateway." in why(md, body)


def test_a_mirrored_candidate_gets_a_copy(md) -> None:
    body = md.rolling(step=md.step(kind="Mirror", index=0, count=2, weight=0))
    assert "Step 1/2 (a copy of the traffic) takes another" in why(md, body)


def test_a_holdback_says_who_serves_what_until_when_and_what_ends_it(md) -> None:
    text = why(md, md.held_back())
    assert (
        f"Version 2 ({md.second}) has 90 % of the traffic and was promoted at 2026-11-24 09:50:00 UTC; "
        f"version 1 ({md.first}) keeps 10 % until 2026-11-24 10:20:00 UTC, for another 20 min "
        "(rollout.holdback, rollout.keepStable)." in text
    )
    assert (
        f"`timoneiro promote fraud` ends that now, `timoneiro abort fraud` rolls version 2 ({md.second}) back." in text
    )


def test_a_holdback_shows_the_evidence_since_the_promotion(md) -> None:
    body = md.held_back()
    assert "evidence of 'worse' 3.2, at 100 it is rolled back." in why(md, body)


def test_a_holdback_says_what_is_not_counted_and_what_informs(md) -> None:
    metrics = [md.metric(name="slow", problem="no series"), md.metric(name="declines", role="Inform")]
    text = why(md, md.held_back(analysis=md.analysis(*metrics)))
    assert "slow: nothing is counted: no series." in text
    assert text.count("it informs and decides nothing.") == 1


def test_a_holdback_without_counts_has_no_evidence_to_tell_of(md) -> None:
    assert "evidence of 'worse'" not in why(md, md.held_back(analysis=None))


def test_a_bake_sends_a_copy_to_the_old_model(md) -> None:
    step = md.step(kind="Bake", index=1, count=1, weight=100, notBefore=None)
    text = why(md, md.held_back(step=step))
    assert f"version 1 ({md.first}) gets a copy of it (rollout.blueGreen.bake)." in text


def test_a_person_who_paused_is_named_with_the_ways_out(md) -> None:
    text = why(md, md.rolling(phase="Paused", paused={"by": "ada", "at": md.at(-120)}))
    assert "ada paused the rollout in step 2/4 (25 % of the traffic) at 2026-11-24 09:58:00 UTC, 2 min ago." in text
    assert "`timoneiro resume fraud` lets it go on, `timoneiro abort fraud` rolls the candidate back." in text


def test_a_pause_is_not_threatened_with_a_deadline_that_moves(md) -> None:
    assert "If it is not decided" not in why(md, md.rolling(phase="Paused", paused={"by": "ada", "at": md.at(-120)}))


def test_a_pause_of_the_schedule_without_an_end_waits_for_a_person(md) -> None:
    body = md.rolling(phase="Paused", step=md.step(kind="Pause", seconds=None, notBefore=None))
    assert "until a person lets it go on: `timoneiro resume fraud`" in why(md, body)


def test_a_timed_pause_of_the_schedule_says_how_long_and_how_to_end_it(md) -> None:
    text = why(md, md.rolling(phase="Paused", step=md.step(kind="Pause")))
    assert "for another 8 min 20 s; `timoneiro promote fraud` ends that now." in text


def test_the_evidence_is_told_against_both_bounds(md) -> None:
    text = why(md, md.rolling())
    assert "candidate 12 of 1,204, stable 30 of 3,600, ratio 1.2x [0.7, 2.1]" in text
    assert "evidence of 'worse' 3.2, at 100 the candidate is rolled back" in text
    assert "evidence of 'not worse' 1.1, promotion needs 20." in text


def test_the_bounds_are_those_of_the_spec(md) -> None:
    body = md.rolling(spec=md.spec(analysis={"falseRollback": 0.001, "falsePromotion": 0.1}))
    assert "at 1,000 the candidate" in why(md, body)
    assert "promotion needs 10." in why(md, body)


def test_with_several_metrics_the_mean_counts(md) -> None:
    metrics = [{"name": "errors"}, {"name": "other"}]
    body = md.rolling(spec=md.spec(analysis={"metrics": metrics}))
    assert "at 100 in the weighted mean over all metrics that decide the candidate is rolled back" in why(md, body)


def test_a_metric_that_is_decided_says_that_it_is_enough(md) -> None:
    metric = md.metric(verdict="NotWorse", evidence={"worse": 0.1, "notWorse": 25.0})
    assert "evidence of 'not worse' 25, which is enough (20)." in why(md, md.rolling(analysis=md.analysis(metric)))


def test_a_promotion_without_harm_needs_no_evidence(md) -> None:
    assert "promotion needs no evidence" in why(md, md.rolling(spec=md.spec(analysis={"promotion": "NoHarm"})))


def test_evidence_about_an_earlier_candidate_is_not_told_of_this_one(md) -> None:
    body = md.rolling(analysis={**md.analysis(), "candidate": "aaaa0000"})
    assert "1,204" not in why(md, body)


def test_holding_at_the_end_of_the_schedule_says_what_is_missing_and_how_to_decide(md) -> None:
    step = md.step(index=3, weight=50, notBefore=md.at(-10))
    text = why(md, md.rolling(phase="Holding", message="more evidence of 'not worse' is needed", step=step))
    assert "the last one, is done; what is missing is the decision: more evidence of 'not worse' is needed." in text
    assert "`timoneiro promote fraud` promotes without more evidence." in text


def test_the_deadline_says_what_happens_then(md) -> None:
    text = why(md, md.rolling(spec=md.spec(rollout={"onInconclusive": "Rollback"})))
    assert (
        "at 2026-11-24 11:00:00 UTC, in 1 h, the candidate is rolled back (rollout.onInconclusive: Rollback)." in text
    )


def test_a_deadline_that_has_passed_is_told_in_the_past(md) -> None:
    body = md.rolling(phase="Holding", candidate={**md.candidate(), "deadline": md.at(-60)})
    assert "The deadline was 2026-11-24 09:59:00 UTC: without evidence the rollout holds" in why(md, body)


def test_missing_metrics_freeze_the_weight_since_a_time(md) -> None:
    gone = md.condition("MetricsAvailable", "False", "ScrapeFailed", "no pod answers")
    text = why(md, md.rolling(phase="Holding", conditions=[gone]))
    assert "There have been no metrics since 2026-11-24 09:58:00 UTC (ScrapeFailed): no pod answers." in text


def test_a_candidate_that_leaves_and_has_no_traffic_waits_for_the_gateway(md) -> None:
    leaving = md.candidate(leaving={"outcome": "RolledBack", "reason": "errors 9x: worse"})
    body = md.rolling(candidate=leaving, traffic={"desired": {"stable": 100, "candidate": 0}})
    text = why(md, body)
    assert "is being removed (RolledBack): errors 9x: worse." in text
    assert "as soon as the gateway has accepted" in text


def test_a_candidate_that_leaves_and_keeps_traffic_points_to_the_stable_model(md) -> None:
    leaving = md.candidate(leaving={"outcome": "Aborted", "reason": "aborted by ada"})
    assert "It keeps 25 % of the traffic only until the stable model can take it" in why(
        md, md.rolling(candidate=leaving)
    )


def test_an_instant_candidate_goes_to_all_traffic_for_its_reason(md) -> None:
    body = md.rolling(candidate=md.candidate(instant="rolled back by ada", asked=True), step=None)
    assert "goes to all traffic without steps" in why(md, body)
    assert "rolled back by ada." in why(md, body)


def test_a_rolled_back_revision_says_which_why_and_what_to_do(md) -> None:
    text = why(md, md.rolled_back(analysis=md.analysis()))
    assert f"Version 2 ({md.second}) was rolled back 5 min ago: errors 2.3x [1.4, 3.9]: worse." in text
    assert "Evidence when it was rolled back, errors: candidate 12 of 1,204" in text
    assert "`timoneiro retry fraud`" in text
    assert f"Version 1 ({md.first}) serves all traffic." in text


def test_a_rollback_that_the_gateway_has_not_accepted_says_so(md) -> None:
    assert "the gateway has not accepted that yet" in why(md, md.rolled_back(phase="RollingBack"))


def test_degraded_says_what_to_mend_and_offers_the_former_model(md) -> None:
    text = why(md, md.healthy(phase="Degraded", message="version 2 has no ready replica"))
    assert "does not serve as it should: version 2 has no ready replica." in text
    assert "`timoneiro rollback fraud`" in text


def test_a_route_that_is_not_accepted_is_told_beside_every_state(md) -> None:
    route = md.condition("RouteAccepted", "False", "NoMatchingParent", "no such gateway")
    text = why(md, md.healthy(conditions=[route]))
    assert "The gateway does not accept the route (RouteNotAccepted, NoMatchingParent, since 2026-11-24" in text


def test_an_invalid_spec_says_that_nothing_was_touched(md) -> None:
    invalid = md.condition("Ready", "False", "InvalidSpec", "steps must rise")
    text = why(md, md.healthy(conditions=[invalid]))
    assert "The spec is invalid and is not acted on: steps must rise. Nothing that serves is touched" in text
    assert f"Version 2 ({md.second}) serves all traffic" in text


def test_an_invalid_spec_of_a_new_deployment_is_explained_before_anything_serves(md) -> None:
    assert "Nothing serves yet." in why(md, md.body(spec={"route": {}}))


def test_a_spec_that_only_the_operator_can_read_is_not_called_invalid(md) -> None:
    text = why(md, md.healthy(spec={"route": {}}))
    assert "cannot read the spec" in text
    assert "is invalid" not in text


def test_healthy_lists_what_can_be_gone_back_to_and_that_it_has_to_start(md) -> None:
    text = why(md, md.healthy())
    assert f"`timoneiro rollback fraud --to {md.first}` goes back to version 1 ({md.first}), as soon as it has" in text


def test_healthy_says_how_long_the_former_model_is_still_warm(md) -> None:
    warm = {**md.part("1"), "was": "Stable", "deleteAt": md.at(600)}
    assert "at once: it is kept warm for another 10 min." in why(md, md.healthy(retiring=[warm]))


def test_a_model_whose_time_has_come_is_not_called_warm(md) -> None:
    warm = {**md.part("1"), "was": "Stable", "deleteAt": md.at(-1)}
    assert "kept warm" not in why(md, md.healthy(retiring=[warm]))


def test_a_candidate_that_was_rolled_back_is_no_warm_former_model(md) -> None:
    item = {**md.part("1"), "was": "Candidate", "deleteAt": md.at(600)}
    assert "kept warm" not in why(md, md.healthy(retiring=[item]))


def test_healthy_without_a_former_model_says_that_there_is_none(md) -> None:
    assert "There is no former model to go back to." in why(md, md.healthy(revisions=[md.snapshot("2", -7200)]))


def test_a_withdrawn_model_goes_on_serving(md) -> None:
    assert "The spec names no model any more" in why(md, md.healthy(spec=md.spec(None)))


def test_a_command_without_an_answer_is_told(md) -> None:
    body = md.rolling()
    body["metadata"]["annotations"] = {
        "timoneiro.dev/command": '{"id": "c-1", "action": "abort", "revision": "x", "by": "ada"}'
    }
    assert "The command 'abort' of ada (claimed) has not been answered" in why(md, body)


def test_a_command_with_an_answer_is_history(md) -> None:
    body = md.rolling(commands=[md.record("c-1")])
    body["metadata"]["annotations"] = {"timoneiro.dev/command": '{"id": "c-1", "action": "abort", "revision": "x"}'}
    assert "has not been answered" not in why(md, body)


def test_what_had_to_be_put_back_is_told(md) -> None:
    body = md.healthy(restored={"what": "the route of fraud was edited", "at": md.at(-60)})
    assert "The route of fraud was edited by somebody else, and was put back 1 min ago." in why(md, body)


def test_a_guard_is_told_with_its_rate_and_its_limit(md) -> None:
    guard = md.metric(name="slo", limit=0.02)
    text = why(md, md.rolling(analysis=md.analysis(md.metric(), guard)))
    assert "slo: 0.997 % of 1,204 requests, at most 2 %; evidence of more than that 3.2, at 100" in text


def test_what_only_informs_is_told_as_that(md) -> None:
    text = why(md, md.rolling(analysis=md.analysis(md.metric(role="Inform", bound=0.25, secondsLeft=600.0))))
    assert "errors: slower than 0.25 s: candidate 12 of 1,204" in text
    assert "about 10 min more to a decision; it informs and decides nothing." in text


def test_a_metric_that_is_not_counted_is_told_with_the_reason(md) -> None:
    text = why(md, md.rolling(analysis=md.analysis(md.metric(problem="no histogram"))))
    assert "errors: nothing is counted: no histogram." in text


def test_what_the_operator_lacks_is_told_whatever_the_state(md) -> None:
    words = "the operator may not list pods: neither readiness nor metrics are known"
    lacking = md.condition("OperatorReady", "False", "PermissionMissing", words)
    for body in (md.healthy(conditions=[lacking]), md.rolling(conditions=[lacking])):
        assert "The operator has lacked something since" in why(md, body)
        assert words in why(md, body)


def test_what_keeps_an_autoscaler_from_taking_pods_away_is_told(md) -> None:
    body = md.rolling(stable=md.part("1", replicas=8), candidate=md.candidate(replicas=4))
    text = why(md, body)
    assert "Autoscalers are held at the replicas that the traffic may need" in text
    assert f"version 1 ({md.revision('1')}) at 8, version 2 ({md.revision('2')}) at 4." in text
    assert "Autoscalers" not in why(md, md.rolling())


def test_that_requests_reach_a_transformer_first_is_said_of_the_revisions_that_have_one(md) -> None:
    with_one = {**md.snapshot("2"), "transformer": {"containers": [{"image": "tokens:1"}]}}
    text = why(md, md.rolling(revisions=[md.snapshot("1", -86400), with_one]))
    assert f"Requests to version 2 ({md.revision('2')}) reach a transformer first, which calls the predictor of" in text
    assert "transformer" not in why(md, md.rolling())


def test_the_transformers_that_an_autoscaler_is_held_at_are_told_beside_the_others(md) -> None:
    stable = md.part("1", ready=True, replicas=8, transformerReplicas=4)
    text = why(md, md.rolling(stable=stable, candidate=md.candidate(transformerReplicas=2)))
    assert f"version 1 ({md.revision('1')}) at 8 and 4 of its transformer, version 2" in text
    assert text.endswith(f"({md.revision('2')}) at 2 of its transformer.")


SHAPE = {
    "name": "answers",
    "verdict": "Differs",
    "shape": {"bin": "fraud", "candidate": 0.41, "stable": 0.03},
    "evidence": {"worse": 150.0, "notWorse": 1.0},
}
BIN = "answers: 'fraud' 3 % of the stable model's answers, 41 % of the candidate's, after 1,204 requests"


def test_a_shape_that_decides_is_told_with_its_bin_and_that_different_is_not_always_worse(md) -> None:
    text = why(md, md.rolling(analysis=md.analysis(md.metric(**SHAPE))))
    assert BIN in text
    assert "evidence that the models differ 150, at 100 the candidate is rolled back. Different is not always" in text


def test_a_shape_that_informs_is_told_as_that(md) -> None:
    text = why(md, md.rolling(analysis=md.analysis(md.metric(**SHAPE, role="Inform"))))
    assert "evidence that the models differ 150, which informs and decides nothing. Different" in text


def test_a_candidate_that_was_rolled_back_for_its_answers_is_told_with_the_bin(md) -> None:
    analysis = {**md.analysis(md.metric(**SHAPE)), "candidate": md.second}
    text = why(md, md.rolled_back(analysis=analysis))
    assert f"Evidence when it was rolled back, {BIN}" in text


def needing(md, verdict: str = "Undecided", revision: str | None = None) -> str:
    needed = {"requests": 7200.0, "seconds": 600.0}
    errors = {"name": "errors", "rate": 0.005, "requestsPerSecond": 100.0, "notWorse": needed, "worse": needed}
    message = "errors: it needs 7,200 requests."
    preflight = {"beganAt": md.at(-900), "metrics": [errors], "message": message, "late": False}
    analysis = {**md.analysis(md.metric(verdict=verdict)), "preflight": preflight}
    return why(md, md.rolling(analysis={**analysis, "candidate": revision or analysis["candidate"]}))


def test_what_a_decision_needs_is_repeated_until_it_is_there(md) -> None:
    sentence = "Estimated at 2026-11-24 09:45:00 UTC: errors: it needs 7,200 requests."
    assert sentence in needing(md)
    assert sentence not in needing(md, verdict="NotWorse")
    assert sentence not in needing(md, revision="another")


def from_pipeline(md, **annotations: str) -> str:
    body = md.rolling()
    body["metadata"]["annotations"] = {f"timoneiro.dev/{name}": text for name, text in annotations.items()}
    return why(md, body)


def test_where_the_model_of_the_spec_comes_from_is_told(md) -> None:
    text = from_pipeline(md, run="20260131-030000", commit="c0ffee-dirty")
    assert (
        "Version 2 comes from run 20260131-030000 and commit c0ffee-dirty, as the pipeline says that has published it."
        in text
    )


def test_what_the_pipeline_does_not_know_is_left_out(md) -> None:
    assert "Version 2 comes from run r-1, as" in from_pipeline(md, run="r-1")
    assert "comes from" not in from_pipeline(md)


def test_what_somebody_has_written_as_a_run_is_one_line_of_plain_text(md) -> None:
    assert f"run a[2Jb{'x' * 123}, as" in from_pipeline(md, run=f"a\x1b[2J\nb{'x' * 500}")


def test_without_a_model_nothing_is_said_of_where_it_comes_from(md) -> None:
    body = md.body(spec=md.spec(None), phase="Pending")
    body["metadata"]["annotations"] = {"timoneiro.dev/run": "r-1"}
    assert "r-1" not in why(md, body)
