"""Why a running rollout is where it is, and what would move it. Pure; `explain` is the way in."""

from timoneiro_operator.api.analysis_status import MetricStatus
from timoneiro_operator.api.duration import format_duration
from timoneiro_operator.api.spec import Spec
from timoneiro_operator.api.status import Candidate, Step
from timoneiro_operator.api.times import Moment, clock
from timoneiro_operator.cli.presentation.text import ago, big_name, bound, left, measured_text, sentence, upper
from timoneiro_operator.cli.presentation.view import View
from timoneiro_operator.decide.steps import requests_of, waits_for_a_person
from timoneiro_operator.decide.text import given_text, number, warm_up_sentence
from timoneiro_operator.decide.warm_up import warms_up_until


def explain_rollout(view: View, candidate: Candidate, now: Moment) -> list[str]:
    """Sentences about a candidate beside a stable model."""
    status, step = view.status, view.status.step
    if view.not_taken is not None:
        sentences = [f"It goes no further, and is tried again every few seconds: {sentence(view.not_taken.message)}"]
    elif candidate.instant is not None:
        sentences = _instant(view, candidate, now)
    elif status.paused is not None:
        sentences = _paused(view, now)
    elif step is None:
        sentences = _not_ready(view, candidate, now)
    elif step.kind == "Pause":
        sentences = _scheduled_pause(view, step, now)
    elif step.kind == "Promotion":
        sentences = [
            f"{big_name(candidate)} gets all traffic: it is promoted as soon as the gateway has accepted that."
        ]
    elif step.started_at is None:
        sentences = [f"{_place(step)} begins when the gateway has accepted it: {sentence(status.message)}"]
    elif step.kind == "Listed":
        sentences = [f"{big_name(candidate)} is ready and in the route; it gets its first traffic in a moment."]
    else:
        sentences = _in_step(view, step, now)
    if status.phase == "Holding" and status.message.rstrip(".") not in " ".join(sentences):
        sentences = [f"It is held where it is: {sentence(status.message)}", *sentences]
    paused = status.paused is not None or waits_for_a_person(step)
    deadline = [] if paused else _deadline(view, candidate, now)
    return [
        *sentences,
        *_warm_up(view, now),
        *_metrics_away(view),
        *_evidence(view, candidate),
        *_needs(view, candidate),
        *deadline,
    ]


def _instant(view: View, candidate: Candidate, now: Moment) -> list[str]:
    sentences = [
        f"{big_name(candidate)} goes to all traffic without steps, as soon as it is ready and the gateway has accepted "
        f"that: {sentence(candidate.instant or '')}"
    ]
    return sentences if candidate.ready else [*sentences, *_until_ready(candidate, now)]


def _not_ready(view: View, candidate: Candidate, now: Moment) -> list[str]:
    return [
        f"{big_name(candidate)} gets no traffic before all its replicas are ready: {sentence(view.status.message)}",
        *_until_ready(candidate, now),
    ]


def _until_ready(candidate: Candidate, now: Moment) -> list[str]:
    until = candidate.progress_deadline
    if until is None:
        return []
    remaining = left(until, now)
    when = f", in {format_duration(remaining)}" if remaining > 0 else ", which is over"
    return [f"If it is not ready at {clock(until)}{when} (rollout.progressDeadline), it is rolled back."]


def _paused(view: View, now: Moment) -> list[str]:
    paused = view.status.paused
    assert paused is not None
    where = f" in {_place(view.status.step, small=True)}" if view.status.step else ""
    return [
        f"{paused.by} paused the rollout{where} at {clock(paused.at)}, {ago(paused.at, now)}. The weight stays where "
        "it is; evidence of harm still rolls the candidate back, and the deadline moves by as long as this takes.",
        f"`timoneiro resume {view.name}` lets it go on, `timoneiro abort {view.name}` rolls the candidate back.",
    ]


def _scheduled_pause(view: View, step: Step, now: Moment) -> list[str]:
    what = f"The schedule pauses in step {step.index + 1}/{step.count}, at {step.weight} % of the traffic,"
    if step.seconds is None:
        return [
            f"{what} until a person lets it go on: `timoneiro resume {view.name}`, or `timoneiro abort {view.name}` "
            "to roll the candidate back. The deadline moves by as long as this takes.",
        ]
    if step.not_before is None or left(step.not_before, now) <= 0:
        return [f"{what} and its time is over: the next step begins in a moment."]
    remaining = format_duration(left(step.not_before, now))
    return [f"{what} for another {remaining}; `timoneiro promote {view.name}` ends that now."]


def _in_step(view: View, step: Step, now: Moment) -> list[str]:
    """Time, then requests, then evidence: the first that is missing is what the step waits for."""
    missing = _missing_requests(view, step)
    remaining = left(step.not_before, now) if step.not_before else 0.0
    if remaining > 0:
        more = f", and needs {missing:,} more requests of the candidate" if missing else ""
        return [f"{_place(step)} takes another {format_duration(remaining)}{more}."]
    if missing:
        return [
            f"{_place(step)} has had its time and waits for {missing:,} more requests of the candidate "
            "(analysis.minRequests): more traffic, or a smaller number there, would end it."
        ]
    if step.index + 1 < step.count:
        return [f"{_place(step)} is done; it waits: {sentence(view.status.message)}"]
    return [
        f"{_place(step)}, the last one, is done; what is missing is the decision: {sentence(view.status.message)}",
        f"`timoneiro promote {view.name}` promotes without more evidence.",
    ]


def _missing_requests(view: View, step: Step) -> int:
    if view.spec is None:
        return 0
    return max(0, view.spec.analysis.min_requests - (requests_of(view.status) - step.requests_before))


def _warm_up(view: View, now: Moment) -> list[str]:
    """Until when it warms up, and what it has done that is not compared."""
    spec, seen = view.spec, view.status.analysis.warm_up if view.status.analysis is not None else None
    if spec is None:
        return []
    sentences, until = list[str](), warms_up_until(view.status, spec.analysis)
    if until is not None and now < until:
        length = format_duration(spec.analysis.warm_up)
        sentences.append(
            f"It warms up until {clock(until)}: its pods count from {length} after they are ready and get "
            "traffic (analysis.warmUp)."
        )
    if seen is not None:
        sentences.append(
            f"{upper(warm_up_sentence(seen))} (analysis.warmUpLimit). These requests are not compared; evidence that "
            f"the limit is passed {number(seen.worse)}."
        )
    return sentences


def _metrics_away(view: View) -> list[str]:
    condition = view.condition("MetricsAvailable")
    if condition is None or condition.status != "False":
        return []
    return [
        f"There have been no metrics since {clock(condition.last_transition_time)} ({condition.reason}): "
        f"{sentence(condition.message)} Until they are back the weight is frozen: no data is no evidence."
    ]


def _evidence(view: View, candidate: Candidate) -> list[str]:
    """One sentence for each metric with counts: what was seen, and how far it is from either bound."""
    analysis, spec = view.status.analysis, view.spec
    if analysis is None or spec is None or analysis.candidate not in ("", candidate.revision):
        return []
    return [_metric(metric, spec) for metric in analysis.metrics if metric.candidate.requests or metric.problem]


def _metric(metric: MetricStatus, spec: Spec) -> str:
    worse, enough = bound(spec.analysis.false_rollback), bound(spec.analysis.false_promotion)
    if metric.problem is not None:
        return f"{metric.name}: nothing is counted: {metric.problem}."
    several = " in the weighted mean over all metrics that decide" if len(spec.analysis.metrics) > 1 else ""
    if metric.limit is not None:
        return (
            f"{metric.name}: {measured_text(metric)}; evidence of more than that {number(metric.evidence.worse)}, "
            f"at {worse}{several} the candidate is rolled back."
        )
    if metric.shape is not None:
        then = f"at {worse}{several} the candidate is rolled back"
        if metric.role == "Inform":
            then = "which informs and decides nothing"
        return (
            f"{metric.name}: {measured_text(metric)}; evidence that the models differ {number(metric.evidence.worse)}, "
            f"{then}. Different is not always worse."
        )
    if metric.role == "Inform":
        return f"{metric.name}: {measured_text(metric)}; it informs and decides nothing."
    promotion = f"evidence of 'not worse' {number(metric.evidence.not_worse)}, promotion needs {enough}"
    if metric.verdict == "NotWorse":
        promotion = f"evidence of 'not worse' {number(metric.evidence.not_worse)}, which is enough ({enough})"
    elif spec.analysis.promotion == "NoHarm":
        promotion = "promotion needs no evidence (analysis.promotion: NoHarm)"
    return (
        f"{metric.name}: {measured_text(metric)}; evidence of 'worse' "
        f"{number(metric.evidence.worse)}, at {worse}{several} the candidate is rolled back; {promotion}."
    )


def _needs(view: View, candidate: Candidate) -> list[str]:
    """What was estimated when counting began, as long as something is not decided."""
    analysis = view.status.analysis
    if analysis is None or analysis.preflight is None or analysis.candidate != candidate.revision:
        return []
    foreseen = {one.name for one in analysis.preflight.metrics}
    waited_for = [metric for metric in analysis.metrics if metric.role == "Required" and metric.name in foreseen]
    if all(metric.verdict == "NotWorse" for metric in waited_for):
        return []
    return [f"Estimated at {clock(analysis.preflight.began_at)}: {sentence(analysis.preflight.message)}"]


def _deadline(view: View, candidate: Candidate, now: Moment) -> list[str]:
    spec = view.spec
    if candidate.deadline is None or spec is None or candidate.instant is not None:
        return []
    remaining, wish = left(candidate.deadline, now), spec.rollout.on_inconclusive
    then = {
        "Hold": "the rollout holds where it is until there is evidence, or a person promotes or aborts it",
        "Rollback": "the candidate is rolled back",
        "Promote": "the candidate is promoted",
    }[wish]
    if remaining <= 0:
        return [
            f"The deadline was {clock(candidate.deadline)}: without evidence {then} (rollout.onInconclusive: {wish})."
        ]
    return [
        f"If it is not decided at {clock(candidate.deadline)}, in {format_duration(remaining)}, {then} "
        f"(rollout.onInconclusive: {wish})."
    ]


def _place(step: Step | None, *, small: bool = False) -> str:
    """A step in words: `Step 2/4 (25 % of the traffic)`."""
    if step is None:
        return ""
    what = {
        "Listed": "in the route, without traffic",
        "Pause": f"pause at {step.weight} %",
        "Promotion": "all of the traffic",
    }.get(step.kind, given_text(step))
    if step.index < 0 or step.index >= step.count:
        text = f"The {'entry' if step.index < 0 else 'promotion'} ({what})"
        return text[0].lower() + text[1:] if small else text
    return f"{'step' if small else 'Step'} {step.index + 1}/{step.count} ({what})"
